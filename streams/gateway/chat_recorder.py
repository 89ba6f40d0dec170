"""Chat recorder: what the LLM said to an app becomes a reply, and so a trace; asks for checks of answers.

A reply that says no label is counted by task and never guessed: it makes no trace, so the sample lacks it.
Of a check it is an error, which counts against the certificate like any audit that fails.
"""

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import NamedTuple, Protocol

from mode import Service

from schemas.config import TeacherConfig
from schemas.messages import Deferral, Reply, Teacher, Usage
from streams.errors import MaskFailed, UnreadableAnswer
from streams.gateway.chat.question import ChatQuestion
from streams.gateway.chat.upstream_reply import LARGEST, UpstreamReply, plain_body
from streams.gateway.problems import HttpProblem
from streams.gateway.upstream import Upstream, UpstreamBroken, UpstreamCall, UpstreamResponse
from streams.privacy.mask import Mask, mask_text
from streams.spending.admission import Budget
from streams.spending.cost import CallCost, kind_of

log = logging.getLogger(__name__)

_OK = 200
_SERVER = 500
_PASSES = frozenset({408, 409, 425, 429})
_LONGEST_CHECK = 45.0
"""Seconds: less than `certify` leaves between an audit and its reply before it holds it for passed by."""
_MOST_WAITING = 256


class CountReply(Protocol):
    """Counts a reply of an LLM to an app, whether it said a label, and its tokens where they are known."""

    def __call__(self, asked: "AskedChat", *, was_read: bool, usage: Usage | None) -> None: ...


class AskedChat(NamedTuple):
    """A question that the LLM is asked in an app's own words.

    Attributes:
        labels: that are allowed; none: any short one.
    """

    deferral: Deferral
    question: ChatQuestion
    teacher: Teacher
    labels: tuple[str, ...]


class ChatReply(NamedTuple):
    """A response of the LLM's endpoint.

    Attributes:
        body: None where it broke off, or is too long to be read.
    """

    status: int
    encoding: str
    body: bytes | None
    milliseconds: float


class ChatRecorder(Service):
    """Args:
    record: writes a reply down.
    drain: seconds that a stop waits for checks under way.
    count_reply: told of each reply to an app.
    mask: of texts; the LLM has seen the app's own, so what it says is masked before it is written.

    Attributes:
        unread: replies that said no label, by task.
    """

    def __init__(
        self,
        record: Callable[[Reply], None],
        upstream: Upstream,
        budget: Budget,
        drain: float,
        count_reply: CountReply,
        mask: Mask | None = None,
    ) -> None:
        super().__init__()
        self._record = record
        self._upstream = upstream
        self._budget = budget
        self._drain = drain
        self._count_reply = count_reply
        self._mask = mask
        self._checks: set[asyncio.Task[None]] = set()
        self._slots: dict[str, asyncio.Semaphore] = {}
        self.unread: Counter[str] = Counter()

    async def on_stop(self) -> None:
        if self._checks:
            await asyncio.wait(self._checks, timeout=self._drain)

    def note(self, asked: AskedChat, reply: ChatReply) -> None:
        """Write down what the LLM answered an app; an error of its endpoint says nothing."""
        if reply.status != _OK:
            return
        with suppress(UnreadableAnswer):
            self._record(self._read(asked, lambda: _said(asked, reply, self._mask), reply.milliseconds))

    def reply_to(self, asked: AskedChat, said: UpstreamReply) -> Reply:
        """What an LLM said to an app elsewhere, to be written down by the caller.

        Raises:
            UnreadableAnswer: it says no label.
        """
        return self._read(asked, lambda: said, None)

    def _read(self, asked: AskedChat, say: Callable[[], UpstreamReply], milliseconds: float | None) -> Reply:
        """What the LLM says, counted. Raises UnreadableAnswer: it says no label."""
        task, usage = asked.deferral.request.task, None
        try:
            said = say()
            usage = said.usage
            reply = _labelled(asked, said, milliseconds, self._mask)
        except UnreadableAnswer as error:
            self._count_reply(asked, was_read=False, usage=usage)
            self.unread[task] += 1
            count = self.unread[task]
            if count & (count - 1) == 0:  # 1, 2, 4, 8, ...
                log.warning(
                    "LLM's reply says no label, not recorded: task=%s count=%d: %s", task, count, error
                )
            raise
        self._count_reply(asked, was_read=True, usage=usage)
        return reply

    def check(self, call: UpstreamCall, asked: AskedChat, config: TeacherConfig) -> None:
        """Ask the LLM in the background, to check an answer of the surrogate."""
        if len(self._checks) >= _MOST_WAITING:
            self._record(_failed(asked, "too many checks wait for the LLM", gave_up=True))
            return
        check = asyncio.create_task(self._check(call, asked, config))
        self._checks.add(check)
        check.add_done_callback(self._checks.discard)

    async def _check(self, call: UpstreamCall, asked: AskedChat, config: TeacherConfig) -> None:
        task = asked.deferral.request.task
        slots = self._slots.setdefault(task, asyncio.Semaphore(config.audit_concurrency))
        try:
            async with asyncio.timeout(_LONGEST_CHECK), slots:
                self._record(await self._asked(call, asked, config))
        except TimeoutError:
            self._record(_failed(asked, f"no answer within {_LONGEST_CHECK:.0f} s", gave_up=True))

    async def _asked(self, call: UpstreamCall, asked: AskedChat, config: TeacherConfig) -> Reply:
        permit, cost, task = None, CallCost(), asked.deferral.request.task
        if self._budget.is_limited(config):
            admission = await self._budget.admit(task, config, 1)
            if not admission.permits:
                limit = admission.ceiling.sentence if admission.ceiling else "a limit of calls is reached"
                return _failed(asked, limit, gave_up=True)
            permit = admission.permits[0]
        cost.begin_call()
        try:
            return await self._reply(call, asked, cost)
        finally:
            self._budget.record(task, config, kind_of(asked.deferral), cost)
            if permit is not None:
                self._budget.end(task, permit)

    async def _reply(self, call: UpstreamCall, asked: AskedChat, cost: CallCost) -> Reply:
        began = time.perf_counter()
        try:
            response = await self._upstream.open(call)
        except HttpProblem as problem:
            return _failed(asked, str(problem), gave_up=True)
        try:
            body = await _body(response)
        finally:
            response.close()
        if response.status != _OK:
            passes = response.status >= _SERVER or response.status in _PASSES
            return _failed(asked, f"the LLM's endpoint says {response.status}", gave_up=passes)
        milliseconds = (time.perf_counter() - began) * 1000.0
        usage = None
        try:
            said = _said(asked, ChatReply(_OK, response.encoding, body, milliseconds), self._mask)
            usage = said.usage
            return _labelled(asked, said, milliseconds, self._mask)
        except UnreadableAnswer as error:
            return _failed(asked, str(error))
        finally:  # it is paid for, readable or not
            cost.add(usage, len(call.body) + len(body or b""))


