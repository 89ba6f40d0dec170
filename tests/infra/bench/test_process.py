import pytest

from infra.bench.process import peak_memory, run_alone


def test_peak_memory_is_of_one_process_alone() -> None:
    ballast = b"x" * 300_000_000
    assert peak_memory() > len(ballast) / 1e6
    found = run_alone(sum, [2, 3])
    assert found.result == 5
    assert 5 < found.memory < 200


def test_an_error_in_the_process_is_raised_here() -> None:
    with pytest.raises(ValueError, match="many"):
        run_alone(int, "many")
