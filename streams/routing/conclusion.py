"""Conclusion: decisions become labels and deferrals, by the task's state now."""

from collections.abc import Callable, Sequence
from typing import Generic, NamedTuple, TypeVar

from schemas.messages import Deferral, Label, Reason, Request
from streams.routing.decisions import Decision, withdraw_stale
from streams.routing.outcomes import deferral_of, surrogate_label
from streams.sampling import Sampler
from streams.tasks import Task

Origin = TypeVar("Origin")
Count = Callable[[Task, list[Decision], int], None]


class Arrival(NamedTuple, Generic[Origin]):
    """A request, and what the caller knows it by.

    Attributes:
        requested_at: Unix milliseconds.
    """

    request: Request
    requested_at: int
    origin: Origin


class Routed(NamedTuple, Generic[Origin]):
    """A decided request: a label, a deferral, or both when the answer is audited.

    Attributes:
        deferral: what the teacher is asked: to answer the request, or to check the label, which may have
            been given before.
    """

    arrival: Arrival[Origin]
    label: Label | None
    deferral: Deferral | None


def outcome_of(routed: Routed[Origin]) -> Label | Deferral:
    """The label, or else what the teacher is asked."""
    outcome = routed.label or routed.deferral
    assert outcome is not None  # noqa: S101 - it has one of them
    return outcome


class Decided(NamedTuple, Generic[Origin]):
    """Requests of one task, decided on a state of it.

    Attributes:
        features: of each the vector that an encoder has made, or None; None where no encoder made any.
    """

    task: Task
    arrivals: Sequence[Arrival[Origin]]
    decisions: list[Decision]
    features: Sequence[bytes | None] | None = None


def conclude(
    decided: Decided[Origin], task: Task, sampler: Sampler, now: int, drawn: Sequence[bool] = ()
) -> tuple[list[Routed[Origin]], list[Decision]]:
    """What comes of decisions, and those that still hold: a breaker may have opened meanwhile.

    Args:
        task: its state now.
        now: Unix milliseconds.
        drawn: for each request as in `deferral_of`; empty where none is.
    """
    decided_on, arrivals, decisions, features = decided
    decisions = withdraw_stale(decisions, decided_on, task)
    selects, rate, accepted = sampler.selects, decided_on.audit_rate, Reason.ACCEPTED
    concluded = []
    for row, (arrival, decision) in enumerate(zip(arrivals, decisions, strict=True)):
        request, requested_at, _ = arrival
        audited, label, deferral = selects(request.id, rate), None, None
        if decision.reason is accepted:
            label = surrogate_label(request, decision, audited, requested_at, now)
        if audited or label is None:
            vector = features[row] if features else None
            is_drawn = drawn[row] if drawn else False
            deferral = deferral_of(
                request, decision, decided_on, audited, requested_at, vector, drawn=is_drawn
            )
        concluded.append(Routed(arrival, label, deferral))
    return concluded, decisions
