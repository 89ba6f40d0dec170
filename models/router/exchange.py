"""One round of a router: queries, what the surrogate decided, and what the fallback must be asked.

Pure: it calls nothing and writes nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from models.router.errors import PartlyAnswered
from models.router.loaded_policy import RowDecision
from models.router.prediction import Prediction
from models.router.query import Query
from models.router.trace_log import TraceRecord

Outcome = Prediction | BaseException
"""The answer to a query, or what the fallback raised instead."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """Queries of one round and their decisions.

    Attributes:
        decisions: one for each query, in order.
        policy: version that decided; None without one.
        inclusion: probability, in [0, 1], with which any query's trace is `sampled`: the audit rate, or 1
            while the router can answer nothing, since then all traffic is traced.
    """

    queries: Sequence[Query]
    decisions: Sequence[RowDecision]
    policy: str | None
    inclusion: float

    @property
    def accepted(self) -> list[int]:
        """Places of the queries that the surrogate answers."""
        return [place for place, decision in enumerate(self.decisions) if decision.accepted]

    @property
    def places_to_ask(self) -> list[int]:
        """Places of the queries that go to the fallback: the deferred ones, and those drawn for an audit."""
        pairs = zip(self.queries, self.decisions, strict=True)
        return [
            place for place, (query, decision) in enumerate(pairs) if query.selected or not decision.accepted
        ]

    def items(self, places: Sequence[int]) -> list[Any]:
        """What the fallback is asked about them."""
        return [self.queries[place].item for place in places]

    def outcomes(self, answers: Mapping[int, str | BaseException]) -> list[Outcome]:
        """The answer to each query; the fallback's `answers` by place, empty where there is no fallback."""
        return [self._outcome(place, answers) for place in range(len(self.queries))]

    def failed_audits(self, answers: Mapping[int, str | BaseException]) -> list[int]:
        """Places of the answered queries that the fallback failed to check."""
        return [
            place
            for place, answer in answers.items()
            if isinstance(answer, BaseException) and self.decisions[place].accepted
        ]

    def traces(self, answers: Mapping[int, str | BaseException], at: int) -> list[TraceRecord]:
        """A trace for each label of the fallback.

        A trace of a deferred query is sampled only if the audit's draw has selected it: deferred queries are
        the hard ones, and would pass for all traffic.
        """
        return [
            self._trace(place, answer, at) for place, answer in answers.items() if isinstance(answer, str)
        ]

    def surrogate_prediction(self, place: int, has_fallback: bool) -> Prediction:
        """The answer to a query that the surrogate answers."""
        query, decision = self.queries[place], self.decisions[place]
        return Prediction(
            decision.guess,
            "surrogate",
            decision.reason,
            query.id,
            decision.guess,
            decision.score,
            self.policy,
            audited=query.selected and has_fallback,
        )

    def _outcome(self, place: int, answers: Mapping[int, str | BaseException]) -> Outcome:
        query, decision = self.queries[place], self.decisions[place]
        if decision.accepted:
            return self.surrogate_prediction(place, place in answers)
        answer = answers.get(place)
        if isinstance(answer, BaseException):
            return answer
        return Prediction(
            answer,
            None if answer is None else "fallback",
            decision.reason,
            query.id,
            decision.guess,
            decision.score,
            self.policy,
        )

    def _trace(self, place: int, label: str, at: int) -> TraceRecord:
        query, decision = self.queries[place], self.decisions[place]
        return TraceRecord(
            id=query.id,
            label=label,
            sampled=query.selected or self.inclusion == 1.0,
            audit=decision.accepted,
            reason=decision.reason,
            inclusion=self.inclusion,
            at=at,
            text=query.text,
            guess=decision.guess,
            score=decision.score,
            policy=self.policy,
            embedding=None if query.vector is None else query.vector.astype("<f4").tobytes(),
        )


def single_prediction(outcome: Outcome) -> Prediction:
    """The prediction; raises what the fallback raised instead."""
    if isinstance(outcome, BaseException):
        raise outcome
    return outcome


def all_predictions(outcomes: Sequence[Outcome]) -> list[Prediction]:
    """The predictions. Raises PartlyAnswered: one of the outcomes is an error."""
    errors = {place: error for place, error in enumerate(outcomes) if isinstance(error, BaseException)}
    if not errors:
        return [outcome for outcome in outcomes if isinstance(outcome, Prediction)]
    kept = [outcome if isinstance(outcome, Prediction) else None for outcome in outcomes]
    raise PartlyAnswered(kept, errors) from next(iter(errors.values()))
