"""Lines about dead letters for people, and the same as JSON."""

import base64
from collections.abc import Iterator, Sequence
from typing import Any

from streams.dead_letters.letters import DeadLetter
from streams.dead_letters.replay_run import Replay
from streams.kafka.message import as_bytes
from streams.status.sentences import local_time

_WIDTHS = (10, 25, 8, 8, 16, 24, 100)


def table_lines(letters: Sequence[DeadLetter], replayed: set[Any]) -> Iterator[str]:
    """A header, then a line a letter: position, time, stage, replays, task, id, reason."""
    yield _row("position", "time", "stage", "replays", "task", "id", "reason")
    for letter in letters:
        again = "+1" if letter.position in replayed else ""
        yield _row(
            str(letter.position),
            local_time(letter.at),
            letter.stage,
            f"{letter.attempt}{again}",
            letter.task or "?",
            letter.request or "?",
            letter.reason,
        )


def replay_line(replay: Replay, sent: bool) -> str:
    """What was, or would be, sent where; or why not."""
    position = f"{replay.letter.position!s:<10}"
    if replay.refusal is not None:
        return f"{position} refused: {_printable(replay.refusal)}"
    if replay.outgoing is None:
        return f"{position} covered: another letter asks for the same request"
    return f"{position} {'sent' if sent else 'would be sent'} to {replay.outgoing.topic}"


def replay_summary(replay: Replay) -> dict[str, Any]:
    """A letter, the topic that its message goes to, and why it does not."""
    to = None if replay.outgoing is None else replay.outgoing.topic
    return letter_summary(replay.letter) | {"to": to, "refusal": replay.refusal}


def letter_summary(letter: DeadLetter) -> dict[str, Any]:
    """A letter without its message."""
    return {
        "position": str(letter.position),
        "at": letter.at,
        "stage": letter.stage,
        "reason": letter.reason,
        "topic": letter.topic,
        "task": letter.task,
        "id": letter.request,
        "attempt": letter.attempt,
    }


def whole_letter(letter: DeadLetter) -> dict[str, Any]:
    """All of a letter. Bytes that are not UTF-8 are in base64, in an object that says so."""
    headers = [[name, _content(as_bytes(value))] for name, value in letter.headers]
    content = {"key": _content(letter.key), "headers": headers, "value": _content(letter.value)}
    return letter_summary(letter) | {"requested_at": letter.requested_at or None} | content


def _content(value: bytes | None) -> str | dict[str, str] | None:
    try:
        return None if value is None else value.decode()
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(value or b"").decode()}


def _row(*cells: str) -> str:
    return "  ".join(_cell(text, width) for text, width in zip(cells, _WIDTHS, strict=True)).rstrip()


def _cell(text: str, width: int) -> str:
    shown = _printable(text)
    return f"{shown if len(shown) <= width else shown[: width - 1] + '…':<{width}}"


def _printable(text: str) -> str:
    """Clients choose ids, and reasons quote them: nothing of that may steer a terminal."""
    return "".join(character if character.isprintable() else "?" for character in text)
