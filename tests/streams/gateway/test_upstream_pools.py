"""Calls of an LLM share few connections a pool, and give their room back however they end."""

import asyncio

import httpx2
import pytest

from streams.gateway import upstream_pools
from streams.gateway.upstream_pools import UpstreamPools
from tests.streams.gateway.harness import until
from tests.streams.gateway.scripted_llm import ScriptedLlm, scripted_llm


def request(llm: ScriptedLlm) -> httpx2.Request:
    return httpx2.Request("POST", f"{llm.url}/chat/completions", content=b"{}")


async def test_a_pool_that_is_full_takes_no_further_call(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upstream_pools, "_MOST", 2)
    async with scripted_llm() as llm:
        llm.says("no")
        pools = UpstreamPools()
        answers = [await pools.send(request(llm)) for _ in range(3)]
        assert [pool.calls for pool in pools._pools] == [2, 1]
        assert b"no" in await answers[0].aread()
        for answer in answers:
            await answer.aclose()
            await answer.aclose()
        assert [pool.calls for pool in pools._pools] == [0, 0]
        await (await pools.send(request(llm))).aclose()
        assert len(pools._pools) == 2, "the first with room is used"
        await pools.aclose()


async def test_a_call_that_fails_or_is_cut_off_leaves_its_pool() -> None:
    async with scripted_llm() as llm:
        pools, llm.hangs = UpstreamPools(), True
        call = asyncio.create_task(pools.send(request(llm)))
        await until(lambda: bool(llm.asked))
        assert pools._pools[0].calls == 1
        call.cancel()
        with pytest.raises(httpx2.ConnectError):
            await pools.send(httpx2.Request("POST", "http://127.0.0.1:9/v1", content=b"{}"))
        await asyncio.gather(call, return_exceptions=True)
        assert pools._pools[0].calls == 0
        await pools.aclose()
