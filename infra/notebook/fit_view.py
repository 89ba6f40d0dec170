"""A fit in a few lines of text: coverage at each target, and why targets did not pass."""

from collections.abc import Sequence
from pathlib import Path

from models.fit import FitRequest, FitSummary
from models.manifest import point_for

USUAL_TARGETS = (0.9, 0.95, 0.98)


def fit_text(request: FitRequest, summary: FitSummary, reasons: Sequence[str], directory: Path | None) -> str:
    """Lines for a notebook or a terminal; besides the targets asked for, the usual ones are shown."""
    passed = summary.refused is None
    drawn = "" if summary.drawn_from is None else f" drawn from {summary.drawn_from:,}"
    size = (
        f"{summary.traces:,} traces{drawn}, {summary.sampled:,} of them sampled, {summary.labels} labels, "
        f"{summary.seconds:.1f} s"
    )
    lines = [f"policy {summary.version}: {size}" if passed else f"refused, there is no policy: {size}"]
    if passed:
        lines += _target_rows(request, summary)
    if passed and directory is not None:
        lines.append(f"written to {directory}")
    if reasons:
        lines += ["reasons:", *(f"  - {reason}" for reason in reasons)]
    return "\n".join(lines)


def _target_rows(request: FitRequest, summary: FitSummary) -> list[str]:
    rows = ["  target  coverage  agreement at least"]
    for target in sorted({*request.targets, *USUAL_TARGETS}):
        point = point_for(summary.frontier, target)
        figures = "       -  did not pass" if point is None else f"{point.coverage:8.1%}  {point.low:.3f}"
        rows.append(f"  {target:6g}  {figures}")
    rows.append(
        "coverage: share of the requests that it answers; agreement: of its answers with the teacher, on "
        f"average, at a confidence of {1 - request.delta:.0%}"
    )
    return rows
