"""Tables in Markdown, aligned, so that a terminal and a README show the same."""

from collections.abc import Sequence

from msgspec import Struct


class Table(Struct, frozen=True):
    """Attributes:
    title: what it shows, and on which rows.
    columns: names, the first of them that of the rows.
    rows: cells as they are shown, as many as there are columns.
    """

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def lines(table: Table) -> list[str]:
    """The first column to the left, the others to the right."""
    widths = [max(map(len, column)) for column in zip(table.columns, *table.rows, strict=True)]
    rule = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]
    return [table.title, "", *(_line(row, widths) for row in (table.columns, rule, *table.rows)), ""]


def share(value: float | None) -> str:
    """As coverage and agreement are written: three digits, no leading zero; a dash where there is none."""
    if value is None:
        return "-"
    return f"{value:.3f}".removeprefix("0")


def shares(values: Sequence[float | None]) -> str:
    return "/".join(map(share, values))


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    first = cells[0].ljust(widths[0])
    others = [cell.rjust(width) for cell, width in zip(cells[1:], widths[1:], strict=True)]
    return f"| {' | '.join([first, *others])} |"
