"""Disagreements of surrogate and teacher as CSV, for a spreadsheet: all of them, not only examples."""

import csv
import io
from collections.abc import Sequence

import numpy as np

from models.report.decisions import Decisions, decide
from models.report.examples import shorten
from models.study import Study

COLUMNS = ("row", "text", "teacher", "surrogate", "score", "decision")
MOST = 50_000
LONGEST_TEXT = 2_000
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


def disagreement_rows(study: Study) -> list[int]:
    """Places of the traces on which the teacher gives another label, most certain first; at most `MOST`."""
    rows = np.flatnonzero(~study.agrees)
    ordered: list[int] = rows[np.argsort(-study.scores[rows], kind="stable")][:MOST].tolist()
    return ordered


def disagreements_csv(study: Study, texts: Sequence[str] | None, threshold: float | None) -> str:
    """The disagreements, a line each, below a line of column names.

    `row` is the trace's place from 1 on; `decision` is `answered`, or `deferred` and why. Texts are cut at
    2,000 characters. A cell that a spreadsheet would run as a formula begins with an apostrophe.

    Args:
        texts: [n]; None where only vectors are known, and the column is empty.
        threshold: None: refused, so everything is deferred.
    """
    decided = decide(study, threshold)
    written = io.StringIO()
    writer = csv.writer(written)
    writer.writerow(COLUMNS)
    for row in disagreement_rows(study):
        writer.writerow(
            (
                row + 1,
                "" if texts is None else _cell(texts[row]),
                _cell(study.names[study.codes[row]]),
                _cell(study.names[study.guesses[row]]),
                f"{study.scores[row]:.4f}",
                _decision(decided, row),
            )
        )
    return written.getvalue()


def _cell(text: str) -> str:
    cut = shorten(text, LONGEST_TEXT)
    return f"'{cut}" if cut.startswith(_FORMULA_STARTS) else cut


def _decision(decided: Decisions, row: int) -> str:
    if decided.answered[row]:
        return "answered"
    if decided.novel[row]:
        return "deferred: novel"
    return "deferred: label blocked" if decided.blocked[row] else "deferred: low score"
