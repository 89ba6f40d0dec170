from pathlib import Path

import pytest

from tests.infra import parcels
from tests.infra.conftest import Run


def test_the_report_is_beside_its_policy(understudy: Run, own_policy: Path) -> None:
    ended = understudy("report", own_policy)
    assert (ended.status, ended.out) == (0, f"{own_policy / 'report.html'}\n")
    assert "of requests can be answered" in (own_policy / "report.html").read_text()
    (own_policy / "report.html").unlink()
    ended = understudy("report", own_policy)
    assert (ended.status, ended.out) == (2, "")
    assert "--traces" in ended.err


def test_a_report_about_other_rows(understudy: Run, files: Path, own_policy: Path) -> None:
    before = (own_policy / "report.html").read_text()
    ended = understudy("report", own_policy, "--traces", files / "test.jsonl", "--target", "0.9")
    assert (ended.status, ended.out) == (0, f"{own_policy / 'report.html'}\n")
    after = (own_policy / "report.html").read_text()
    assert "come from 200 rows" in after
    assert "come from" not in before
    assert (
        understudy("report", own_policy, "--traces", files / "test.jsonl", "--target", "0.9999").status == 0
    )
    assert "This target did not pass the gate" in (own_policy / "report.html").read_text()
    assert understudy("report", own_policy, "--traces", files / "nothing.jsonl").status == 2


def test_a_report_of_vectors_needs_vectors(understudy: Run, files: Path, tmp_path: Path) -> None:
    train, out = (
        parcels.write(tmp_path / "bare.jsonl", [{"label": row["label"]} for row in parcels.traces(500)]),
        tmp_path,
    )
    assert understudy("fit", train, "--embeddings", files / "train.npy", "--out", out).status == 0
    assert "Only the vectors of these traces are known" in (out / "report.html").read_text()
    assert understudy("report", out, "--traces", files / "test.jsonl").status == 2
    given = "--traces", files / "test.jsonl", "--embeddings", files / "test.npy"
    assert understudy("report", out, *given).status == 0


def test_a_refusal_keeps_the_policy_s_report(understudy: Run, own_policy: Path, tmp_path: Path) -> None:
    before = (own_policy / "report.html").read_bytes()
    few = parcels.write(tmp_path / "few.jsonl", parcels.traces(20))
    ended = understudy("fit", few, "--out", own_policy)
    assert ended.status == 1
    assert str(own_policy / "refused.html") in ended.err
    assert (own_policy / "report.html").read_bytes() == before
    assert "too few sampled traces: 20" in (own_policy / "refused.html").read_text()


def test_a_report_shows_the_chosen_currency(
    understudy: Run, files: Path, own_policy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = ("report", own_policy, "--traces", files / "test.jsonl", "--target", "0.9")
    assert understudy(*rows, "--currency", "EUR").status == 0
    assert "Price of a teacher's answer, EUR" in (own_policy / "report.html").read_text()
    monkeypatch.setenv("UNDERSTUDY_CURRENCY", "£")
    assert understudy(*rows).status == 0
    assert "Price of a teacher's answer, £" in (own_policy / "report.html").read_text()
