"""A gateway asks for as many open files as its connections take."""

import logging
import resource

import pytest

from streams.gateway.open_files import allow_open_files


@pytest.mark.parametrize(
    ("before", "most", "after", "warned"),
    [
        (1_024, 100_000, 3_024, False),
        (1_024, resource.RLIM_INFINITY, 3_024, False),
        (1_024, 2_000, 2_000, True),
        (2_000, 2_000, None, True),
        (50_000, 100_000, None, False),
        (resource.RLIM_INFINITY, resource.RLIM_INFINITY, None, False),
    ],
)
def test_the_limit_is_raised_as_far_as_it_goes(
    before: int,
    most: int,
    after: int | None,
    warned: bool,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    limits = list[tuple[int, int]]()
    monkeypatch.setattr(resource, "getrlimit", lambda _: (before, most))
    monkeypatch.setattr(resource, "setrlimit", lambda _, wanted: limits.append(wanted))
    with caplog.at_level(logging.WARNING):
        allow_open_files(1_000)
    assert limits == ([] if after is None else [(after, most)])
    assert bool(caplog.records) == warned
