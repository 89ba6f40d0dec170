"""What one run shows: of requests, of certificates, of the alarm and of what came after it."""

from collections.abc import Mapping
from dataclasses import dataclass

from schemas.events import EventKind


@dataclass(frozen=True, slots=True)
class AnswerCounts:
    """Requests of a part of the stream.

    Attributes:
        asked: all of them.
        answered: by the surrogate; of these `agreed` as the teacher of that time would have said.
        unseen: answered ones of intents that had never come before the drift.
    """

    asked: int
    answered: int
    agreed: int
    unseen: int

    @property
    def coverage(self) -> float | None:
        return self.answered / self.asked if self.asked else None

    @property
    def agreement(self) -> float | None:
        return self.agreed / self.answered if self.answered else None


@dataclass(frozen=True, slots=True)
class FirstCertificate:
    """A version's first certificate in a part of the stream.

    Attributes:
        requests: sent in this part until then.
        audits: that it took.
    """

    requests: int
    audits: int


@dataclass(frozen=True, slots=True)
class FirstAlarm:
    """The first one after the drift.

    Attributes:
        seconds: since the first drifted request.
        audits: since the suspicion began, of which so many `agreements`.
    """

    seconds: float
    audits: int
    agreements: int


@dataclass(frozen=True, slots=True)
class Recovery:
    """From the alarm to the first answer of a version whose fit began after it.

    Attributes:
        requests: sent meanwhile.
    """

    seconds: float
    requests: int


@dataclass(frozen=True, slots=True)
class DriftFigures:
    """Attributes:
    before, last: some requests before the drift, and as many at the end of the stream.
    exposed: from the first drifted request to the last answer of the version that was live then, or of the
        one that the alarm stopped; answers of others are left out.
    after: all requests from the first drifted one on.
    certified: the version that was live when the drift began, before it; None where it was not.
    alarm: None where there was none; nor is there a `recovery` then.
    replaced: requests from the drift to the first answer of another version, where no alarm had come by then.
    again: the version that answered last, after the drift; None where it was not certified anew.
    stood, stands: whether the version that answered last was certified when the drift began, and at the end.
    told: events since the drift began, by kind.
    promised: coverage that the gate promised of the newest version that went live.
    """

    before: AnswerCounts
    exposed: AnswerCounts
    after: AnswerCounts
    last: AnswerCounts
    certified: FirstCertificate | None
    alarm: FirstAlarm | None
    recovery: Recovery | None
    replaced: int | None
    again: FirstCertificate | None
    stood: bool
    stands: bool
    told: Mapping[EventKind, int]
    promised: float | None
