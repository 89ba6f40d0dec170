import pytest

from infra.bench.process import alone, peak_memory


def test_what_this_process_holds_does_not_count_for_another() -> None:
    ballast = b"x" * 300_000_000
    assert peak_memory() > len(ballast) / 1e6
    found = alone(sum, [2, 3])
    assert found.result == 5
    assert 5 < found.memory < 200


def test_what_fails_there_fails_here() -> None:
    with pytest.raises(ValueError, match="many"):
        alone(int, "many")
