"""Bodies of the gateway's HTTP calls. A classified request is answered with its `Label`, as on Kafka."""

from typing import Annotated

from msgspec import Meta, Struct

from schemas.messages import Embedding, Feedback, Label, RequestId, TaskName

BATCH_MOST = 1_000
"""Requests of one batch."""

LabelName = Annotated[str, Meta(min_length=1, max_length=256)]
DecisionId = Annotated[str, Meta(min_length=1, max_length=3072, description="percent-encoded id")]
Wait = Annotated[float, Meta(gt=0.0, description="seconds to wait for the label")]


class Classify(Struct, frozen=True, kw_only=True):
    """Body of `POST /v1/classify`.

    Attributes:
        task: may be left out where the key is bound to one task.
        id: idempotency key; the header `Idempotency-Key` goes before it. Without both one is made.
        timeout: seconds to wait for the label; then 504, and the label comes later.
    """

    task: TaskName | None = None
    text: str | None = None
    embedding: Embedding | None = None
    id: RequestId | None = None
    metadata: dict[str, str] = {}
    timeout: Wait | None = None


class BatchItem(Struct, frozen=True, kw_only=True):
    """One request of a batch; fields as in `Classify`."""

    text: str | None = None
    embedding: Embedding | None = None
    id: RequestId | None = None
    metadata: dict[str, str] = {}


class ClassifyBatch(Struct, frozen=True, kw_only=True):
    """Body of `POST /v1/classify/batch`: requests of one task."""

    requests: Annotated[list[BatchItem], Meta(min_length=1, max_length=BATCH_MOST)]
    task: TaskName | None = None
    timeout: Wait | None = None


class FeedbackItem(Struct, frozen=True, kw_only=True):
    """What is true of one request: its id in one of two ways, and the right label.

    Attributes:
        id: of the request, as the client gave it or as its label says.
        decision_id: the same as the header `x-understudy-decision-id` says it, percent-encoded.
        label: the right one.
        new_label: the label is meant although `teacher.labels` does not list it: no answer can be right then.
    """

    label: LabelName
    id: RequestId | None = None
    decision_id: DecisionId | None = None
    new_label: bool = False


class GiveFeedback(FeedbackItem, frozen=True, kw_only=True):
    """Body of `POST /v1/feedback`.

    Attributes:
        task: may be left out where the key is bound to one task.
    """

    task: TaskName | None = None


class FeedbackBatch(Struct, frozen=True, kw_only=True):
    """Body of `POST /v1/feedback/batch`: what is true of requests of one task."""

    feedback: Annotated[list[FeedbackItem], Meta(min_length=1, max_length=BATCH_MOST)]
    task: TaskName | None = None


class ProblemBody(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Why a call has no label, as `application/problem+json` (RFC 9457).

    Attributes:
        type: `urn:understudy:problem:` and a word that programs can rely on.
        detail: one sentence for people; says what to do.
        id, task: the request that it is about, where there is one.
        label: the error label, where the teacher gave one.
    """

    type: str
    title: str
    status: int
    detail: str
    id: str | None = None
    task: str | None = None
    label: Label | None = None


class BatchResult(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What became of one request of a batch: `status` as it would be for a call of its own."""

    status: int
    label: Label | None = None
    problem: ProblemBody | None = None


class BatchResults(Struct, frozen=True):
    """Answer to a batch, in the order of its requests."""

    results: list[BatchResult]


class FeedbackResult(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What became of one item of a batch: `status` as it would be for a call of its own."""

    status: int
    feedback: Feedback | None = None
    problem: ProblemBody | None = None


class FeedbackResults(Struct, frozen=True):
    """Answer to a batch of feedback, in the order of its items."""

    results: list[FeedbackResult]
