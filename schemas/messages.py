"""The messages on the topics: frozen records, JSON on the wire, one object a message.

Fields that we don't know are ignored, so newer producers may send more. What is missing or of the wrong
type is refused with the field's name (`schemas.codec`). `None` stands for "not known" or "does not apply".
Times are Unix milliseconds.
"""

from enum import StrEnum
from typing import Annotated, Literal

from msgspec import Meta, Struct

RequestId = Annotated[str, Meta(min_length=1, max_length=256, description="the client's idempotency key")]
# `$` alone would let a line break stand at the end.
TaskName = Annotated[
    str,
    Meta(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$(?!\n)",
        description="letters, digits, dot, dash, underscore",
    ),
]
Embedding = Annotated[
    bytes | list[float], Meta(description="little-endian float32 in base64, or a list of numbers; all finite")
]
Milliseconds = Annotated[int, Meta(ge=0, description="Unix time in milliseconds")]
Inclusion = Annotated[float, Meta(ge=0.0, le=1.0, description="probability of an audit")]


class Reason(StrEnum):
    """Why a request was answered by the surrogate (`ACCEPTED`) or handed to the teacher (the others)."""

    ACCEPTED = "accepted"
    LOW_SCORE = "low_score"
    NOVEL = "novel"
    BLOCKED_LABEL = "blocked_label"
    NO_POLICY = "no_policy"
    UNCERTIFIED = "uncertified"
    BREAKER_OPEN = "breaker_open"
    OPERATOR = "operator"
    BUDGET = "budget"
    AUDIT = "audit"
    REPEAT = "repeat"


class Request(Struct, frozen=True):
    """A text or its vector to be classified. Topic `requests`, written by clients."""

    id: RequestId
    task: TaskName
    text: str | None = None
    embedding: Embedding | None = None
    metadata: dict[str, str] = {}

    def __post_init__(self) -> None:
        if self.text is None and self.embedding is None:
            raise ValueError("a request needs `text`, `embedding` or both")


class Guess(Struct, frozen=True):
    """What the surrogate would have answered.

    Attributes:
        score: probability, in [0, 1], that the teacher agrees.
        novelty: distance from what the policy was fitted on; its scale is the policy's own. JSON has no
            infinity: a request that is infinitely far from everything arrives with None.
        policy: version of the policy that guessed.
    """

    label: str
    score: float
    novelty: float | None
    policy: str


class Label(Struct, frozen=True):
    """The one answer to a request. Topic `labels`, read by clients.

    Attributes:
        label: the class, or None where `source` is `error`.
        reason: why the surrogate answered, or why the teacher had to.
        score, threshold, policy: of the surrogate's guess, where one was made.
        audited: the surrogate answered and the teacher is asked too, to check it.
        error: what failed, where `source` is `error`.
        requested_at: the broker's time of the request.
        labelled_at: when this answer was decided.
    """

    id: RequestId
    task: TaskName
    label: str | None
    source: Literal["surrogate", "teacher", "error"]
    reason: Reason
    requested_at: Milliseconds
    labelled_at: Milliseconds
    score: float | None = None
    threshold: float | None = None
    policy: str | None = None
    audited: bool = False
    error: str | None = None
    metadata: dict[str, str] = {}


class Teacher(Struct, frozen=True):
    """Who answered: a change of either is a change of teacher.

    Attributes:
        prompt: hash of the prompt template and label set.
    """

    model: str
    prompt: str = ""


class Answer(Struct, frozen=True):
    """What the teacher has said of a request that it is asked about once more."""

    label: str
    teacher: Teacher | None = None


class Deferral(Struct, frozen=True):
    """A request for the teacher. Topic `deferrals`; any consumer that answers on `replies` is a teacher.

    Attributes:
        audit: the surrogate has answered already; the reply only checks it.
        sampled: part of a uniform sample of the task's traffic.
        embedder: what turns the request into features, e.g. `text` or `precomputed`.
        encoder: id of the encoder that made `features`; None where none did.
        features: float32 vector, so that nobody embeds twice; None where the request itself
            is the features (its text, or the vector that it brought).
        inclusion: probability with which any request was audited when this one was.
        shadow: what a candidate beside the live policy would have answered, on a sampled request;
            None where there is no candidate or it would have deferred.
        first: what the teacher has answered already, where it is asked the same once more: only to see how
            often it contradicts itself.
    """

    request: Request
    reason: Reason
    audit: bool
    sampled: bool
    embedder: str
    requested_at: Milliseconds
    features: bytes | None = None
    guess: Guess | None = None
    threshold: float | None = None
    inclusion: Inclusion | None = None
    shadow: Guess | None = None
    encoder: str | None = None
    first: Answer | None = None


class Usage(Struct, frozen=True):
    """Tokens that one answer cost."""

    prompt_tokens: int = 0
    completion_tokens: int = 0


class Reply(Struct, frozen=True):
    """The teacher's answer to a deferral. Topic `replies`: a `label`, or an `error` where it failed."""

    deferral: Deferral
    label: Annotated[str, Meta(min_length=1, max_length=256)] | None = None
    teacher: Teacher | None = None
    usage: Usage | None = None
    latency_ms: float | None = None
    error: str | None = None

    def __post_init__(self) -> None:
        if (self.label is None) == (self.error is None):
            raise ValueError("a reply needs either `label` or `error`")


class Trace(Struct, frozen=True):
    """What the teacher said of one request. Topic `traces`: the training log and the source of truth.

    Attributes:
        inclusion: probability with which any request was audited when this one was.
        encoder: id of the encoder that made `features`; None where none did.
        first: as in `Deferral`. A trace that has it stands for no request: it neither trains nor certifies.
    """

    id: RequestId
    task: TaskName
    label: str
    reason: Reason
    audit: bool
    sampled: bool
    embedder: str
    requested_at: Milliseconds
    replied_at: Milliseconds
    text: str | None = None
    features: bytes | None = None
    guess: Guess | None = None
    threshold: float | None = None
    teacher: Teacher | None = None
    inclusion: Inclusion | None = None
    shadow: Guess | None = None
    encoder: str | None = None
    first: Answer | None = None


class Forgotten(Struct, frozen=True):
    """Requests whose texts no role may use any more. Topic `forgotten`, kept by key.

    Attributes:
        at: those that were requested by then.
        request: SHA-256, in hexadecimal, of the task's name, a zero byte and the request's id; None for all
            requests of the task.
    """

    task: TaskName
    at: Milliseconds
    request: Annotated[str, Meta(pattern="^[0-9a-f]{64}$")] | None = None
