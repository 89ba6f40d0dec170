"""Every kind of event has one Struct of details, and events are made by nothing else."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from schemas.asyncapi import asyncapi
from schemas.codec import EVENT
from schemas.config import Config
from schemas.errors import InvalidMessage
from schemas.events import (
    DETAILS,
    CertifiedDetails,
    EventDetails,
    EventKind,
    PinnedDetails,
    PromotedDetails,
    UnpinnedDetails,
    VersionMove,
    config_applied_event,
)
from schemas.topics import Topics

ROOT = Path(__file__).parents[2]
MOVE = VersionMove("v2", "retired", "live", 7, "operator", "a reason")


def event_calls(source: str) -> Iterator[str]:
    """Calls of `Event` itself."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Event":
            yield ast.unparse(node)


def test_every_kind_has_its_details() -> None:
    assert set(DETAILS) == set(EventKind)
    assert len(set(DETAILS.values())) == len(EventKind)
    assert DETAILS[EventKind.CONFIG_APPLIED] is Config
    own = {kind: details for kind, details in DETAILS.items() if issubclass(details, EventDetails)}
    assert all(details.kind is kind for kind, details in own.items())
    assert len(own) == len(EventKind) - 1


def test_the_readme_lists_the_keys_of_each_kind() -> None:
    table = (ROOT / "schemas" / "README.md").read_text().partition("keys of `details` |")[2].partition("\n\n")
    cells = (line.split("|")[1:-1] for line in table[0].splitlines())
    rows = [
        (re.findall(r"`(\w+)`", row[0]), re.findall(r"`(\w+)`", row[2])) for row in cells if len(row) == 3
    ]
    listed = {kind: keys for kinds, keys in rows for kind in kinds}
    assert listed.pop(EventKind.CONFIG_APPLIED) == []
    own = {kind: details for kind, details in DETAILS.items() if kind is not EventKind.CONFIG_APPLIED}
    assert listed == {kind: list(details.__struct_fields__) for kind, details in own.items()}


def test_details_survive_the_wire() -> None:
    details = PromotedDetails("v2", (MOVE,), "closed", coverage={"0.95": 0.5})
    event = EVENT.decode(EVENT.encode(details.event("t", 7, "a sentence")))
    assert (event.kind, event.task, event.at, event.message) == (EventKind.PROMOTED, "t", 7, "a sentence")
    assert PromotedDetails.of(event) == details


def test_all_events_of_a_kind_have_the_same_keys() -> None:
    fitted = PromotedDetails("v2", (MOVE,), "closed", 500, 0.9, 1.5, {"0.95": 0.5})
    by_hand = PromotedDetails("v2", (MOVE,), "closed")
    assert by_hand.event("t", 7, "").details.keys() == fitted.event("t", 7, "").details.keys()


def test_details_of_another_kind_are_refused() -> None:
    with pytest.raises(InvalidMessage, match="its kind is `pinned`, and `unpinned` was expected"):
        UnpinnedDetails.of(PinnedDetails("a reason").event("t", 7, ""))


def test_a_missing_key_is_named() -> None:
    event = msgspec.structs.replace(PinnedDetails("a reason").event("t", 7, ""), details={})
    with pytest.raises(InvalidMessage, match=r"details of `pinned`: .*`reason`"):
        PinnedDetails.of(event)


def test_config_applied_holds_the_fields_set() -> None:
    fields = {"paused": None, "refit": {"growth": 0.5}}
    assert config_applied_event("t", 7, "", fields).details == fields


def test_only_details_make_an_event() -> None:
    calls = {
        str(path.relative_to(ROOT)): list(event_calls(path.read_text()))
        for folder in ("schemas", "streams", "infra")
        for path in (ROOT / folder).rglob("*.py")
    }
    assert {path for path, found in calls.items() if found} == {"schemas/event.py"}


def test_asyncapi_documents_the_details_of_each_kind() -> None:
    document = asyncapi(Topics("shop"), "1.2.3")
    messages, schemas = document["components"]["messages"], document["components"]["schemas"]
    assert document["channels"]["events"]["messages"].keys() == {f"Event.{kind}" for kind in EventKind}
    for kind, details in DETAILS.items():
        _, of_kind = messages[f"Event.{kind}"]["payload"]["allOf"]
        assert of_kind["properties"]["kind"] == {"const": kind.value}
        assert of_kind["properties"]["details"] == {"$ref": f"#/components/schemas/{details.__name__}"}
        assert details.__name__ in schemas
    keys = {field.encode_name for field in msgspec.structs.fields(CertifiedDetails)}
    assert schemas["CertifiedDetails"]["properties"].keys() == keys
