"""Messages on the topics: frozen records, each a JSON object in one Kafka message.

Unknown fields are ignored, so newer producers may send more. A message that lacks a required field, or has
one of the wrong type, is refused with the field's name (`schemas.codec`). `None` means "not known" or "does
not apply". Times are Unix milliseconds.
"""

from enum import StrEnum
from typing import Annotated, Literal

from msgspec import Meta, Struct

RequestId = Annotated[str, Meta(min_length=1, max_length=256, description="the client's idempotency key")]
# `$` alone would allow a line break at the end.
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
Inclusion = Annotated[float, Meta(ge=0.0, le=1.0, description="probability of becoming a sampled trace")]

Share = Annotated[float, Meta(ge=0.0, le=1.0)]


class Reason(StrEnum):
    """Why the surrogate answered a request (`ACCEPTED`), or why the teacher had to (all others).

    `BUDGET` is the exception: a limit on the teacher's calls is reached, so the surrogate answered outside
    the guarantee, or nobody did.
    `SEEDED` is the reason of a trace that an operator brought from a file, or an app as a span: no request of
    this stream.
    """

    ACCEPTED = "accepted"
    LOW_SCORE = "low_score"
    NOVEL = "novel"
    BLOCKED_LABEL = "blocked_label"
    REMOVED_LABEL = "removed_label"
    NEW_LABEL = "new_label"
    NO_POLICY = "no_policy"
    UNCERTIFIED = "uncertified"
    BREAKER_OPEN = "breaker_open"
    UNGUARDED = "unguarded"
    OPERATOR = "operator"
    BUDGET = "budget"
    UNAVAILABLE = "unavailable"
    AUDIT = "audit"
    REPEAT = "repeat"
    SEEDED = "seeded"


class Request(Struct, frozen=True):
    """A text or its vector to be classified. Topic `requests`, written by clients.

    Attributes:
        text: what is to be classified; None where only the vector is given.
        embedding: its vector; None where only the text is given.
        metadata: of your own; it comes back with the label.
    """

    id: RequestId
    task: TaskName
    text: str | None = None
    embedding: Embedding | None = None
    metadata: dict[str, str] = {}

    def __post_init__(self) -> None:
        if self.text is None and self.embedding is None:
            raise ValueError("a request needs `text`, `embedding` or both")


class Guess(Struct, frozen=True):
    """Guess of the surrogate: the label that it would give, whether or not it may answer.

    Attributes:
        label: the class that it would give.
        score: probability, in [0, 1], that the teacher agrees.
        novelty: distance from the traces that the policy was fitted on, in the policy's own scale. None where
            the distance is infinite, because JSON has no infinity.
        policy: version of the policy that made the guess.
    """

    label: str
    score: float
    novelty: float | None
    policy: str


class Label(Struct, frozen=True):
    """The answer to a request. Topic `labels`, read by clients.

    A request has one answer, with one exception: an error may be followed by a label for the same id. The
    label counts then, wherever it stands.

    Attributes:
        label: the class, or None where `source` is `error`.
        source: who answered; `error` where the teacher gave no label.
        reason: why the surrogate answered, or why the teacher had to.
        score: probability, in [0, 1], that the teacher agrees with the surrogate's guess; None without one.
        threshold: score from which on the surrogate answers; None without a guess, or without a threshold.
        policy: version of the policy that made the guess; None without one.
        audited: whether the teacher also labels the request, to check the surrogate's answer.
        error: what failed, where `source` is `error`.
        requested_at: the broker's time of the request.
        labelled_at: time at which this answer was decided.
        metadata: of the request, as it was.
        supersedes: this label of the teacher replaces an error that was sent before for the same id.
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
    supersedes: bool = False


class Teacher(Struct, frozen=True):
    """Identity of the teacher: another model or another prompt is another teacher.

    Attributes:
        model: name of the model, as its API knows it.
        prompt: hash of the prompt template and the labels; a renamed label counts under its first name.
    """

    model: str
    prompt: str = ""


class Answer(Struct, frozen=True):
    """The teacher's first answer to a request that it labels a second time.

    Attributes:
        label: what it said.
        teacher: who said it; None where that is not known.
    """

    label: str
    teacher: Teacher | None = None


class Deferral(Struct, frozen=True):
    """A request that the teacher has to label. Topic `deferrals`; whatever answers on `replies` is a teacher.

    Attributes:
        request: as the client sent it.
        reason: why the teacher is asked.
        audit: whether the surrogate has answered already; the reply then only checks its answer.
        sampled: whether the request belongs to a uniform sample of the task's traffic.
        embedder: the config's `embedder`, e.g. `text` or `precomputed`.
        requested_at: the broker's time of the request.
        guess: what the surrogate would say; None where it made no guess.
        threshold: score from which on the surrogate answers; None without a guess, or without a threshold.
        encoder: id of the encoder that made `features`; of several one after another, their ids and the
            lengths of their vectors. None where no encoder did.
        features: float32 vector (little-endian) that an encoder made, so that no role has to make it again;
            None where the features are the request's own text or vector.
        inclusion: probability, at that time, that a request became a sampled trace: 1 while nothing is
            answered, else the audit rate. Older messages hold the audit rate in both cases.
        shadow: guess with which a candidate would have answered a sampled request; None where there is no
            candidate, or it would have deferred.
        first: the teacher's first answer, where it labels the request a second time, only to measure how
            often it contradicts itself.
        expected: of a guess that was deferred for its low score, the probability that the teacher agrees, as
            the fit cautiously expects it; None for all other deferrals, and where the fit does not say.
        asked_by: who asks the teacher where the teacher role must not: `gateway`, which asks in the app's own
            words. None: the teacher role, or a teacher of your own.
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
    expected: Share | None = None
    asked_by: str | None = None

    @property
    def checks_answer(self) -> bool:
        """Whether it is an audit of an answer under the guarantee."""
        return self.audit and self.reason is not Reason.BUDGET


