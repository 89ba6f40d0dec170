"""Columns of a file of traces or requests: found by their usual names, or named by the user."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from infra.errors import InvalidFile
from infra.files.formats import Record

TEXTS = ("text", "prompt", "input", "content")
LABELS = ("label", "answer", "output", "intent", "category")
_SHOWN = 12


@dataclass(frozen=True, slots=True)
class Columns:
    """Names that the user gives; None to find a column by its usual names."""

    text: str | None = None
    label: str | None = None
    id: str | None = None


USUAL = Columns()


@dataclass(frozen=True, slots=True)
class WantedColumns:
    """What a command reads: the user's names, and which columns it can't do without."""

    columns: Columns
    text: bool
    label: bool

    def count(self, header: Sequence[str]) -> int:
        """How many of text and label the header has."""
        return sum(
            find_column(header, given, usual) is not None
            for given, usual in ((self.columns.text, TEXTS), (self.columns.label, LABELS))
        )

    def sources(self, file: Path, header: Sequence[str]) -> dict[str, str]:
        """Which column holds which field.

        Raises:
            InvalidFile: a column that is needed, or that the user named, is not there.
        """
        sources = {name: find_column(header, None, (name,)) or name for name in ("sampled", "weight")}
        for field, given, usual, needed in self._fields():
            column = find_column(header, given, usual)
            if column is None and (given is not None or needed):
                wanted = f"`{given}`" if given else f"any of {', '.join(usual)}"
                raise InvalidFile(
                    f"{file}: no column for the {field} ({wanted}) among {_column_list(header)}; "
                    f"name it with --{field}-column"
                )
            sources[field] = column or field
        return sources

    def _fields(self) -> Sequence[tuple[str, str | None, tuple[str, ...], bool]]:
        return (
            ("id", self.columns.id, ("id",), False),
            ("text", self.columns.text, TEXTS, self.text),
            ("label", self.columns.label if self.label else None, LABELS, self.label),
        )


def find_column(header: Sequence[str], given: str | None, usual: Sequence[str]) -> str | None:
    """The user's name as it is, or the first of the usual ones in any case; None where it is not there."""
    if given is not None:
        return given if given in header else None
    places = {name.strip().lower(): name for name in reversed(header)}
    return next((places[name] for name in usual if name in places), None)


def pick_fields(record: Record, sources: Mapping[str, str]) -> Record:
    """The fields of a record under our names; an empty cell is left out, save in text and label."""
    values = {name: record[column] for name, column in sources.items() if column in record}
    return {name: value for name, value in values.items() if value != "" or name in {"text", "label"}}


def _column_list(header: Sequence[str]) -> str:
    more = f" and {len(header) - _SHOWN:,} more" if len(header) > _SHOWN else ""
    return ", ".join(f"`{name[:40]}`" for name in header[:_SHOWN]) + more
