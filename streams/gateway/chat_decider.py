"""Chat decider: whether the surrogate answers a chat completion, and what is recorded where the LLM does.

record, shadow    the LLM answers; the call becomes a trace of a task that answers nothing
serve             as `route` decides; but a prompt that the live version does not stand for is forwarded,
                  and so is everything while Kafka is away

What is forwarded so is all in the sample, unless other requests of the task are in it at the audit rate only:
then it is drawn as these are.
"""

from typing import NamedTuple

from msgspec.structs import replace

from schemas.chat import ANY_PROMPT, Mode
from schemas.messages import Deferral, Label, Reason, Request
from streams.clock import unix_ms
from streams.gateway.batcher import RequestBatcher, Result
from streams.gateway.rated_traffic import RatedTraffic
from streams.routing.request_router import Refused
from streams.sampling import Sampler
from streams.tasks import Task

GATEWAY = "gateway"
"""Who asks the LLM in the app's own words."""


class ChatDecision(NamedTuple):
    """Attributes:
    label: of the surrogate; None where the LLM answers.
    deferral: what the LLM is asked: for its answer, or for a check of the label. None where it is not asked,
        or where nothing can be recorded.
    would_be: label that the surrogate would have given, in the mode `shadow`.
    """

    label: Label | None
    deferral: Deferral | None
    would_be: str | None = None


class ChatDecider:
    """Args:
    serving: decides by the tasks as they are.
    forwarding: decides by the tasks as if they were paused.
    sampler: the one that they draw with.
    rated: which tasks have requests that the audit draws.
    """

    def __init__(
        self, serving: RequestBatcher, forwarding: RequestBatcher, sampler: Sampler, rated: RatedTraffic
    ) -> None:
        self._serving = serving
        self._forwarding = forwarding
        self._sampler = sampler
        self._rated = rated

    async def decide(self, request: Request, task: Task, mode: Mode, *, knows_prompt: bool) -> ChatDecision:
        """Who answers.

        Args:
            task: that the request is of.
            mode: of this call, that of the task or less.
            knows_prompt: whether the live version stands for the LLM with this prompt.
        """
        now = unix_ms()
        if mode == "serve" and knows_prompt:
            self._rated.note(task.name)
            return _own(await self._serving.decide(request, now))
        forwarded = self._drawn(_own(await self._forwarding.decide(request, now)), task)
        if mode == "serve" and forwarded.deferral is not None:
            return ChatDecision(None, replace(forwarded.deferral, reason=Reason.UNCERTIFIED))
        if mode == "shadow":
            shadow = _own(await self._serving.decide(request, now)).label
            return ChatDecision(None, forwarded.deferral, shadow.label if shadow else None)
        return ChatDecision(None, forwarded.deferral)

    def _drawn(self, forwarded: ChatDecision, task: Task) -> ChatDecision:
        """In the sample with the probability that the task's other requests have."""
        deferral = forwarded.deferral
        if deferral is None or task.answers_nothing or not self._rated.is_current(task.name):
            return forwarded
        drawn = self._sampler.selects(deferral.request.id, task.audit_rate)
        shadow = deferral.shadow if drawn else None
        counted = replace(deferral, sampled=drawn, inclusion=task.inclusion, shadow=shadow)
        return forwarded._replace(deferral=counted)


def knows_prompt(task: Task, model: str, prompt: str) -> bool:
    """Whether the live version stands for what this LLM says to this prompt.

    It does where its traces hold answers of this LLM to it, or where an operator says so.
    """
    sources = task.live.policy.manifest.teachers if task.live else ()
    if any((one.model, one.prompt) == (model, prompt) for one in sources):
        return True
    told = task.config.chat.prompts
    return model == (task.config.teacher.model or model) and (prompt in told or ANY_PROMPT in told)


def _own(result: Result) -> ChatDecision:
    if isinstance(result, Refused):
        return ChatDecision(None, None)
    deferral = result.deferral
    return ChatDecision(result.label, None if deferral is None else replace(deferral, asked_by=GATEWAY))
