"""Manifests of earlier releases keep their seal."""

from pathlib import Path

import pytest
from msgspec import UNSET
from msgspec.structs import replace

from models.errors import PolicyError
from models.manifest import Manifest

SAMPLE = Path(__file__).parent / "samples" / "manifest-2026-11-29.json"


def test_a_manifest_from_before_a_member_was_there_opens_and_stays_as_it_is() -> None:
    raw = SAMPLE.read_bytes()
    manifest = Manifest.decode(raw)
    assert manifest.drawn_from is UNSET
    assert manifest.encode() == raw.rstrip(b"\n")


def test_of_how_many_traces_was_drawn_is_sealed() -> None:
    raw = replace(Manifest.decode(SAMPLE.read_bytes()), drawn_from=1_000_000).encode()
    assert Manifest.decode(raw).drawn_from == 1_000_000
    with pytest.raises(PolicyError, match="seal"):
        Manifest.decode(raw.replace(b'"drawn_from": 1000000', b'"drawn_from": 2000000'))
