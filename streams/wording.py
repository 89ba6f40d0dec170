"""Wording of numbers in sentences."""


def counted(count: int, noun: str) -> str:
    """The number with its noun, which takes an s: `1 refit`, `1,200 refits`."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"
