"""Tables of fit and evaluate for people."""

from pathlib import Path

from infra.console.output import line
from models.evaluate import Evaluation, TargetResult
from models.fit import FitSummary


def print_fit(summary: FitSummary, folder: Path) -> None:
    """`folder` is where the policy is, if there is one."""
    line(f"{summary.traces:,} traces ({summary.sampled:,} sampled), {summary.labels} labels")
    if summary.drawn_from is not None:
        line(f"drawn from {summary.drawn_from:,} traces")
    if summary.repeated:
        line(repeats_sentence(summary.repeated))
    if summary.surrogate != "none":
        line(f"{summary.surrogate}, accuracy {summary.accuracy:.3f} out of fold, {summary.seconds:.1f} s")
    for reason in summary.refused or ():
        line(f"refused: {reason}")
    if summary.refused is None:
        line(f"{'target':>6}  {'threshold':>9}  {'coverage':>8}  {'at least':>8}")
        for point in summary.frontier:
            line(f"{point.target:>6g}  {point.threshold:>9.4f}  {point.coverage:>8.3f}  {point.low:>8.4f}")
        line(f"{summary.version} is in {folder}")


def repeats_sentence(share: float) -> str:
    """What the gate does where this share of the traces repeats others."""
    return f"{share:.1%} say what an earlier one said: the gate counts a text once (see `--recurring`)"


def print_evaluation(evaluation: Evaluation) -> None:
    line(f"{evaluation.rows:,} rows, accuracy {evaluation.accuracy:.3f}")
    line(f"{'target':>6}  {'threshold':>9}  {'coverage':>8}  {'agreement':>9}  95 % bounds")
    for outcome in evaluation.targets:
        line(_row(outcome))


def _row(outcome: TargetResult) -> str:
    if outcome.threshold is None or outcome.agreement is None:
        why = "none passes" if outcome.threshold is None else "answers none"
        return f"{outcome.target:>6g}  {why:>9}"
    shown = f"{outcome.target:>6g}  {outcome.threshold:>9.4f}  {outcome.coverage:>8.3f}"
    agreement = f"{outcome.agreement:>9.4f}  {outcome.low:.4f} to {outcome.high:.4f}"
    return f"{shown}  {agreement}{'  significantly below target' if outcome.violation else ''}"
