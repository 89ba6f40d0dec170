"""A pack's certificate is recomputed from its audits: whatever was changed in it is found."""

import hashlib
import io
import zipfile
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from infra.audit_pack import contents
from infra.audit_pack.archive import hash_list, read_archive, write_archive
from infra.audit_pack.contents import AuditRow, CertificateClaim, ConfigRow, PackNote
from infra.audit_pack.verify import verify_pack
from infra.errors import InvalidFile
from models.certificate import Certificate, budget_share, lower_bound
from tests.streams.fakes import manifest

GRAPH = b"a graph"
SHA256 = hashlib.sha256(GRAPH).hexdigest()
COUNTS = Certificate(400, 396)
BOUND = lower_bound(COUNTS, budget_share(0.05, 2))

Files = dict[str, bytes]


def lines(records: list[object]) -> bytes:
    return b"".join(msgspec.json.encode(one) + b"\n" for one in records)


def files(disagreed: int = 4, **claim: object) -> Files:
    rows: list[object] = [
        AuditRow(f"r{at}", at, at + 5, "yes", "no" if at < disagreed else "yes", 0.9, 0.8, True, True, 0.1)
        for at in range(COUNTS.audits)
    ]
    stated = {
        "audits": 400, "agreements": 396, "without_label": 0, "bound": BOUND, "until": 9,
        "proven_audits": 400,
        "proven_agreements": 396, "unanswered": 0, "target": 0.95, "certified": True, "suspended": "",
        "complete": True, "alarm": 0.1, "alarms": 0,
    }  # fmt: skip
    made = {
        contents.PACK: msgspec.json.encode(
            PackNote(contents.FORMAT, "t", "v2", 9, SHA256, "model", 2, 0.05, 0.95, False, False)
        ),
        contents.CERTIFICATE: msgspec.json.encode(msgspec.convert(stated | claim, CertificateClaim)),
        contents.AUDITS: lines(rows),
        contents.CONFIG: lines([ConfigRow("t", 1, {"target_agreement": 0.95})]),
        contents.MANIFEST: manifest(task="t", version="v2", sha256=SHA256).encode(),
        contents.GRAPH: GRAPH,
        **dict.fromkeys((contents.HISTORY, contents.VERSIONS, contents.EVENTS), b""),
    }
    return made | {contents.SUMS: hash_list(made)}


def problems(made: Files) -> str:
    return "; ".join(verify_pack(made).problems)


def test_an_honest_pack_is_equal() -> None:
    assert BOUND > 0.95
    found = verify_pack(files())
    assert (found.problems, found.counts, found.bound) == ((), COUNTS, BOUND)


@pytest.mark.parametrize("name", contents.REQUIRED)
def test_a_changed_file_is_found_by_its_hash(name: str) -> None:
    made = files()
    made[name] += b"\n"
    assert name in problems(made)


@pytest.mark.parametrize(
    ("made", "why"),
    [
        (files(3), "counts: 396 of 400 audits agree as is claimed, and 397 of 400"),
        (files(0, agreements=400), "proof: it rests on other audits"),
        (files(audits=500, agreements=496), "counts: 496 of 500"),
        (files(bound=0.99), "bound: 0.990000 is claimed"),
        (files(without_label=200), "bound: "),
        (files(40, agreements=360, proven_agreements=360), "certified: at 0.95 as is claimed"),
        (files(target=0.9), "target: 0.9 is claimed, and the config says 0.95"),
        (files(proven_agreements=401), "proof: "),
    ],
)
def test_a_changed_count_is_found_with_new_hashes(made: Files, why: str) -> None:
    assert why in problems(made)
    assert contents.SUMS not in problems(made)


def changed(made: Files, name: str, change: Callable[[bytes], bytes]) -> Files:
    made = {**made, name: change(made[name])}
    return made | {contents.SUMS: hash_list(made)}


def test_another_graph_delta_or_row_is_found_with_new_hashes() -> None:
    assert "not the graph of the manifest" in problems(
        changed(files(), contents.GRAPH, lambda raw: raw + b"x")
    )
    note = msgspec.json.decode(files()[contents.PACK], type=PackNote)
    looser = msgspec.json.encode(replace(note, delta=0.5))
    assert "delta: 0.5 is claimed" in problems(changed(files(), contents.PACK, lambda _: looser))
    twice = changed(files(), contents.AUDITS, lambda raw: raw.replace(b'"r1"', b'"r2"'))
    assert "counted twice" in problems(twice)
    unsampled = changed(
        files(), contents.AUDITS, lambda raw: raw.replace(b'"sampled":true', b'"sampled":false', 1)
    )
    assert "no sampled audit" in problems(unsampled)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=20, deadline=None)
@given(
    st.sampled_from([one for one in contents.REQUIRED if one != contents.GRAPH]),
    st.binary(min_size=1, max_size=40),
)
def test_broken_records_are_an_error_of_ours_or_found(name: str, raw: bytes) -> None:
    try:
        found = problems(files() | {name: raw})
    except InvalidFile as error:
        found = str(error)
    assert name in found


def test_a_pack_is_read_as_it_was_written(tmp_path: Path) -> None:
    digest = write_archive(tmp_path / "a.zip", files())
    assert read_archive(tmp_path / "a.zip") == (files(), digest)
    assert digest == write_archive(tmp_path / "b.zip", files()), "the same files make the same bytes"


def zipped(*named: tuple[str, bytes]) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in named:
            archive.writestr(name, content)
    return packed.getvalue()


WHOLE = zipped(*files().items())


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (b"", "too short"),
        (b"not a zip file, and long enough to be one", "list of files"),
        (WHOLE[:-1], "list of files"),
        (WHOLE + b"more", "list of files"),
        (WHOLE[:200] + b"\0" * 200 + WHOLE[400:], "damaged"),
        (zipped(), "lacks pack.json"),
        (zipped(("../../etc/passwd", b"x")), "holds a file '../../etc/passwd'"),
        (zipped(("/pack.json", b"x")), "holds a file '/pack.json'"),
        (zipped(*[(f"{at}", b"") for at in range(20)]), "list of files"),
        (zipped((contents.AUDITS, b"\0" * 257_000_000)), "too large once unpacked"),
    ],
)
def test_hostile_archives_are_refused(tmp_path: Path, raw: bytes, why: str) -> None:
    (tmp_path / "pack.zip").write_bytes(raw)
    with pytest.raises(InvalidFile, match=why):
        read_archive(tmp_path / "pack.zip")


@given(st.integers(0, len(WHOLE) - 1), st.binary(min_size=1, max_size=30))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30, deadline=None)
def test_damage_anywhere_ends_with_an_error_of_ours_or_is_found(
    tmp_path: Path, at: int, damage: bytes
) -> None:
    raw = WHOLE[:at] + damage + WHOLE[at + len(damage) :]
    (tmp_path / "pack.zip").write_bytes(raw)
    try:
        made, _ = read_archive(tmp_path / "pack.zip")
        assert made == files() or problems(made)
    except InvalidFile:
        pass
