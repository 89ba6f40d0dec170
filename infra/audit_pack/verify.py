"""Verifies an audit pack: the hashes of its files, and the certificate, recomputed from the audits in it.

Hashes show that files were changed since; who changes them can make new hashes. So each number of the claim
is computed again as well: the counts from the rows, the bound from the counts, by the functions that certify
uses. What nobody can see in a pack alone is a set of audits that was made up whole: compare its SHA-256 with
the one that was printed when it was written.
"""

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeVar

import msgspec

from infra.audit_pack import contents
from infra.audit_pack.archive import hash_list
from infra.audit_pack.contents import AuditRow, CertificateClaim, ConfigRow, PackNote
from infra.errors import InvalidFile
from models.certificate import Certificate, budget_share, lower_bound
from models.errors import PolicyError
from models.manifest import Manifest
from schemas.config import EVERY_TASK, NOTHING, Override, merge_overrides

Record = TypeVar("Record")
_EXACT = 1e-9


@dataclass(frozen=True, slots=True)
class Verification:
    """What was found in a pack.

    Attributes:
        problems: a sentence for each thing that is not as it says; empty where all is.
        counts: of the audits in it.
        bound: agreement that these prove, with audits without a label as disagreements.
        delta: error probability that the certificate spends.
    """

    note: PackNote
    claim: CertificateClaim
    counts: Certificate
    bound: float
    delta: float
    problems: tuple[str, ...]


def verify_pack(files: Mapping[str, bytes]) -> Verification:
    """Compare a pack's claim with what follows from its audits.

    Raises:
        InvalidFile: a file can't be read.
    """
    note = _decode(files, contents.PACK, PackNote)
    if note.format != contents.FORMAT or note.number < 1 or not 0.0 < note.delta < 1.0:
        raise InvalidFile(f"{contents.PACK}: not of this release, or impossible: update Understudy")
    claim = _decode(files, contents.CERTIFICATE, CertificateClaim)
    rows = _decode_lines(files, contents.AUDITS, AuditRow)
    counts = Certificate(len(rows), sum(row.guess == row.label for row in rows))
    delta = budget_share(note.delta, note.number)
    problems = [
        *_hash_problems(files),
        *_policy_problems(files, note),
        *_config_problems(files, note, claim),
        *_row_problems(rows),
        *_claim_problems(claim, counts, delta),
    ]
    bound = lower_bound(counts.counting_unanswered(max(0, claim.without_label)), delta)
    return Verification(note, claim, counts, bound, delta, tuple(problems))


def _hash_problems(files: Mapping[str, bytes]) -> Iterator[str]:
    listed, found = files[contents.SUMS].splitlines(), hash_list(files).splitlines()
    for line in found:
        if line not in listed:
            yield f"{line.split()[-1].decode()}: not the file whose hash {contents.SUMS} lists"
    if len(listed) != len(found):
        yield f"{contents.SUMS}: it lists {len(listed)} files, and there are {len(found)}"


def _policy_problems(files: Mapping[str, bytes], note: PackNote) -> Iterator[str]:
    try:
        manifest = Manifest.decode(files[contents.MANIFEST])
    except PolicyError as error:
        raise InvalidFile(f"{contents.MANIFEST}: {error}") from error
    digest = hashlib.sha256(files[contents.GRAPH]).hexdigest()
    if {digest, note.sha256} != {manifest.sha256}:
        yield f"{contents.GRAPH}: not the graph of the manifest"
    if (manifest.task, manifest.version) != (note.task, note.version):
        yield f"{contents.MANIFEST}: of {manifest.version} of {manifest.task}, another version"


def _config_problems(files: Mapping[str, bytes], note: PackNote, claim: CertificateClaim) -> Iterator[str]:
    overrides = dict[str, Override]()
    for row in _decode_lines(files, contents.CONFIG, ConfigRow):
        overrides[row.key] = NOTHING if row.override is None else row.override
    try:
        config = merge_overrides(overrides.get(EVERY_TASK, NOTHING), overrides.get(note.task, NOTHING))
    except msgspec.ValidationError as error:
        raise InvalidFile(f"{contents.CONFIG}: {error}") from error
    if config.delta != note.delta:
        yield f"delta: {note.delta:g} is claimed, and the config says {config.delta:g}"
    if not config.target_agreement == note.target == claim.target:
        yield f"target: {claim.target:g} is claimed, and the config says {config.target_agreement:g}"


def _row_problems(rows: list[AuditRow]) -> Iterator[str]:
    if len({row.id for row in rows}) != len(rows):
        yield f"{contents.AUDITS}: a request is counted twice"
    if not all(row.audit and row.sampled for row in rows):
        yield f"{contents.AUDITS}: a row is no sampled audit"


def _claim_problems(claim: CertificateClaim, counts: Certificate, delta: float) -> Iterator[str]:
    if (claim.audits, claim.agreements) != (counts.audits, counts.agreements):
        yield (
            f"counts: {claim.agreements:,} of {claim.audits:,} audits agree as is claimed, and "
            f"{counts.agreements:,} of {counts.audits:,} in the pack"
        )
    later = claim.audits - claim.proven_audits
    if not 0 <= claim.agreements - claim.proven_agreements <= later or claim.proven_agreements < 0:
        yield "proof: it rests on other audits than those that are claimed"
        return
    if min(claim.without_label, claim.unanswered) < 0 or claim.proven_agreements > claim.proven_audits:
        yield "proof: impossible counts"
        return
    proof = Certificate(claim.proven_audits, claim.proven_agreements).counting_unanswered(claim.unanswered)
    so_far = counts.counting_unanswered(claim.without_label)
    bound = min(lower_bound(proof, delta), lower_bound(so_far, delta))
    if abs(bound - claim.bound) > _EXACT:
        yield f"bound: {claim.bound:.6f} is claimed, and the audits prove {bound:.6f}"
    if claim.certified and bound <= claim.target:
        yield f"certified: at {claim.target:g} as is claimed, and the audits prove {bound:.6f}"


def _decode(files: Mapping[str, bytes], name: str, record: type[Record]) -> Record:
    return _read(name, lambda: msgspec.json.decode(files[name], type=record))


def _decode_lines(files: Mapping[str, bytes], name: str, record: type[Record]) -> list[Record]:
    decoder = msgspec.json.Decoder(record)
    return _read(name, lambda: [decoder.decode(line) for line in files[name].splitlines() if line])


def _read(name: str, read: Callable[[], Record]) -> Record:
    try:
        return read()
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise InvalidFile(f"{name}: not as an audit pack has it: {error}") from error
