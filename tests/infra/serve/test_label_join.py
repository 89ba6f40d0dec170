"""Labels are joined to requests by id; an error and the label that follows it are both shown."""

from pathlib import Path

import msgspec

from infra.files.columns import Columns
from infra.serve.label_join import joined_labels, requests_by_id
from schemas.messages import Label, Reason
from tests.streams.fakes import message


def test_an_error_does_not_hide_its_label(tmp_path: Path) -> None:
    file = tmp_path / "sent.jsonl"
    file.write_text('{"id": "a", "text": "x"}\n{"id": "b", "text": "y"}\n')
    requests = requests_by_id(file, Columns(None, None, None))
    sent = [
        Label("a", "t", None, "error", Reason.NO_POLICY, 5, 6, error="away"),
        Label("other", "t", "yes", "teacher", Reason.NO_POLICY, 5, 6),
        Label("a", "t", "yes", "teacher", Reason.NO_POLICY, 7, 8, supersedes=True),
        Label("a", "t", "yes", "surrogate", Reason.ACCEPTED, 7, 8),
        Label("b", "t", "no", "teacher", Reason.NO_POLICY, 7, 8),
        Label("a", "t", "no", "teacher", Reason.NO_POLICY, 9, 9),
    ]
    lines = [msgspec.json.decode(line) for line in joined_labels(map(message, sent), requests)]
    assert [(line["row"], line["error"], line["label"]) for line in lines] == [
        (1, "away", None),
        (1, None, "yes"),
        (2, None, "no"),
    ]
