"""Labels of traces as a fit sees them, after labels were renamed or removed (`streams.label_set`)."""

from collections.abc import Collection, Iterable

from msgspec.structs import replace

from schemas.messages import Trace
from streams.label_set import LabelSet


def with_current_labels(traces: Iterable[Trace], labels: LabelSet) -> list[Trace]:
    """The traces with the labels of today; those with a removed label are left out.

    A trace that is not newer than the last one left out loses its `sampled`: without what was left out, the
    sample is not one of the traffic.
    """
    every = [labels.current_trace(trace) for trace in traces]
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
