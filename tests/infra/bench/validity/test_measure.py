import json
from pathlib import Path

import pytest
from msgspec.structs import replace

from infra.bench.request import BenchRequest
from infra.bench.results_log import CLEAN
from infra.bench.validity import draws
from infra.bench.validity.draws import COIN, NOISY, SHUFFLED
from infra.bench.validity.measure import measure
from infra.errors import MissingData


def test_a_longer_run_continues_from_the_log(
    small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(draws, "UNLEARNABLE_SIZE", 200)
    out = tmp_path / "fits.jsonl"
    request = BenchRequest(
        str(small), only=("vectors",), sizes=(200,), repeated=(0.0, 1.0), draws=1, noisy_draws=1, out=str(out)
    )
    measure(request)
    first = out.read_text()
    result = measure(replace(request, draws=2, beside=str(out)))
    lines = [json.loads(line) for line in out.read_text().splitlines()]
    assert out.read_text().startswith(first)
    cells = {(row["cell"]["teacher"], row["cell"]["repeated"], row["cell"]["seed"]) for row in lines}
    clean = {(CLEAN, share, seed) for share in (0.0, 1.0) for seed in (0, 1)}
    assert cells == clean | {(teacher, 0.0, 0) for teacher in (NOISY, SHUFFLED, COIN)}
    assert {row[2] for row in result.tables[-1].rows} == {"0"}
    assert all(len(row["fresh"]) == 5 and row["seconds"] > 0 for row in lines)
    assert result.tables[0].columns[-2:] == ("beside", "share")


def test_a_draw_larger_than_the_corpus_is_refused(small: Path) -> None:
    with pytest.raises(MissingData, match=r"700 rows, too few to draw 900 traces.*--traces"):
        measure(BenchRequest(str(small), only=("vectors",), tracer=False))
