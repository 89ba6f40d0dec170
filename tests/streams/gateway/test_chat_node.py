"""The same with OpenAI's client for Node, where it is: in the folder that `UNDERSTUDY_TEST_NODE` names."""

import asyncio
import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.streams.gateway.harness import YES
from tests.streams.gateway.test_chat import chatting

APP = Path(__file__).with_name("app.mjs")


async def answers(url: str, text: str, folder: Path) -> dict[str, object]:
    script = folder / "app.mjs"
    process = await asyncio.create_subprocess_exec("node", script, url, text, stdout=subprocess.PIPE)
    said, _ = await process.communicate()
    found: dict[str, object] = json.loads(said)
    return found


async def test_an_app_in_node_is_answered(tmp_path: Path) -> None:
    packages = Path(os.environ.get("UNDERSTUDY_TEST_NODE", "nowhere")) / "node_modules"
    if shutil.which("node") is None or not (packages / "openai").is_dir():
        pytest.skip("no node, or no openai in UNDERSTUDY_TEST_NODE/node_modules")
    shutil.copy(APP, tmp_path)
    (tmp_path / "node_modules").symlink_to(packages)
    async with chatting() as (gateway, llm, _):
        served = await answers(f"{gateway.url}/v1", YES, tmp_path)
        assert llm.asked == []
    yes = {"answer": "yes"}
    expected = {"plain": "yes", "by": "understudy/t", "streamed": "yes", "structured": yes, "called": yes}
    assert served == expected
