"""A proven share reads as no more than is proven."""

import pytest

from models.proven_share import at_least


@pytest.mark.parametrize(
    ("share", "digits", "text"),
    [
        (0.94996, 1, "94.9%"),
        (0.9996, 1, "99.9%"),
        (0.95, 1, "95.0%"),
        (0.57, 1, "57.0%"),
        (0.949999, 2, "94.99%"),
        (0.0, 1, "0.0%"),
        (1.0, 1, "100.0%"),
    ],
)
def test_a_proven_share_is_rounded_down(share: float, digits: int, text: str) -> None:
    assert at_least(share, digits) == text
