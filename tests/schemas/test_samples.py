"""Messages of earlier revisions decode today, to what they meant.

No version has been released yet, so `samples/` has the forms that messages have had: a file for each revision
at which several changed, named by its date and its commit, written by the codecs of that commit. Each kind of
message is there with all the fields that it had then, and with those alone that it needed.
"""

import json
from pathlib import Path
from typing import Any

import pytest

from schemas.codec import EVENT
from schemas.config import merge_overrides, parse_override
from schemas.events import EventKind
from tests.schemas.any_value import record_of
from tests.schemas.test_json_schema import CODECS, SCHEMAS

FILES = sorted((Path(__file__).parent / "samples").glob("*.jsonl"))


def lines_of(path: Path) -> list[tuple[str, str]]:
    """Each message with its kind."""
    lines = (json.loads(line) for line in path.read_text().splitlines())
    return [(line["kind"], line["message"]) for line in lines]


def lost(before: Any, after: Any, place: str = "$") -> list[str]:
    """What a message said and says no more; fields that were added since are no loss."""
    if isinstance(before, dict) and isinstance(after, dict):
        return [
            each for name in before for each in lost(before[name], after.get(name, ...), f"{place}.{name}")
        ]
    return [] if before == after else [f"{place}: {before!r} -> {after!r}"]


def said(kind: str, message: str) -> Any:
    """What a message says; a null in a config message is whatever the default is."""
    record = json.loads(message)
    return without_nulls(record) if kind == "config" else record


def without_nulls(node: Any) -> Any:
    if isinstance(node, dict):
        return {name: without_nulls(inner) for name, inner in node.items() if inner is not None}
    return node


def decoded(kind: str, message: str) -> Any:
    if kind == "config":
        return record_of(merge_overrides(parse_override(message.encode())))
    return record_of((EVENT if kind == "event" else CODECS[kind]).decode(message.encode()))


NEWER = {
    EventKind.REPLIES_READABLE,
    EventKind.REPLIES_UNREADABLE,
    EventKind.CONFIG_CHANGED,
    EventKind.LETTERS_REPLAYED,
}
"""Kinds of events that no earlier revision had."""


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_messages_of_earlier_revisions_keep_their_meaning(path: Path) -> None:
    for kind, message in lines_of(path):
        assert lost(said(kind, message), decoded(kind, message)) == [], kind
        if kind != "event":  # details of an earlier revision may lack a key
            SCHEMAS[kind].validate(json.loads(message))


def test_there_are_samples_of_every_kind() -> None:
    found = [line for path in FILES for line in lines_of(path)]
    assert {kind for kind, _ in found} == {*CODECS, "event", "config"}
    events = {json.loads(message)["kind"] for kind, message in found if kind == "event"}
    assert events >= set(EventKind) - NEWER


def test_a_lost_value_is_found() -> None:
    assert lost({"a": {"b": 1}}, {"a": {"b": 2}}) == ["$.a.b: 1 -> 2"]
    assert lost({"a": 1}, {"b": 1}) == ["$.a: 1 -> Ellipsis"]
