"""A call that names no task is forwarded and proposed, until an operator gives its kind to a task."""

import asyncio
from typing import Any

import openai
import pytest

from schemas.proposed_task import ProposedTask
from streams.gateway.keys import create_key
from streams.state.proposed_tasks import MOST
from tests.streams.gateway.harness import YES, RunningGateway, until
from tests.streams.gateway.scripted_llm import ScriptedLlm
from tests.streams.gateway.test_chat import INSTRUCTIONS, JSON_SCHEMA, NAMED, TOOL, asking, chatting

UNNAMED = {"model": "large"}


def forward_all(gateway: RunningGateway, llm: ScriptedLlm) -> None:
    """All tasks have this LLM."""
    llm.says("no")
    gateway.tasks.configure("*", {"teacher": {"url": llm.url}})


async def proposals(gateway: RunningGateway) -> dict[ProposedTask, int]:
    await gateway.learned.flush()
    return dict(gateway.proposed.counts)


async def test_calls_of_one_kind_are_one_proposal() -> None:
    async with chatting() as (gateway, llm, app):
        forward_all(gateway, llm)
        raw = await app.chat.completions.with_raw_response.create(**asking(**UNNAMED))
        await app.chat.completions.create(**asking("another text", temperature=0.3, **UNNAMED))
        ((proposal, calls),) = (await proposals(gateway)).items()
        assert gateway.broker.produced == []
    assert (raw.headers["x-understudy-reason"], "x-understudy-task" in raw.headers) == ("no_task", False)
    assert (proposal.form, proposal.begins, proposal.model, proposal.labels, calls) == (
        *("plain text", "yes or no?", "large", ()),
        2,
    )
    assert [asked.body.count(b"large") for asked in llm.asked] == [1, 1]


@pytest.mark.parametrize(
    ("form", "words"),
    [
        ({"response_format": JSON_SCHEMA}, "json_schema"),
        ({"tools": [TOOL], "tool_choice": NAMED}, "function say"),
    ],
)
async def test_a_form_brings_its_labels(form: dict[str, Any], words: str) -> None:
    async with chatting() as (gateway, llm, app):
        forward_all(gateway, llm)
        await app.chat.completions.create(**asking(**UNNAMED, **form))
        (proposal,) = await proposals(gateway)
    assert (proposal.form, proposal.labels) == (words, ("yes", "no"))


async def test_lists_that_are_no_labels_are_not_kept() -> None:
    schema = {"type": "object", "properties": {"answer": {"enum": ["yes", "n" * 300]}}}
    form = {"type": "json_schema", "json_schema": {"name": "a", "schema": schema}}
    async with chatting() as (gateway, llm, app):
        forward_all(gateway, llm)
        await app.chat.completions.create(**asking(**UNNAMED, response_format=form))
        (proposal,) = await proposals(gateway)
    assert (proposal.form, proposal.labels) == ("json_schema", ())


async def test_an_accepted_kind_belongs_to_its_task() -> None:
    async with chatting() as (gateway, llm, app):
        forward_all(gateway, llm)
        await app.chat.completions.create(**asking(**UNNAMED))
        (proposal,) = await proposals(gateway)
        gateway.tasks.configure("new", {"chat": {"calls": [proposal.hash]}})
        raw = await app.chat.completions.with_raw_response.create(**asking(**UNNAMED))
        await until(lambda: bool(gateway.broker.replies))
        (reply,) = gateway.broker.replies
        assert await proposals(gateway) == {proposal: 1}
    assert (raw.headers["x-understudy-task"], raw.headers["x-understudy-mode"]) == ("new", "record")
    assert (reply.deferral.request.task, reply.label, reply.teacher.model) == ("new", "no", "large")


@pytest.mark.parametrize(
    "messages",
    [
        [{"role": "user", "content": YES}],
        [INSTRUCTIONS, {"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}],
    ],
)
async def test_what_is_no_question_is_not_proposed(messages: list[Any]) -> None:
    async with chatting() as (gateway, llm, app):
        forward_all(gateway, llm)
        answer = await app.chat.completions.create(**asking(messages=messages, **UNNAMED))
        assert await proposals(gateway) == {}
    assert answer.model == "m-2026"


async def test_without_an_llm_for_all_tasks_a_call_names_its_own() -> None:
    async with chatting() as (gateway, _, app):
        with pytest.raises(openai.BadRequestError, match="names no task"):
            await app.chat.completions.create(**asking(**UNNAMED))
        assert await proposals(gateway) == {}


async def test_a_key_for_some_tasks_proposes_none() -> None:
    token, key = create_key("app", ["a", "b"], "serve", 0)
    async with chatting() as (gateway, llm, app):
        forward_all(gateway, llm)
        gateway.keys = {key.id: key}
        with pytest.raises(openai.BadRequestError, match="names no task"):
            await app.with_options(api_key=token).chat.completions.create(**asking(**UNNAMED))
        assert (llm.asked, await proposals(gateway)) == ([], {})


async def test_the_first_words_are_masked() -> None:
    mask = lambda text: text.replace("Jane", "NAME")  # noqa: E731
    async with chatting(mask=mask) as (gateway, llm, app):
        forward_all(gateway, llm)
        messages = [{"role": "system", "content": "Jane asks. " * 50}, {"role": "user", "content": "Jane"}]
        await app.chat.completions.create(**asking(messages=messages, **UNNAMED))
        (proposal,) = await proposals(gateway)
    assert (len(proposal.begins), "Jane" in str(proposal)) == (80, False)


async def test_kinds_are_bounded_and_wait_for_redis() -> None:
    async with chatting() as (gateway, llm, app):
        forward_all(gateway, llm)
        gateway.proposed.is_away = True

        async def ask(number: int) -> None:
            messages = [{"role": "system", "content": f"{number}"}, {"role": "user", "content": "a"}]
            await app.chat.completions.create(**asking(messages=messages, **UNNAMED))

        for first in range(0, MOST + 20, 20):
            await asyncio.gather(*(ask(number) for number in range(first, first + 20)))
        assert await proposals(gateway) == {}
        gateway.proposed.is_away = False
        assert set((await proposals(gateway)).values()) == {1}
    assert (len(gateway.proposed.counts), gateway.learned.dropped) == (MOST, 20)
