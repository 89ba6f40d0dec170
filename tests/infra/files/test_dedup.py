from infra.files.dedup import distinct, once
from infra.files.traces import TraceLine


def test_a_request_counts_once_and_a_contradiction_is_kept_beside_it() -> None:
    lines = [
        TraceLine(label="x", text="a", id="1"),
        TraceLine(label="x", text="a", id=1),
        TraceLine(label="y", text="a", id="1"),
        TraceLine(label="x", text="a", id="1"),
        TraceLine(label="x", text="b", id="1"),
    ]
    assert distinct(lines).tolist() == [0, 2, 4]
    assert once(lines).tolist() == [0, 4]


def test_without_ids_every_line_is_a_request_of_its_own() -> None:
    lines = [TraceLine(label="x", text="a")] * 3
    assert distinct(lines).tolist() == once(lines).tolist() == [0, 1, 2]


def test_without_texts_the_id_alone_tells() -> None:
    lines = [TraceLine(label="x", id="1"), TraceLine(label="y", id="1"), TraceLine(label="x", id="2")]
    assert distinct(lines).tolist() == [0, 1, 2]
    assert once(lines).tolist() == [0, 2]
