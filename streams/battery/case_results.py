"""Results of a battery: what one version does with each case, at the task's thresholds, and which it fails.

A version is asked as a router would ask it: its threshold, novelty limit, blocked and removed labels apply.
What concerns the task's traffic and no version is left out: pause, breaker and guard. A case that the task's
embedder can't use, or whose vector can't be made, fails: nobody knows what the version would answer.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from msgspec.structs import replace

from models.embedders.batch_vectors import BatchVectors
from models.embedders.composite import parts_of
from models.embedders.contract import Embedder
from models.errors import EmbedderError, ModelError
from models.policy import Policy
from schemas.battery import BatteryCase
from schemas.config import Config
from schemas.messages import Reason, Request
from streams.label_set import LabelSet
from streams.routing.decisions import Decision, decide
from streams.routing.features import encode_features, feature_error, request_features
from streams.tasks import Task
from streams.versions.breaker_state import Safeguards

_NAMED = 5
_LONGEST = 60


@dataclass(frozen=True, slots=True)
class CaseResult:
    """What a version does with a case.

    Attributes:
        answer: the label that it would answer with; None where it defers.
        reason: why it answers or defers; None where it could not be asked.
        problem: why the case fails; None where it passes.
    """

    case: BatteryCase
    answer: str | None
    reason: Reason | None
    problem: str | None


def case_results(
    name: str,
    config: Config,
    policy: Policy,
    blocked: frozenset[str],
    cases: Sequence[BatteryCase],
    embedder: Embedder | None = None,
) -> list[CaseResult]:
    """What the version does with each case, in order.

    Args:
        name: of the task.
        blocked: labels that audits have blocked for the version.
        embedder: the encoder that the config names; None where it names none, or where it can't be opened.
    """
    safeguards = Safeguards(blocked={policy.manifest.version: blocked} if blocked else {})
    task = Task.of(name, replace(config, paused=False), policy, None, safeguards, embedder)
    return [_result(task, case) for case in cases]


def failure_sentence(results: Iterable[CaseResult]) -> str | None:
    """The cases that fail, the first few by name; None where none does.

    It stands in events and in the history of versions, so it quotes no text of a case.
    """
    failed = [result for result in results if result.problem is not None]
    if not failed:
        return None
    named = "; ".join(f"{result.case.id} {result.problem}" for result in failed[:_NAMED])
    more = f"; and {len(failed) - _NAMED:,} more" if len(failed) > _NAMED else ""
    return f"it fails {len(failed):,} cases of the task's battery: {named}{more}"


def short_text(text: str, longest: int = _LONGEST) -> str:
    """The text in a line, cut where it is longer."""
    line = " ".join(text.split())
    return line if len(line) <= longest else f"{line[: longest - 1]}…"


def _result(task: Task, case: BatteryCase) -> CaseResult:
    request = Request(id=case.id, task=task.name, text=case.text, embedding=case.embedding)
    if task.live is None:
        return CaseResult(case, None, None, "can't be asked: the version does not suit the task's config")
    problem = feature_error(request, task)
    if problem is not None:
        return CaseResult(case, None, None, f"can't be asked: {problem}")
    try:
        decision = _decision(task, request)
    except ModelError as error:
        return CaseResult(case, None, None, f"can't be asked: {error}")
    guess = decision.guess
    if guess is None:
        return CaseResult(case, None, None, "can't be asked: the version fails on it; see the log")
    answer = guess.label if decision.reason is Reason.ACCEPTED else None
    return CaseResult(case, answer, decision.reason, _problem(task, case, answer, decision.reason))


def _decision(task: Task, request: Request) -> Decision:
    """Raises EmbedderError: the encoder that makes the vector is not open, or fails."""
    if task.embedder is not None and request.text is not None:
        vectors = BatchVectors([request.text], parts_of(task.embedder))
        (decision,) = decide(task, encode_features(task, vectors, [0]), 1, embed=vectors.embed)
        return decision
    features = request_features([request], task)
    if features is None:
        raise EmbedderError("its features can't be made")
    (decision,) = decide(task, features, 1)
    return decision


def _problem(task: Task, case: BatteryCase, answer: str | None, reason: Reason) -> str | None:
    if case.must_defer:
        return None if answer is None else f"must be deferred, and it answers {short_text(answer)!r}"
    label = LabelSet.of(task.config.teacher).current(case.label or "")
    wanted = short_text(label)
    if answer is None:
        return f"must be answered {wanted!r}, and it defers ({reason})" if case.must_answer else None
    return None if answer == label else f"is {wanted!r}, and it answers {short_text(answer)!r}"
