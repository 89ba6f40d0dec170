"""How long an endpoint asks to wait, in each of the forms that are in use."""

import pytest

from streams.teacher.retry_after import retry_after

NOW = 1_764_000_000.0


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": "0.25"}, 0.25),
        ({"retry-after": "7", "retry-after-ms": "1500"}, 1.5),
        ({"retry-after": "7", "retry-after-ms": "soon"}, 7.0),
        ({"retry-after": "Mon, 24 Nov 2025 16:01:00 GMT"}, 60.0),
        ({"retry-after": "Mon, 24 Nov 2025 16:01:00"}, 60.0),
        ({"retry-after": "Mon, 24 Nov 2025 15:00:00 GMT"}, 0.0),
        ({"retry-after": "Mon, 24 Nov 99999 15:00:00 GMT"}, None),
        ({"retry-after": "-1"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "1e999"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": ""}, None),
    ],
)
def test_seconds_milliseconds_and_dates_are_read(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after(headers, NOW) == seconds
