"""Reports as files: each in the folder of its policy, never in the place of another version's."""

import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from msgspec.structs import replace

from infra.errors import UnusableOutput
from infra.files.traces import TraceLine
from models.artifact import MANIFEST, Artifact, write_atomically
from models.features import Features
from models.fit import FitResult
from models.manifest import Manifest
from models.policy import Policy
from models.report import Subject, render
from models.report.rescored import rescore, summary_of
from schemas.urls import masked_url

REPORT, REFUSED = "report.html", "refused.html"


def report_fit(
    made: FitResult,
    lines: Sequence[TraceLine],
    folder: Path,
    *,
    task: str,
    targets: Sequence[float],
    delta: float,
    parent: Artifact | None,
    currency: str,
) -> Path:
    """Write the report of a fit into `folder`: `report.html`.

    Where a fit was refused and the folder holds a policy, that one keeps its report; the refusal's is
    `refused.html`.

    Args:
        lines: the traces that were learned from, in their order.
        currency: sign or code before amounts of money.

    Raises:
        UnusableOutput: the folder can't be written to.
    """
    manifest = None if made.artifact is None else Manifest.decode(made.artifact.manifest)
    subject = Subject(
        summary=made.summary,
        study=made.study,
        texts=_texts(lines),
        targets=tuple(targets),
        delta=delta,
        manifest=None if manifest is None else _printable(manifest),
        parent=None if parent is None else _printable(Manifest.decode(parent.manifest)),
        made_at=_now() if manifest is None else manifest.created_at,
        task=task,
        currency=currency,
    )
    stays = manifest is None and (folder / MANIFEST).exists()
    return _write(render(subject), folder, REFUSED if stays else REPORT)


def report_rows(
    policy: Policy,
    rows: Features,
    lines: Sequence[TraceLine],
    folder: Path,
    targets: Sequence[float],
    currency: str,
) -> Path:
    """Write a report about these rows into the `report.html` of the policy in `folder`.

    Raises:
        PolicyError: the features are not the ones it reads.
        UnusableOutput: the folder can't be written to.
    """
    manifest = policy.manifest
    sampled = np.array([line.sampled for line in lines], dtype=np.bool_)
    subject = Subject(
        summary=summary_of(manifest),
        study=rescore(policy, rows, [line.label for line in lines], sampled),
        texts=_texts(lines),
        targets=tuple(targets),
        delta=manifest.delta,
        manifest=_printable(manifest),
        parent=None,
        made_at=_now(),
        task=manifest.task,
        rescored=True,
        currency=currency,
    )
    return _write(render(subject), folder, REPORT)


def _printable(manifest: Manifest) -> Manifest:
    """The manifest without the secrets of its encoder's URL."""
    return replace(manifest, embedder=masked_url(manifest.embedder))


def _texts(lines: Sequence[TraceLine]) -> list[str] | None:
    """None where no line has any."""
    return [line.text or "" for line in lines] if any(line.text for line in lines) else None


def _now() -> int:
    return time.time_ns() // 1_000_000


def _write(page: str, folder: Path, name: str) -> Path:
    file = folder / name
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_atomically(file, page.encode())
    except OSError as error:
        raise UnusableOutput(f"{folder}: can't be written to: {error.strerror}") from error
    return file
