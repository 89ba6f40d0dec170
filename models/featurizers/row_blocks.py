"""Blocks of rows: work on many rows that needs the memory of a few."""

from collections.abc import Iterator

BLOCK_NUMBERS = 1 << 24
"""Numbers that a block may hold: 64 MiB of float32."""


def row_blocks(rows: int, width: int) -> Iterator[slice]:
    """Slices that cover `rows` rows, each of as many as keep within `BLOCK_NUMBERS`, at least one row.

    Args:
        width: numbers that the work holds at once for each row, > 0.
    """
    size = max(1, BLOCK_NUMBERS // width)
    return (slice(start, min(start + size, rows)) for start in range(0, rows, size))
