"""Encoders open when a task asks for them, are tried again when they fail, and close with the last task."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import msgspec
import numpy as np
import pytest

from models.embedders.contract import Embedder
from models.embedders.loader import open_embedder
from models.embedders.prompt import Prompt
from models.embedders.reference import TEXTS, reference_vectors
from models.errors import EmbedderError, EncoderChanged
from schemas.config import parse_override
from streams.encoder_spec import EncoderSpec
from streams.errors import StateUnavailable
from streams.routing import encoder_pool
from streams.routing.encoder_pool import EncoderPool
from streams.tasks import Tasks
from tests.embeddings import EmbeddingServer
from tests.encoders import WIDTH, static
from tests.streams.fakes import ScriptedPolicy


@pytest.fixture
def live() -> Tasks:
    return Tasks()


@pytest.fixture
async def running(live: Tasks, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[EncoderPool]:
    monkeypatch.setattr(encoder_pool, "_POLL", 0.01)
    monkeypatch.setattr(encoder_pool.OpenAttempt, "pause", lambda _attempt: 0.01)
    service = EncoderPool(live, accept)
    await service.start()
    yield service
    await service.stop()


async def happens(condition: Callable[[], bool]) -> None:
    for _ in range(3000):
        if condition():
            return
        await asyncio.sleep(0.01)
    pytest.fail("it never happened")


async def accept(_spec: EncoderSpec, _embedder: Embedder) -> None:
    """Any encoder may be used."""


def configure(live: Tasks, spec: str) -> None:
    live.configure("t", parse_override(b'{"embedder": "%s"}' % spec.encode()))


async def test_an_encoder_is_open_at_start(live: Tasks, tmp_path: Path) -> None:
    configure(live, f"model2vec:{static(tmp_path)}")
    service = EncoderPool(live, accept)
    await service.start()
    (opened,) = live.encoders.values()
    assert opened.dimension == WIDTH
    assert live.task("t").embedder is opened
    await service.stop()


async def test_a_missing_encoder_is_logged_once_then_opened(
    live: Tasks,
    running: EncoderPool,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    folder, tried = tmp_path / "later", []

    def opening(vectors: str, prompt: Prompt | None) -> Embedder:
        tried.append(vectors)
        return open_embedder(vectors, prompt)

    monkeypatch.setattr(encoder_pool, "open_embedder", opening)
    configure(live, f"model2vec:{folder}")
    await happens(lambda: len(tried) > 3)
    assert sum("its tasks defer everything" in told for told in caplog.messages) == 1
    static(folder)
    await happens(lambda: bool(live.encoders))
    assert list(live.encoders) == [EncoderSpec(f"model2vec:{folder}")]
    configure(live, "text")
    await happens(lambda: not live.encoders)


async def test_a_failed_encoder_is_opened_again(live: Tasks, running: EncoderPool, tmp_path: Path) -> None:
    configure(live, f"model2vec:{static(tmp_path)}")
    await happens(lambda: bool(live.encoders))
    (first,) = live.encoders.values()
    live.drop_encoder(first)
    await happens(lambda: bool(live.encoders))
    (second,) = live.encoders.values()
    assert second is not first
    assert second.id == first.id


async def test_what_a_process_can_not_use_is_reported_until_it_can(
    live: Tasks, running: EncoderPool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "later"
    configure(live, f"model2vec:{folder}")
    await happens(lambda: bool(running.reports()))
    (absent,) = running.reports()
    assert absent.source == f"model2vec:{folder}"
    assert "there is no such folder" in absent.problem
    static(folder)
    await happens(lambda: bool(live.encoders))
    (opened,) = running.reports()
    assert opened.problem == ""
    assert opened.since >= absent.since
    monkeypatch.setattr(encoder_pool.OpenAttempt, "pause", lambda _attempt: 1e9)
    (embedder,) = live.encoders.values()
    live.drop_encoder(embedder)
    await happens(lambda: "it has failed on texts" in running.reports()[0].problem)
    configure(live, "text")
    await happens(lambda: not running.reports())


async def test_a_policy_of_another_encoder_is_logged(
    live: Tasks, running: EncoderPool, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    spec = f"model2vec:{static(tmp_path)}"
    configure(live, spec)
    live.set_policy("t", ScriptedPolicy(embedder=spec, dimension=WIDTH, encoder="model2vec:other"))
    await happens(lambda: "policy v1 reads vectors of model2vec:other" in caplog.text)
    assert live.task("t").policy is None


async def test_an_encoder_that_panics_as_it_opens_ends_nothing(
    live: Tasks, running: EncoderPool, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    class Panic(BaseException):
        """As PyO3 raises it: no `Exception`."""

    def panic(*_: object) -> Embedder:
        raise Panic

    monkeypatch.setattr(encoder_pool, "open_embedder", panic)
    configure(live, "model2vec:/m")
    await happens(lambda: "encoder failed to open" in caplog.text)
    assert running.crash_reason is None


async def test_an_encoder_is_open_only_while_it_is_the_same(
    live: Tasks, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(encoder_pool, "_POLL", 0.01)
    monkeypatch.setattr(encoder_pool, "_CHECK", 0.01)
    monkeypatch.setattr(encoder_pool.OpenAttempt, "pause", lambda _attempt: 0.01)
    problems: list[Exception | None] = [StateUnavailable("Redis is away")]
    checked = 0

    async def check(_spec: EncoderSpec, _embedder: Embedder) -> None:
        nonlocal checked
        checked += 1
        if problems[0] is not None:
            raise problems[0]

    def fails(problem: Exception | None) -> None:
        problems[0] = problem

    async def checks_go_on() -> None:
        before = checked
        await happens(lambda: checked > before + 2)

    configure(live, f"model2vec:{static(tmp_path)}")
    service = EncoderPool(live, check)
    await service.start()
    assert not live.encoders, "nobody can tell whether it is the same"
    fails(None)
    await happens(lambda: bool(live.encoders))
    for passing in (StateUnavailable("Redis is away"), EmbedderError("no answer")):
        fails(passing)
        await checks_go_on()
        assert live.encoders, "an open encoder outlives what says nothing of it"
    fails(EncoderChanged("another model"))
    await happens(lambda: not live.encoders)
    await checks_go_on()
    assert not live.encoders
    assert sum("another model" in told for told in caplog.messages) == 1
    fails(None)
    await happens(lambda: bool(live.encoders))
    await service.stop()


async def test_tasks_with_one_prompt_share_a_probe_and_what_it_has_read(
    live: Tasks, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A check asks the server itself; with another model what was kept is gone."""
    monkeypatch.setattr(encoder_pool, "_POLL", 0.01)
    monkeypatch.setattr(encoder_pool, "_CHECK", 1e9)
    monkeypatch.setattr(encoder_pool.OpenAttempt, "pause", lambda _attempt: 0.01)
    checks: Counter[EncoderSpec] = Counter()
    changed: set[str] = set()

    async def check(spec: EncoderSpec, embedder: Embedder) -> None:
        before = len(server.calls)
        reference_vectors(embedder)
        asked = "".join(text for call in server.calls[before:] for text in call["input"])
        assert all(text in asked for text in TEXTS), "what was kept says nothing of the server"
        checks[spec] += 1
        if changed:
            raise EncoderChanged("another model")

    with EmbeddingServer() as server:
        spec = f"probe:{server.url}#llm"
        both = {"embedder": spec, "probe_prompt": "What is it about, and is it urgent?\n{text}\nAnswer:"}
        for name, labels in (("about", ["parcel", "money"]), ("urgency", ["low", "high"])):
            live.configure(name, parse_override(msgspec.json.encode({**both, "teacher": {"labels": labels}})))
        live.configure("own", parse_override(msgspec.json.encode({"embedder": spec})))
        service = EncoderPool(live, check)
        await service.start()
        about, urgency, other = (live.task(name).embedder for name in ("about", "urgency", "own"))
        assert about is not None
        assert about is urgency is not other
        assert len(live.encoders) == 2

        server.calls.clear()
        rows = about.embed(["hello", "hello", "help!"])
        np.testing.assert_array_equal(about.embed(["help!", "hello"]), rows[[2, 0]])
        asked = [text for call in server.calls for text in call["input"]]
        assert asked == [both["probe_prompt"].replace("{text}", text) for text in ("hello", "help!")]

        monkeypatch.setattr(encoder_pool, "_CHECK", 0.01)
        await happens(lambda: len(checks) == 2 and min(checks.values()) > 3)
        server.calls.clear()
        about.embed(["hello"])
        assert server.calls, "it was kept for two checks"

        changed.add("yes")
        await happens(lambda: not live.encoders)
        changed.clear()
        await happens(lambda: len(live.encoders) == 2)
        assert live.task("about").embedder is not about
        await service.stop()
