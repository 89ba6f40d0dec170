"""The same with LangChain's client: answered, and heard from the LLM as if there were no gateway."""

from typing import Any

import pytest
from langchain_core.messages import HumanMessage, SystemMessage
from langchain_openai import ChatOpenAI
from pydantic import SecretStr

from tests.streams.gateway.harness import UNSURE, YES, until
from tests.streams.gateway.scripted_llm import Scripted, four_replies, whole
from tests.streams.gateway.test_chat import Answer, chatting


async def answers(url: str, text: str, model: str = "understudy/t") -> dict[str, Any]:
    """A plain answer, a streamed one, and a structured one by either method."""
    app = ChatOpenAI(base_url=url, model=model, api_key=SecretStr("sk-app"), max_retries=0, temperature=0.0)
    messages = [SystemMessage("yes or no?"), HumanMessage(text)]
    plain = await app.ainvoke(messages)
    streamed = "".join([str(chunk.content) async for chunk in app.astream(messages)])
    by_schema = await app.with_structured_output(Answer, method="json_schema").ainvoke(messages)
    by_tool = await app.with_structured_output(Answer, method="function_calling").ainvoke(messages)
    return {"plain": plain.content, "streamed": streamed, "by_schema": by_schema, "by_tool": by_tool}


def replies() -> list[Scripted]:
    plain, streamed, structured, _ = four_replies()
    function = {"name": "Answer", "arguments": '{"answer": "no"}'}
    called = whole(None, tool_calls=[{"id": "c1", "type": "function", "function": function}])
    return [plain, streamed, structured, called]


async def test_an_app_of_langchain_is_answered() -> None:
    async with chatting() as (gateway, llm, _):
        served = await answers(f"{gateway.url}/v1", YES)
        assert llm.asked == []
    yes = Answer(answer="yes")
    assert served == {"plain": "yes", "streamed": "yes", "by_schema": yes, "by_tool": yes}


@pytest.mark.parametrize("mode", ["record", "shadow", "serve"])
async def test_an_app_of_langchain_hears_its_llm(mode: str) -> None:
    async with chatting(mode) as (gateway, llm, _):
        llm.replies = replies()
        direct = await answers(llm.url, UNSURE, "small")
        llm.replies = replies()
        through = await answers(f"{gateway.url}/v1", UNSURE)
        await until(lambda: len(gateway.broker.replies) == 4)
        assert {reply.label for reply in gateway.broker.replies} == {"no"}
    assert through == direct
    assert (direct["plain"], direct["by_tool"]) == ("no", Answer(answer="no"))
