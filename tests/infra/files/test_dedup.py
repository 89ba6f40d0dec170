from infra.files.dedup import first_per_request, without_copies
from infra.files.traces import TraceLine


def test_copies_go_and_contradictions_stay() -> None:
    lines = [
        TraceLine(label="x", text="a", id="1"),
        TraceLine(label="x", text="a", id=1),
        TraceLine(label="y", text="a", id="1"),
        TraceLine(label="x", text="a", id="1"),
        TraceLine(label="x", text="b", id="1"),
    ]
    assert without_copies(lines).tolist() == [0, 2, 4]
    assert first_per_request(lines).tolist() == [0, 4]


def test_without_ids_each_line_is_a_request() -> None:
    lines = [TraceLine(label="x", text="a")] * 3
    assert without_copies(lines).tolist() == first_per_request(lines).tolist() == [0, 1, 2]


def test_without_texts_the_id_decides() -> None:
    lines = [TraceLine(label="x", id="1"), TraceLine(label="y", id="1"), TraceLine(label="x", id="2")]
    assert without_copies(lines).tolist() == [0, 1, 2]
    assert first_per_request(lines).tolist() == [0, 2]
