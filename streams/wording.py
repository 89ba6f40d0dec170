"""Wording of numbers in sentences."""


def counted(count: int, noun: str) -> str:
    """The number with its noun, which takes an s: `1 refit`, `1,200 refits`."""
    return f"{count:,} {by_count(count, noun, f'{noun}s')}"


def counted_of(count: int, limit: int | None, noun: str) -> str:
    """The same beside a limit, where there is one: `1 call`, `1 of 1,000 calls`."""
    return counted(count, noun) if limit is None else f"{count:,} of {counted(limit, noun)}"


def by_count(count: int, one: str, many: str) -> str:
    """The word that goes with the number: `has` with 1, `have` with any other."""
    return one if count == 1 else many
