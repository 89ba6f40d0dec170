"""Reads the cases of a battery from JSON lines."""

import sys
from pathlib import Path

from infra.errors import InputError
from schemas.battery import MOST_BYTES, MOST_CASES, BatteryCase, decode_case
from schemas.errors import InvalidMessage

_PIPE = Path("-")
# JSON may be written with more bytes than we write it with.
_MOST_READ = 4 * MOST_BYTES


def read_cases(file: Path) -> list[BatteryCase]:
    """The cases of a file, or of standard input for `-`.

    Raises:
        InputError: a line is no case, two have one name, or there are none or too many.
        OSError: the file can't be read.
    """
    if file == _PIPE:
        raw = sys.stdin.buffer.read(_MOST_READ + 1)
    else:
        with file.open("rb") as opened:
            raw = opened.read(_MOST_READ + 1)
    if len(raw) > _MOST_READ:
        raise InputError(f"{file}: larger than {_MOST_READ:,} bytes, which no battery may be")
    cases = dict[str, BatteryCase]()
    for number, text in enumerate(raw.splitlines(), start=1):
        if not text.strip():
            continue
        try:
            case = decode_case(text)
        except InvalidMessage as error:
            raise InputError(f"{file}:{number}: {error}") from error
        if case.id in cases:
            raise InputError(f"{file}:{number}: a second case `{case.id}`")
        cases[case.id] = case
    if not 0 < len(cases) <= MOST_CASES:
        raise InputError(f"{file}: {len(cases):,} cases; expected 1 to {MOST_CASES:,}")
    return list(cases.values())
