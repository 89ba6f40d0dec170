"""What an endpoint refuses is left out at once and from then on; what it takes is sent. Over real HTTP."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from msgspec.structs import replace
from starlette.responses import Response

from schemas.config import TeacherConfig
from schemas.messages import Answer, Deferral, Reason, Reply, Request
from streams.teacher.client import TeacherClient
from streams.teacher.key_variables import KeyVariables
from streams.teacher.outcome import FailureKind, TryLater

DEFERRAL = Deferral(Request("1", "t", "hello"), Reason.LOW_SCORE, False, True, "text", 1)
AUDIT = replace(DEFERRAL, audit=True, reason=Reason.AUDIT)
REPEAT = replace(DEFERRAL, reason=Reason.REPEAT, first=Answer("yes"))
OPTIONAL = {
    "temperature",
    "response_format",
    "prompt_cache_key",
    "logprobs",
    "reasoning_effort",
    "max_completion_tokens",
    "max_tokens",
    "service_tier",
}


@pytest.fixture
async def asker() -> AsyncIterator[TeacherClient]:
    async with TeacherClient(KeyVariables({}, ("UNSET",))) as teacher:
        yield teacher


@pytest.fixture
async def config(endpoint: Any) -> TeacherConfig:
    return TeacherConfig(url=endpoint.url, model="m", key_env="UNSET", labels=("yes", "no"))


class Picky:
    """An endpoint that answers only if nothing is sent that it refuses."""

    def __init__(self, endpoint: Any, refuses: Any, naming: str = "Unsupported parameter: '{name}'") -> None:
        self._endpoint = endpoint
        self._refuses = refuses
        self._naming = naming

    async def __call__(self) -> Response:
        body = self._endpoint.bodies[-1]
        for name in sorted(body.keys() & OPTIONAL):
            if self._refuses(name, body[name]):
                return self._endpoint.refused(400, self._naming.format(name=name))
        return self._endpoint.said("yes")


def sent(body: dict[str, Any]) -> set[str]:
    return body.keys() & OPTIONAL


async def test_by_default_little_is_sent(asker: TeacherClient, config: TeacherConfig, endpoint: Any) -> None:
    endpoint.answers = [endpoint.said("yes")]
    for asked in (DEFERRAL, AUDIT):
        assert isinstance(await asker.ask(asked, config), Reply)
    assert [sent(body) for body in endpoint.bodies] == [
        {"temperature", "response_format", "prompt_cache_key"}
    ] * 2
    keys = {body["prompt_cache_key"] for body in endpoint.bodies}
    other = replace(config, prompt="Again:\n{labels}")
    await asker.ask(DEFERRAL, other)
    assert len(keys) == 1
    assert endpoint.bodies[-1]["prompt_cache_key"] not in keys, "another beginning, another key"


async def test_a_reasoning_model_s_refusals_are_remembered(
    asker: TeacherClient, config: TeacherConfig, endpoint: Any
) -> None:
    def refuses(name: str, value: Any) -> bool:
        return name in ("temperature", "logprobs", "max_completion_tokens") or value in ("none", "minimal")

    endpoint.answers = [Picky(endpoint, refuses)]
    demanding = replace(config, reasoning_effort="lowest", max_output_tokens=64, confidence=True)
    for _ in range(2):
        reply = await asker.ask(DEFERRAL, demanding)
        assert isinstance(reply, Reply)
        assert (reply.label, reply.confidence) == ("yes", None)
    assert len(endpoint.bodies) == 7, "five refusals, once"
    last = endpoint.bodies[-1]
    assert sent(last) == {"response_format", "prompt_cache_key", "reasoning_effort", "max_tokens"}
    assert (last["reasoning_effort"], last["max_tokens"]) == ("low", 64)
    assert sent(endpoint.bodies[0]) == OPTIONAL - {"max_tokens", "service_tier"}


async def test_an_effort_that_is_refused_is_left_out(
    asker: TeacherClient, config: TeacherConfig, endpoint: Any
) -> None:
    endpoint.answers = [Picky(endpoint, lambda name, _: name == "reasoning_effort")]
    for effort, calls in (("high", 2), ("lowest", 6)):
        assert isinstance(await asker.ask(DEFERRAL, replace(config, reasoning_effort=effort)), Reply)
        assert len(endpoint.bodies) == calls
    assert "reasoning_effort" not in endpoint.bodies[-1]


async def test_an_unnamed_refusal_leaves_the_plainest_call(
    asker: TeacherClient, config: TeacherConfig, endpoint: Any
) -> None:
    endpoint.answers = [Picky(endpoint, lambda name, _: name == "prompt_cache_key", "no")]
    for _ in range(2):
        assert isinstance(await asker.ask(DEFERRAL, replace(config, confidence=True)), Reply)
    assert [sent(body) for body in endpoint.bodies[1:]] == [{"temperature"}] * 2


async def test_what_another_model_refuses_is_sent(
    asker: TeacherClient, config: TeacherConfig, endpoint: Any
) -> None:
    endpoint.answers = [Picky(endpoint, lambda name, _: name == "temperature"), endpoint.said("yes")]
    await asker.ask(DEFERRAL, config)
    await asker.ask(DEFERRAL, replace(config, model="other"))
    assert "temperature" in endpoint.bodies[-1]


async def test_nothing_is_remembered_of_a_text_s_refusal(
    asker: TeacherClient, config: TeacherConfig, endpoint: Any
) -> None:
    endpoint.answers = [endpoint.refused(400, "no"), endpoint.refused(400, "no"), endpoint.said("yes")]
    first = await asker.ask(DEFERRAL, config)
    assert isinstance(first, Reply)
    assert first.error is not None
    await asker.ask(DEFERRAL, config)
    assert "response_format" in endpoint.bodies[-1]


async def test_what_was_taken_before_is_not_doubted(
    asker: TeacherClient, config: TeacherConfig, endpoint: Any
) -> None:
    endpoint.answers = [endpoint.said("yes"), endpoint.refused(400, "no")]
    await asker.ask(DEFERRAL, config)
    await asker.ask(DEFERRAL, config)
    assert len(endpoint.bodies) == 2, "a text that is refused is sent once"
    await asker.ask(DEFERRAL, replace(config, labels=("yes", "no", "new")))
    assert len(endpoint.bodies) == 4, "another schema may be refused"


async def test_only_what_nobody_waits_for_is_flex(
    asker: TeacherClient, config: TeacherConfig, endpoint: Any
) -> None:
    endpoint.answers = [endpoint.said("yes")]
    cheap = replace(config, audit_tier="flex")
    for asked in (DEFERRAL, AUDIT, REPEAT):
        assert isinstance(await asker.ask(asked, cheap), Reply)
    assert [body.get("service_tier") for body in endpoint.bodies] == [None, "flex", "flex"]


async def test_an_audit_has_its_own_time(asker: TeacherClient, config: TeacherConfig, endpoint: Any) -> None:
    endpoint.answers = [endpoint.silence]
    cheap = replace(config, audit_tier="flex", audit_timeout=0.05)
    outcome = await asker.ask(AUDIT, cheap)
    assert isinstance(outcome, TryLater)
    assert (outcome.kind, "within 0.05 s" in outcome.why) == (FailureKind.TIMED_OUT, True)


@pytest.mark.parametrize("status", [429, 498])
async def test_a_tier_without_room_is_tried_again(
    asker: TeacherClient, config: TeacherConfig, endpoint: Any, status: int
) -> None:
    endpoint.answers = [endpoint.refused(status, "no room", retry_after="60"), endpoint.said("yes")]
    cheap = replace(config, audit_tier="flex")
    for _ in range(2):
        assert isinstance(await asker.ask(AUDIT, cheap), Reply)
    assert [body.get("service_tier") for body in endpoint.bodies] == ["flex", None, "flex"]
    endpoint.answers = [endpoint.refused(status, "no room", retry_after="60")]
    outcome = await asker.ask(AUDIT, cheap)
    assert isinstance(outcome, TryLater)
    assert (outcome.kind, outcome.retry_after) == (FailureKind.RATE_LIMITED, 60.0)


async def test_a_tier_that_is_refused_is_left_out(
    asker: TeacherClient, config: TeacherConfig, endpoint: Any
) -> None:
    endpoint.answers = [Picky(endpoint, lambda name, _: name == "service_tier", "invalid request")]
    for _ in range(2):
        assert isinstance(await asker.ask(AUDIT, replace(config, audit_tier="flex")), Reply)
    assert ["service_tier" in body for body in endpoint.bodies] == [True, False, False]
    assert "response_format" in endpoint.bodies[-1], "the tier is left out first"
