from infra.files.dedup import first_per_request, without_copies
from infra.files.traces import TraceLine


def test_a_request_counts_once_and_a_contradiction_is_kept_beside_it() -> None:
    lines = [
        TraceLine(label="x", text="a", id="1"),
        TraceLine(label="x", text="a", id=1),
        TraceLine(label="y", text="a", id="1"),
        TraceLine(label="x", text="a", id="1"),
        TraceLine(label="x", text="b", id="1"),
    ]
    assert without_copies(lines).tolist() == [0, 2, 4]
    assert first_per_request(lines).tolist() == [0, 4]


def test_without_ids_every_line_is_a_request_of_its_own() -> None:
    lines = [TraceLine(label="x", text="a")] * 3
    assert without_copies(lines).tolist() == first_per_request(lines).tolist() == [0, 1, 2]


def test_without_texts_the_id_alone_tells() -> None:
    lines = [TraceLine(label="x", id="1"), TraceLine(label="y", id="1"), TraceLine(label="x", id="2")]
    assert without_copies(lines).tolist() == [0, 1, 2]
    assert first_per_request(lines).tolist() == [0, 2]
