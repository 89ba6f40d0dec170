import pytest

from infra.bench.process import peak_memory, run_alone


def test_what_this_process_holds_does_not_count_for_another() -> None:
    ballast = b"x" * 300_000_000
    assert peak_memory() > len(ballast) / 1e6
    found = run_alone(sum, [2, 3])
    assert found.result == 5
    assert 5 < found.memory < 200


def test_what_fails_there_fails_here() -> None:
    with pytest.raises(ValueError, match="many"):
        run_alone(int, "many")
