"""The same with OpenAI's client for Node.

It is in `.node`, where `make test` installs it, or in the folder that `UNDERSTUDY_TEST_NODE` names.
"""

import asyncio
import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.streams.gateway.harness import UNSURE, YES, until
from tests.streams.gateway.scripted_llm import four_replies
from tests.streams.gateway.test_chat import chatting

APP = Path(__file__).with_name("app.mjs")
YES_SAID = {"answer": "yes"}


@pytest.fixture
def app(tmp_path: Path) -> Path:
    """The app, beside its packages."""
    folder = Path(os.environ.get("UNDERSTUDY_TEST_NODE") or APP.parents[3] / ".node")
    packages = folder.absolute() / "node_modules"
    if shutil.which("node") is None or not (packages / "openai").is_dir():
        pytest.skip(f"no node on the PATH, or no openai in {packages}: `make node` installs it")
    (tmp_path / "node_modules").symlink_to(packages)
    return Path(shutil.copy(APP, tmp_path))


async def answers(app: Path, url: str, text: str, model: str = "understudy/t") -> dict[str, object]:
    process = await asyncio.create_subprocess_exec("node", app, url, text, model, stdout=subprocess.PIPE)
    said, _ = await process.communicate()
    found: dict[str, object] = json.loads(said)
    return found


async def test_an_app_in_node_is_answered(app: Path) -> None:
    async with chatting() as (gateway, llm, _):
        served = await answers(app, f"{gateway.url}/v1", YES)
        assert llm.asked == []
    number = served.pop("id")
    expected = {"plain": "yes", "streamed": "yes", "structured": YES_SAID, "called": YES_SAID}
    assert served == expected | {"by": "understudy/t", "used": 0}
    assert str(number).startswith("chatcmpl-understudy-")


@pytest.mark.parametrize("mode", ["record", "shadow", "serve"])
async def test_an_app_in_node_hears_its_llm(app: Path, mode: str) -> None:
    """What it hears through the gateway is what it hears directly."""
    async with chatting(mode) as (gateway, llm, _):
        llm.replies = four_replies()
        direct = await answers(app, llm.url, UNSURE, "small")
        llm.replies = four_replies()
        through = await answers(app, f"{gateway.url}/v1", UNSURE)
        await until(lambda: len(gateway.broker.replies) == 4)
        labels = {reply.label for reply in gateway.broker.replies}
    assert through == direct
    assert (direct["plain"], direct["called"], labels) == ("no", {"answer": "no"}, {"no"})
    assert [json.loads(asked.body) for asked in llm.asked[:4]] == [
        json.loads(asked.body) for asked in llm.asked[4:]
    ]
