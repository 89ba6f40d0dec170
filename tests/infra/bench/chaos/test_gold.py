"""What is sent is the same each time, mostly means one thing, and a vector says what its text says."""

from infra.bench.chaos.gold import LABELS, TASKS, TEXT, VECTORS, label_of, request_of, vector_of


def test_a_number_is_always_the_same_request() -> None:
    for task in TASKS:
        request = request_of(task, 7)
        assert request == request_of(task, 7)
        assert ("embedding" in request) == (task == VECTORS)


def test_most_requests_say_one_thing_and_all_labels_come() -> None:
    texts = [str(request_of(TEXT, number)["text"]) for number in range(600)]
    labels = [label_of(text) for text in texts]
    assert set(labels) == set(LABELS)
    nearest = [LABELS[max(range(len(LABELS)), key=vector_of(text).__getitem__)] for text in texts]
    agreed = sum(map(str.__eq__, labels, nearest)) / len(texts)
    assert 0.75 < agreed < 0.9, "the rest says two things, or is odd"
