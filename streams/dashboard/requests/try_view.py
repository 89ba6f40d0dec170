"""Try view: what a task would do with a text that nobody has sent."""

from msgspec import Struct

from schemas.messages import Embedding, Request
from streams.dashboard.requests.dry_run import DryRun
from streams.dashboard.requests.opinion_view import OpinionView, opinion_view
from streams.errors import DryRunFailed
from streams.tasks import Task


class TryCall(Struct, frozen=True):
    """Body of the call: a text, a vector, or both, as the task's `embedder` needs them.

    Attributes:
        version: that is asked, too; None for the live one and the one on trial alone.
    """

    text: str | None = None
    embedding: Embedding | None = None
    version: str | None = None


class TryView(Struct, frozen=True):
    """Attributes:
    live: what would become of the request.
    candidate: what the version on trial would do if it decided; None without one.
    other: what the version does that was named; None where none was, or its files are gone.
    audit: in words, how often an answer like this is checked; empty where it would be deferred.
    masked: the text as it is scored, where the gateway's mask has changed it.
    notes: what could not be said, and why.
    """

    live: OpinionView
    candidate: OpinionView | None = None
    other: OpinionView | None = None
    audit: str = ""
    masked: str | None = None
    notes: tuple[str, ...] = ()


async def try_view(dry_run: DryRun, task: Task, call: TryCall) -> TryView:
    """What would become of the request.

    Raises:
        DryRunFailed: the live version can't be asked about this.
        HttpProblem: the text can't be masked.
        StateUnavailable: a version was named, and Redis is away.
    """
    request, notes = dry_run.request(task.name, call.text, call.embedding), list[str]()
    live = opinion_view(await dry_run.live(request))
    candidate = await dry_run.candidate(request)
    return TryView(
        live=live,
        candidate=None if candidate is None else opinion_view(candidate),
        other=await _other(dry_run, request, call.version, notes),
        audit=_audit_words(task) if live.answered else "",
        masked=None if request.text == call.text else request.text,
        notes=tuple(notes),
    )


async def _other(
    dry_run: DryRun, request: Request, version: str | None, notes: list[str]
) -> OpinionView | None:
    if version is None:
        return None
    try:
        outcome = await dry_run.version(request, version)
    except DryRunFailed as error:
        notes.append(f"{version} can't be asked: {error}")
        return None
    if outcome is None:
        notes.append(f"the files of {version} are not kept any more")
        return None
    return opinion_view(outcome)


def _audit_words(task: Task) -> str:
    rate = task.audit_rate
    if rate == 0.0:
        return "No answer is checked: the audit rate is 0."
    return (
        f"{rate:.1%} of the requests are checked by the teacher as well, drawn by their ids "
        "with a secret key, so that nobody can say it of a text."
    )
