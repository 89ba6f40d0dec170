"""Whatever the document allows or forbids is sent, and each answer is one that the document describes."""

import asyncio
import threading
from collections.abc import Iterator
from typing import Any

import httpx2
import numpy as np
import pytest
from hypothesis import HealthCheck, settings

from models.features import Embed, Features
from models.policy import Scores
from schemas.openapi import OPERATIONS, openapi
from tests.streams.fakes import ScriptedPolicy
from tests.streams.gateway.harness import running
from tests.streams.gateway.scripted_llm import scripted_llm

schemathesis = pytest.importorskip("schemathesis")
openapi_checks = pytest.importorskip("schemathesis.specs.openapi.checks")
not_a_server_error = pytest.importorskip("schemathesis.checks").not_a_server_error

EXAMPLES = 30
FORWARDED = {operation.path for operation in OPERATIONS if operation.forwards}
"""The LLM says what is wrong with a body."""

schema: Any = schemathesis.openapi.from_dict(openapi("test"))


class AnyPolicy(ScriptedPolicy):
    """Answers texts of an even length; it is not sure of the others."""

    def score(self, features: Features, embed: Embed | None = None) -> Scores:  # noqa: ARG002
        scores = [0.9 if len(text) % 2 == 0 else 0.1 for text in features.texts or ()]
        count = len(scores)
        return Scores(np.zeros(count, np.int64), np.array(scores, np.float32), np.zeros(count, np.float32))


class Served(threading.Thread):
    """A gateway on an event loop of its own."""

    def __init__(self) -> None:
        super().__init__(name="gateway", daemon=True)
        self.up = threading.Event()

    def run(self) -> None:
        asyncio.run(self._serve())

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._ends.set)
        self.join()

    async def _serve(self) -> None:
        self._loop, self._ends = asyncio.get_running_loop(), asyncio.Event()
        limits: dict[str, Any] = {"timeout": 0.02, "longest_timeout": 0.02, "body_timeout": 5.0}
        async with scripted_llm() as llm, running(AnyPolicy(), **limits) as gateway:
            llm.says("no")
            gateway.tasks.configure("*", {"teacher": {"url": llm.url, "model": "m"}})
            gateway.tasks.set_policy("0", AnyPolicy())
            self.url = gateway.url
            self.up.set()
            await self._ends.wait()


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    served = Served()
    served.start()
    assert served.up.wait(20)
    yield served.url
    served.stop()


@pytest.mark.filterwarnings("ignore:Skipped test cases with unsupported payload media types")  # protobuf
@schema.parametrize()  # type: ignore[untyped-decorator]
@settings(
    max_examples=EXAMPLES,
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
def test_answers_are_as_documented(case: Any, url: str) -> None:
    # That a text or a vector is needed, and whether somebody can answer now, is more than the document says.
    left_out = [openapi_checks.positive_data_acceptance, not_a_server_error]
    if case.path in FORWARDED:
        left_out.append(openapi_checks.negative_data_rejection)
    answer = case.call_and_validate(base_url=url, excluded_checks=left_out)
    assert answer.status_code != 500, answer.text


def test_the_document_is_one_of_openapi(url: str) -> None:
    schema.validate()
    assert httpx2.get(f"{url}/openapi.json").json()["paths"] == openapi("")["paths"]