class Encoding(Struct, frozen=True):
    """A text that an encoder has to turn into a vector. Topic `encodings`, written and read by Understudy.

    Either a `request` that is still to be decided, or the `check` of an answer that was given from the text
    alone: it lacks only the vector.

    Attributes:
        requested_at: the broker's time of the request.
        request: that is still to be decided; None where a check is sent.
        check: an answer that was given, and whose vector is missing; None where a request is sent.
        drawn: others of the task are answered from their texts alone, so the request is in the sample only if
            the audit draws it.
        counted: whether the watch for drift counts its decision.
        answered: guesses by which requests of the task were answered from their texts alone; the watch for
            drift counts them with it.
    """

    requested_at: Milliseconds
    request: Request | None = None
    check: Deferral | None = None
    drawn: bool = False
    counted: bool = True
    answered: tuple[Guess, ...] = ()

    def __post_init__(self) -> None:
        if (self.request is None) == (self.check is None):
            raise ValueError("an encoding needs either `request` or `check`")


class Usage(Struct, frozen=True):
    """Tokens that one answer cost.

    Attributes:
        prompt_tokens: of the question.
        completion_tokens: of the answer.
        cached_tokens: those of the prompt that came from the provider's cache.
    """

    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int = 0


class Reply(Struct, frozen=True):
    """The teacher's answer to a deferral. Topic `replies`: a `label`, or an `error` where it failed.

    Attributes:
        deferral: that is answered, whole.
        label: the class; None where the teacher failed.
        teacher: who answered; None where that is not known.
        usage: tokens that the answer cost; None where that is not known.
        latency_ms: milliseconds that the teacher took; None where that is not known.
        error: what failed; None where there is a label.
        confidence: probability that the teacher itself gives to the label; None where it does not say.
        gave_up: of an error: it may pass, and the teacher has waited long enough. So the teacher was away,
            while an error that stays, as that of a content filter, is about this request.
    """

    deferral: Deferral
    label: Annotated[str, Meta(min_length=1, max_length=256)] | None = None
    teacher: Teacher | None = None
    usage: Usage | None = None
    latency_ms: float | None = None
    error: str | None = None
    confidence: Share | None = None
    gave_up: bool = False

    def __post_init__(self) -> None:
        if (self.label is None) == (self.error is None):
            raise ValueError("a reply needs either `label` or `error`")


class Trace(Struct, frozen=True):
    """One request with the teacher's label. Topic `traces`: the training log and the source of truth.

    Attributes:
        label: what the teacher said.
        reason: as in `Deferral`; `seeded` where no client asked.
        audit: as in `Deferral`.
        sampled: as in `Deferral`. Only these calibrate, pass the gate and certify.
        embedder: as in `Deferral`.
        requested_at: as in `Deferral`.
        replied_at: time of the teacher's reply.
        text: of the request; None where it brought only a vector.
        features: float32 vector (little-endian) of the request; None where the features are its text.
        guess: as in `Deferral`.
        threshold: as in `Deferral`.
        teacher: as in `Reply`.
        shadow: as in `Deferral`.
        inclusion: as in `Deferral`.
        encoder: id of the encoder that made `features`; of several one after another, their ids and the
            lengths of their vectors. None where no encoder did.
        first: as in `Deferral`. A trace with a `first` answer is a repeat: it neither trains nor certifies.
        expected: as in `Deferral`.
        confidence: as in `Reply`.
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
    expected: Share | None = None
    confidence: Share | None = None

    @property
    def checks_answer(self) -> bool:
        """Whether it is an audit of an answer under the guarantee."""
        return self.audit and self.reason is not Reason.BUDGET


class AuditFailure(Struct, frozen=True):
    """An audit to which the teacher gave no label but an error. Topic `audit-failures`; it holds no text.

    Attributes:
        policy: version whose answer was to be checked.
        requested_at: the broker's time of the request.
        failed_at: the broker's time of the teacher's reply.
        error: what failed, in one line of at most 300 characters.
        teacher: as in `Reply`.
        gave_up: as in `Reply`.
    """

    id: RequestId
    task: TaskName
    policy: str
    requested_at: Milliseconds
    failed_at: Milliseconds
    error: str
    teacher: Teacher | None = None
    gave_up: bool = False


class Forgotten(Struct, frozen=True):
    """Requests whose texts no role may use any more. Topic `forgotten`, compacted by key.

    Attributes:
        at: the newest request time that is to be forgotten; later requests are not.
        request: SHA-256, in hexadecimal, of the task's name, a zero byte and the request's id; None for all
            requests of the task.
    """

    task: TaskName
    at: Milliseconds
    request: Annotated[str, Meta(pattern="^[0-9a-f]{64}$")] | None = None


class Feedback(Struct, frozen=True):
    """What is true of a request, as a person or a later event has told. Topic `feedback`, compacted by key.

    It is about the truth, not about agreement with the teacher: nothing certifies on it, and a refit learns
    from it only where `refit.use_feedback` says so. A later message for the same request replaces an earlier
    one; one without a value takes it back.

    Attributes:
        ground_truth: the right label.
        given_at: when that was told.
        answered: the label that the client has got; None where that is not known.
        source: who gave it, as in `Label`.
        policy: version whose answer or guess it was, as in `Label`.
    """

    id: RequestId
    task: TaskName
    ground_truth: Annotated[str, Meta(min_length=1, max_length=256)]
    given_at: Milliseconds
    answered: str | None = None
    source: Literal["surrogate", "teacher"] | None = None
    policy: str | None = None
