"""Files of the page are sent packed, once, and all modules are named where the page begins."""

import re

import httpx2

from tests.streams.dashboard.scripted import ScriptedReader, certified, running

NAMED = re.compile(r'"/dashboard/page/([^"]+)"')


async def test_a_file_is_sent_packed_and_once() -> None:
    async with running(ScriptedReader(certified("a"))) as url, httpx2.AsyncClient(base_url=url) as client:
        for path in (
            "/dashboard",
            "/dashboard/tasks/a",
            "/dashboard/page/chart.js",
            "/dashboard/page/icon.svg",
        ):
            packed = await client.get(path)
            plain = await client.get(path, headers={"accept-encoding": "identity"})
            assert packed.headers["content-encoding"] == "gzip"
            assert "content-encoding" not in plain.headers
            assert packed.content == plain.content
            assert int(packed.headers["content-length"]) < len(plain.content)
            tag = packed.headers["etag"]
            assert plain.headers["vary"] == "accept-encoding"
            again = await client.get(path, headers={"if-none-match": f'"other", {tag}'})
            assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
            other = await client.get(path, headers={"if-none-match": 'W/"other"'})
            assert other.status_code == 200


async def test_the_page_names_all_modules() -> None:
    async with running(ScriptedReader(certified("a"))) as url, httpx2.AsyncClient(base_url=url) as client:
        page = (await client.get("/dashboard")).text
        preloaded = set(re.findall(r'modulepreload" href="/dashboard/page/([^"]+)"', page))
        seen, left = set[str](), ["dashboard.js"]
        while left:
            name = left.pop()
            if name not in seen:
                seen.add(name)
                answer = await client.get(f"/dashboard/page/{name}")
                assert answer.status_code == 200, name
                left += NAMED.findall(answer.text)
        assert seen == preloaded, "and no file is left that nothing imports"


async def test_a_stream_is_packed_for_who_takes_it() -> None:
    async with running(ScriptedReader(certified("a"))) as url, httpx2.AsyncClient(base_url=url) as client:
        for coding in ("gzip", "identity"):
            headers = {"accept-encoding": coding}
            async with client.stream("GET", "/dashboard/stream/a", headers=headers) as answer:
                assert answer.headers.get("content-encoding", "identity") == coding
                first = await anext(answer.aiter_bytes())
                assert first.startswith(b"event: view\ndata: {")
                assert first.endswith(b"\n\n")
