"""A view that is drawn again outlives a server that is away, and ends at Ctrl-C."""

import pytest
from rich.text import Text

from infra.console.redraw import View, redraw
from streams.errors import StateUnavailable


def test_an_outage_is_shown_beside_what_was_read_last() -> None:
    answers: list[int | None] = [1, None, 2]

    def read() -> int:
        if (answer := answers.pop(0)) is None:
            raise StateUnavailable("Redis is away")
        return answer

    view = View(read)
    seen = [(view.shown, view.problem)]
    for _ in range(2):
        view.refresh()
        seen.append((view.shown, view.problem))
    assert seen == [(1, None), (1, "Redis is away"), (2, None)]


def test_what_can_not_be_read_at_first_is_an_error() -> None:
    def read() -> int:
        raise StateUnavailable("Redis is away")

    with pytest.raises(StateUnavailable, match="Redis is away"):
        View(read)


def test_it_draws_after_each_look_until_ctrl_c(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    looks: list[float] = []

    def sleep(seconds: float) -> None:
        if len(looks) == 2:
            raise KeyboardInterrupt
        assert seconds == 2.0

    monkeypatch.setattr("infra.console.redraw.time.sleep", sleep)
    redraw(2.0, lambda: looks.append(1.0), lambda: Text(f"look {len(looks)}"))
    assert capsys.readouterr().out.splitlines() == ["look 0", "look 1", "look 2"]
