"""encoders: what workers have met is listed, and forgotten once."""

import json

import numpy as np

from models.embedders.reference import TEXTS
from streams.state.encoder_references import EncoderReferences
from tests.infra.commands.room import Room

ID = "probe:llama@6f1d0c2b9a8e7f35"


def test_an_encoder_is_listed_until_it_is_forgotten(room: Room) -> None:
    assert "no encoders behind addresses" in room.run("encoders", "list").out
    vectors = np.ones((len(TEXTS), 576), dtype=np.float32)
    room.with_connection(lambda connection, keys: EncoderReferences(connection, keys).first(ID, vectors))
    assert room.run("encoders", "list").out == f"{ID}  576 numbers\n"
    listed = json.loads(room.run("encoders", "list", "--json").out)
    assert listed == {"encoders": [{"id": ID, "dimension": 576}]}
    forgotten = room.run("encoders", "forget", ID)
    assert (forgotten.status, "is forgotten" in forgotten.err) == (0, True)
    again = room.run("encoders", "forget", ID)
    assert (again.status, "there is no encoder" in again.err) == (1, True)
