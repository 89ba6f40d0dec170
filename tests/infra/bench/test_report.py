import os
import platform
from pathlib import Path

from infra.bench.report import (
    Figure,
    Table,
    alternate,
    figure,
    format_share,
    format_shares,
    machine,
    table_lines,
)


def test_a_figure_compares_medians() -> None:
    result = figure("fit", [3.0, 1.0, 2.00004], "s", "bare", [9.0, 8.0, 1.0])
    assert result == Figure("fit", 2.0, "s", "bare", 8.0, 0.25)


def test_without_a_reference_there_is_no_ratio() -> None:
    assert figure("missed", [0], "targets") == Figure("missed", 0.0, "targets", None, None, None)
    assert figure("coverage", [0.5], "share", "best", [0.0]).ratio is None


def test_contestants_take_turns() -> None:
    turns: list[str] = []

    def contestant(name: str) -> float:
        turns.append(name)
        return float(len(turns))

    result = alternate(3, lambda: contestant("a"), lambda: contestant("b"))
    assert turns == ["a", "b"] * 3
    assert result == [[1, 3, 5], [2, 4, 6]]


def test_the_machine_stays_anonymous() -> None:
    output = machine()
    assert platform.python_version() in output
    assert not platform.node() or platform.node() not in output
    assert str(Path.cwd()) not in output
    assert str(os.cpu_count()) in output or "x" in output


def test_a_table_is_aligned_markdown() -> None:
    table = Table("Speed", ("who", "rows/s"), (("text", "9"), ("vectors", "12,000")))
    assert table_lines(table) == [
        "Speed",
        "",
        "| who     | rows/s |",
        "| ------- | -----: |",
        "| text    |      9 |",
        "| vectors | 12,000 |",
        "",
    ]


def test_shares_have_three_digits() -> None:
    assert format_shares([0.9514, 1.0, 0.0, None]) == ".951/1.000/.000/-"
    assert format_share(0.0004) == ".000"