async def _body(response: UpstreamResponse) -> bytes | None:
    """The whole body; None where it is too long or breaks off."""
    kept, size = [], 0
    try:
        while chunk := await response.next_chunk():
            kept.append(chunk)
            size += len(chunk)
            if size > LARGEST:
                return None
    except UpstreamBroken:
        return None
    return b"".join(kept)


def _said(asked: AskedChat, reply: ChatReply, mask: Mask | None) -> UpstreamReply:
    """Raises UnreadableAnswer: the response is no whole answer."""
    if reply.body is None:
        raise UnreadableAnswer("the reply broke off, or is too long")
    with _unquoted(mask):
        return asked.question.api.read(plain_body(reply.body, reply.encoding))


def _labelled(asked: AskedChat, said: UpstreamReply, milliseconds: float | None, mask: Mask | None) -> Reply:
    """Raises UnreadableAnswer: it says no label, or one that the mask changes."""
    with _unquoted(mask):
        label = asked.question.form.read(said.message, asked.labels)
    if mask is not None and label not in asked.labels and not _is_plain(mask, label):
        raise UnreadableAnswer("the model said a label that the mask changes: set `teacher.labels`")
    return Reply(asked.deferral, label, asked.teacher, said.usage, milliseconds, confidence=said.confidence)


@contextmanager
def _unquoted(mask: Mask | None) -> Iterator[None]:
    """Errors quote the reply, cut off anywhere: half a secret need not look like one."""
    try:
        yield
    except UnreadableAnswer:
        if mask is None:
            raise
        raise UnreadableAnswer("the model said no label; with a mask, its words are not repeated") from None


def _is_plain(mask: Mask, label: str) -> bool:
    try:
        return mask_text(mask, label) == label
    except MaskFailed:
        return False


def _failed(asked: AskedChat, error: str, *, gave_up: bool = False) -> Reply:
    """Args:
    gave_up: the failure says nothing of the request.
    """
    plain = error.encode(errors="replace").decode()
    return Reply(asked.deferral, teacher=asked.teacher, error=plain, gave_up=gave_up)
