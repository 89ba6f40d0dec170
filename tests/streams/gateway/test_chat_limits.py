"""An LLM that hangs, bodies as long as it takes them and our own defects are no outage of an app."""

import asyncio
import json

import openai
import pytest

from tests.streams.fakes import TOPICS
from tests.streams.gateway.harness import UNSURE, YES, until
from tests.streams.gateway.test_chat import asking, chatting

FEW = {"concurrency": 1, "waiting": 1}


async def test_an_llm_that_hangs_holds_up_no_answer() -> None:
    async with chatting(settings=FEW) as (gateway, llm, app):
        llm.hangs = True
        waiting = asyncio.create_task(app.chat.completions.create(**asking(UNSURE)))
        await until(lambda: bool(llm.asked))
        with pytest.raises(openai.RateLimitError) as refused:
            await app.chat.completions.create(**asking(UNSURE))
        answer = await app.chat.completions.create(**asking(YES))
        waiting.cancel()
        await asyncio.wait_for(llm.gone.wait(), 20)
        await until(lambda: not gateway.limits.waiting)
        llm.hangs = False
        llm.says("no")
        forwarded = await app.chat.completions.create(**asking(UNSURE))
    assert answer.choices[0].message.content == "yes"
    assert (refused.value.code, refused.value.response.headers["retry-after"]) == ("busy", "5")
    assert len(llm.asked) == 2
    assert forwarded.choices[0].message.content == "no"


async def test_a_defect_of_ours_ends_in_forwarding() -> None:
    async with chatting() as (gateway, llm, app):
        llm.says("no")
        raw = await app.chat.completions.with_raw_response.create(**asking("text that breaks the policy"))
        answer = await gateway.classify("text that breaks the policy")
        await gateway.produced(TOPICS.replies, 2)
        assert gateway.broker.labels == []
    assert raw.parse().choices[0].message.content == answer.json()["label"] == "no"
    assert raw.headers["x-understudy-reason"] == answer.headers["x-understudy-reason"] == "unavailable"


async def test_a_long_body_is_forwarded_whole() -> None:
    async with chatting(settings={"max_body": 1_000, "max_forwarded": 1_000_000}) as (gateway, llm, app):
        llm.says("no")
        text = "yes 0.9 0.1" + " " * 500_000
        raw = await app.chat.completions.with_raw_response.create(**asking(text))
        with pytest.raises(openai.APIStatusError, match="max_forwarded") as refused:
            await app.chat.completions.create(**asking(text * 2))
        assert gateway.broker.produced == []
        await until(lambda: not gateway.limits.held)
    (seen,) = llm.asked
    assert json.loads(seen.body) == asking(text) | {"model": "small"}
    assert raw.parse().choices[0].message.content == "no"
    assert raw.headers["x-understudy-reason"] == "no_question"
    assert refused.value.status_code == 413
