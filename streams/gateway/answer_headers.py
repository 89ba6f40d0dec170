"""Headers of an answer: who gave it, and why. One contract, whose version `x-understudy-contract` says."""

from collections.abc import Mapping

from streams.gateway.calls import header_word, request_id
from streams.gateway.classifier import ClassifiedAnswer

CONTRACT = "1"
DEBUG = "x-understudy-debug"
EXPOSED = (
    *(
        f"x-understudy-{name}"
        for name in (
            *("contract", "source", "reason", "task", "policy", "score", "threshold", "certified"),
            *("decision-id", "audited", "replayed", "mode", "shadow", "prompt", "detail"),
        )
    ),
    "x-request-id",
    "server-timing",
    "retry-after",
)
"""What a web page of an allowed origin may read."""


def answer_headers(
    answer: ClassifiedAnswer, headers: Mapping[str, str], milliseconds: float
) -> dict[str, str]:
    """Headers of the response.

    Whoever sees them sees no more than the task needs: score, threshold and the draw of the audit are there
    only where the call has the header `x-understudy-debug`.

    Args:
        headers: of the call.
        milliseconds: from the call's arrival to its answer.
    """
    label = answer.label
    found = {
        "x-understudy-contract": CONTRACT,
        "x-understudy-source": label.source,
        "x-understudy-reason": label.reason.value,
        "x-understudy-task": label.task,
        "x-understudy-decision-id": header_word(label.id),
        "x-understudy-certified": _word(answer.certified),
        "x-request-id": request_id(headers, label.id),
        "server-timing": f"total;dur={milliseconds:.2f}",
    }
    if label.policy is not None:
        found["x-understudy-policy"] = header_word(label.policy)
    if answer.replayed:
        found["x-understudy-replayed"] = "true"
    if DEBUG in headers:
        found |= _details(answer)
    return found


def _details(answer: ClassifiedAnswer) -> dict[str, str]:
    label = answer.label
    details = {"score": label.score, "threshold": label.threshold}
    found = {f"x-understudy-{name}": f"{value:.6g}" for name, value in details.items() if value is not None}
    return found | {"x-understudy-audited": _word(label.audited)}


def _word(value: bool) -> str:
    return "true" if value else "false"
