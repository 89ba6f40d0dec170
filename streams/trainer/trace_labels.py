"""Labels of traces as a fit sees them, after labels were renamed or removed (`streams.label_set`)."""

from collections.abc import Collection, Iterable, Sequence

from msgspec.structs import replace

from schemas.config import TeacherConfig
from schemas.messages import Trace
from streams.label_set import LabelSet
from streams.teacher.prompt_hash import prompt_hash

NEVER_GIVEN = 3000
"""Sampled traces to none of which a label was given: its share is below .001, at a level of .05."""


def with_current_labels(traces: Iterable[Trace], labels: LabelSet) -> list[Trace]:
    """The traces with the labels of today; those with a removed label are left out.

    A trace that is not newer than the last one left out loses its `sampled`: without what was left out, the
    sample is not one of the traffic.
    """
    every = [labels.current_trace(trace) for trace in traces] if labels.renamed else list(traces)
    if not labels.names:
        return every
    kept = [trace for trace in every if labels.allows(trace.label)]
    if len(kept) == len(every):
        return every
    last = max(trace.replied_at for trace in every if not labels.allows(trace.label))
    return [
        replace(trace, sampled=False) if trace.sampled and trace.replied_at <= last else trace
        for trace in kept
    ]


def label_count(traces: Iterable[Trace], labels: LabelSet, named: Collection[str]) -> int:
    """How many traces hold one of the named labels, by their names of today."""
    return sum(labels.current(trace.label) in named for trace in traces) if named else 0


def offered_labels(
    known: Collection[str] | None, traces: Sequence[Trace], teacher: TeacherConfig
) -> tuple[str, ...] | None:
    """The labels that a fit on these traces knows; None where the config lists none.

    One that is new to the live version is among them if a trace holds it, or if the built-in teacher could
    have given it to `NEVER_GIVEN` sampled ones.

    Args:
        known: what the live version knows (`known_labels`); None without one, or where it does not say.
    """
    labels = LabelSet.of(teacher)
    if not labels.names:
        return None
    asked = prompt_hash(teacher)
    could = [one for one in traces if one.sampled and one.teacher and one.teacher.prompt == asked]
    if len(could) >= NEVER_GIVEN:
        return labels.names
    new = set(labels.new_to(known)) - {labels.current(trace.label) for trace in traces}
    return tuple(label for label in labels.names if label not in new)
