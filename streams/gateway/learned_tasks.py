"""Learned tasks: calls that name no task belong to the one that knows them, or become a proposed task.

A call is known by its instructions and the form that it asks for. Proposals are counted in Redis, for an
operator to accept; of their texts only the first words of the instructions are kept, masked where there is a
mask.
"""

import logging
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

from mode import Service

from schemas.config import EVERY_TASK
from schemas.proposed_task import ProposedTask
from streams.clock import unix_ms
from streams.errors import MaskFailed, StateUnavailable
from streams.gateway.caller_check import Caller
from streams.gateway.chat.conversation import NotAQuestion
from streams.gateway.chat.signature import CallSignature
from streams.gateway.problems import HttpProblem, ProblemKind
from streams.privacy.mask import Mask, mask_text
from streams.state.proposed_tasks import MOST, ProposedTasks
from streams.tasks import Tasks

log = logging.getLogger(__name__)

_FIRST_WORDS = 80
"""Characters of the instructions that are kept."""
_LOOKED_AT = 10_000
"""Characters of the instructions that are masked for that."""
_LONGEST_MODEL = 100
_LONGEST_LABEL = 256
_LONGEST_LABELS = 20_000
"""Characters of all labels of a form; longer lists are not kept."""

Signer = Callable[[Mapping[str, Any]], CallSignature]


class LearnedTasks(Service):
    """Args:
    poll: seconds between writes of what was counted.

    Attributes:
        dropped: calls of further kinds than can be counted between two writes.
    """

    def __init__(self, tasks: Tasks, store: ProposedTasks, poll: float, mask: Mask | None = None) -> None:
        super().__init__()
        self._live_tasks = tasks
        self._store = store
        self._poll = poll
        self._mask = mask
        self._proposals: dict[str, ProposedTask] = {}
        self._calls: Counter[str] = Counter()
        self.dropped = 0

    async def on_start(self) -> None:
        self.add_future(self._write_forever())

    async def on_stop(self) -> None:
        await self.flush()

    def task_of(self, caller: Caller, call: Mapping[str, Any], signer: Signer | None) -> str:
        """The task of a call that names none; `*` where nobody knows it, and it is forwarded.

        Args:
            signer: says what calls like this have in common; None: they are only forwarded.

        Raises:
            HttpProblem: it has to name its task.
        """
        signature = _signature(call, signer)
        if signature is not None:
            known = self._known_task(signature.hash, caller)
            if known is not None:
                return known
        if not caller.allows(EVERY_TASK) or not self._live_tasks.task(EVERY_TASK).config.teacher.url:
            raise HttpProblem(
                ProblemKind.INVALID,
                "the call names no task: set `model` to understudy/TASK, or the header x-understudy-task",
            )
        if signature is not None:
            self._propose(signature, call)
        return EVERY_TASK

    def _known_task(self, kind: str, caller: Caller) -> str | None:
        """The first task, by name, that an operator has given these calls to."""
        names = sorted(self._live_tasks.names())
        return next(
            (
                name
                for name in names
                if kind in self._live_tasks.task(name).config.chat.calls and caller.allows(name)
            ),
            None,
        )

    def _propose(self, signature: CallSignature, call: Mapping[str, Any]) -> None:
        kind = signature.hash
        if kind not in self._proposals:
            if len(self._proposals) >= MOST:
                self.dropped += 1
                return
            model = call.get("model")
            self._proposals[kind] = ProposedTask(
                kind,
                signature.form,
                self._first_words(signature.instructions),
                model[:_LONGEST_MODEL] if isinstance(model, str) else "",
                _kept_labels(signature.labels),
                unix_ms(),
            )
        self._calls[kind] += 1

    def _first_words(self, instructions: tuple[str, ...]) -> str:
        text = " ".join(instructions)[:_LOOKED_AT]
        try:
            masked = text if self._mask is None else mask_text(self._mask, text)
        except MaskFailed:
            return ""
        return " ".join(masked[: 2 * _FIRST_WORDS].split())[:_FIRST_WORDS]

    async def flush(self) -> None:
        """Write down what was counted; what Redis can't take now is written next time."""
        counts = {self._proposals[kind]: calls for kind, calls in self._calls.items()}
        if not counts:
            return
        self._calls.clear()
        try:
            await self._store.add(counts, unix_ms())
        except StateUnavailable as error:
            log.debug("proposed tasks not written, will retry: %s", error)
            self._calls.update({one.hash: calls for one, calls in counts.items()})
            return
        self._proposals = {kind: self._proposals[kind] for kind in self._calls}

    async def _write_forever(self) -> None:
        while not self.should_stop:
            await self.sleep(self._poll)
            await self.flush()


def _kept_labels(labels: tuple[str, ...]) -> tuple[str, ...]:
    """The labels, or none where they are too long to be those of a task."""
    lengths = [len(label) for label in labels]
    fits = all(0 < length <= _LONGEST_LABEL for length in lengths) and sum(lengths) <= _LONGEST_LABELS
    return labels if fits else ()


def _signature(call: Mapping[str, Any], signer: Signer | None) -> CallSignature | None:
    """None where the call is no question."""
    try:
        return None if signer is None else signer(call)
    except NotAQuestion:
        return None
