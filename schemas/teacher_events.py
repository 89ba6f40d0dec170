"""Details of events about the teacher: another one, its labels, its backlog, its cost, its replies."""

from schemas.event import EventDetails, EventKind
from schemas.messages import Milliseconds


class TeacherChangedDetails(EventDetails, frozen=True):
    """The teacher's model or prompt has changed, so new certificates begin.

    Attributes:
        model, model_before: as the API knows them.
        prompt, prompt_before: hash of the prompt template and label set.
        since: time of the new teacher's first reply.
    """

    kind = EventKind.TEACHER_CHANGED
    model: str
    prompt: str
    since: Milliseconds
    model_before: str
    prompt_before: str


class TeacherUnsteadyDetails(EventDetails, frozen=True):
    """The teacher contradicts itself so often that a surrogate which answers everything misses the target.

    Attributes:
        asked: requests that the teacher was asked about twice.
        same: those on which it gave the same label.
        ceiling: agreement that no surrogate which answers everything can exceed.
        target: agreement that a surrogate is to have.
    """

    kind = EventKind.TEACHER_UNSTEADY
    asked: int
    same: int
    ceiling: float
    target: float


class LabelsChangedDetails(EventDetails, frozen=True):
    """The teacher's labels have changed.

    Attributes:
        added: labels that may be given from now on. For those that the live version can't know, the claim is
            suspended until a refit has seen them.
        removed: labels that may not be given any more.
        renamed: new names by old ones.
        label_added: the config's setting: `audit` or `defer`.
    """

    kind = EventKind.LABELS_CHANGED
    added: tuple[str, ...]
    removed: tuple[str, ...]
    renamed: dict[str, str]
    label_added: str


class LabelsCappedDetails(EventDetails, frozen=True):
    """The teacher of a task without a label set has given a label too many; emitted once a day at most.

    Attributes:
        label: the one that was refused.
        most_labels: the config's setting.
    """

    kind = EventKind.LABELS_CAPPED
    label: str
    most_labels: int


class BacklogAtRiskDetails(EventDetails, frozen=True):
    """The oldest deferral that waits for the teacher will be deleted by Kafka before it is answered.

    Attributes:
        topic: that holds it: of deferrals, or of audits.
        unread: messages of the topic that the teacher has not finished.
        waiting_since: when the oldest was written.
        deleted_from: from then on the broker may delete it.
    """

    kind = EventKind.BACKLOG_AT_RISK
    topic: str
    unread: int
    waiting_since: Milliseconds
    deleted_from: Milliseconds


class SpendingDetails(EventDetails, frozen=True):
    """A share of a day's limit on the teacher's calls is spent; told once a day for each limit and share.

    The event's task is `*` where the limit is that of all tasks together.

    Attributes:
        limit: its name in `teacher.limits`.
        level: share that is reached: .5, .8 or 1.
        spent: today so far, in calls, tokens or money.
        allowed: in a day.
    """

    kind = EventKind.SPENDING
    limit: str
    level: float
    spent: float
    allowed: float


class RepliesUnreadableDetails(EventDetails, frozen=True):
    """A tenth or more of an LLM's newest replies to apps say no label, so no trace holds their requests.

    Each gateway tells it of its own replies, at most once an hour.

    Attributes:
        unread: replies without a label.
        replies: the newest ones to calls that asked for a label, those among them.
    """

    kind = EventKind.REPLIES_UNREADABLE
    unread: int
    replies: int


class RepliesReadableDetails(EventDetails, frozen=True):
    """After `replies_unreadable`, nearly all replies say a label again.

    Attributes:
        unread: replies without a label.
        replies: the newest ones to calls that asked for a label, those among them.
    """

    kind = EventKind.REPLIES_READABLE
    unread: int
    replies: int
