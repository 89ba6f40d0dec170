"""A fit that its trainer stops is not told as a crash, and each starts from what the last one learned."""

import asyncio
from dataclasses import replace
from multiprocessing.context import ForkServerProcess
from multiprocessing.process import BaseProcess

import numpy as np
import pytest

from models.features import Features
from models.training.folds import STABLE
from models.training.request import FitRequest
from models.training_set import TrainingSet
from streams.errors import RefitFailed, RefitStopped
from streams.trainer.fit_process import FitProcess

TRACES = TrainingSet(
    Features(texts=["one text", "another"] * 200), ["a", "b"] * 200, np.ones(400, dtype=np.bool_)
)
REQUEST = FitRequest(training=TRACES, task="intents", version="v1")


async def test_a_fit_that_is_stopped_says_that_the_trainer_stopped() -> None:
    process = FitProcess()
    fit = asyncio.create_task(process.fit(REQUEST, 60.0))
    await asyncio.sleep(0.1)
    process.stop()
    with pytest.raises(RefitStopped, match="the trainer stopped"):
        await fit


async def test_a_stopped_process_begins_no_fit() -> None:
    process = FitProcess()
    process.stop()
    with pytest.raises(RefitStopped, match="the trainer stopped"):
        await process.fit(REQUEST, 60.0)


async def test_a_process_that_does_not_start_is_tried_again_by_the_next_fit(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    process = FitProcess()
    try:
        assert await process.fit(REQUEST, 60.0)
        with monkeypatch.context() as broken:
            broken.setattr(BaseProcess, "start", _fail)
            process.prepare()
            with pytest.raises(RefitFailed, match="the server has ended"):
                await process.fit(REQUEST, 60.0)
        assert await process.fit(REQUEST, 60.0)
    finally:
        process.stop()


async def test_where_no_process_can_be_forked_one_is_started_that_loads_all_by_itself(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(ForkServerProcess, "start", _fail)
    process = FitProcess()
    try:
        assert await process.fit(REQUEST, 60.0)
    finally:
        process.stop()


def _fail(_: BaseProcess) -> None:
    raise EOFError("the server has ended")


async def test_a_fit_starts_from_the_fold_models_of_the_task_s_last_one() -> None:
    """Without a start, the same traces give the same models to the bit."""
    generator = np.random.default_rng(0)
    codes = generator.integers(2, size=STABLE + 500)
    vectors = (np.eye(2, 4)[codes] + generator.standard_normal((len(codes), 4))).astype(np.float32)
    labels, sampled = [f"{code}" for code in codes], np.arange(len(codes)) < 500
    traces = TrainingSet(Features(embeddings=vectors), labels, sampled)
    request = replace(REQUEST, training=traces, embedder="precomputed")
    process = FitProcess()
    try:
        results = [await process.fit(replace(request, task=task), 60.0) for task in ("one", "two", "one")]
    finally:
        process.stop()
    first, other, again = (result.fold_models for result in results)
    assert first is not None
    assert other is not None
    assert again is not None
    weights = [np.stack([model.weights for model in each.models]) for each in (first, other, again)]
    np.testing.assert_array_equal(weights[0], weights[1])
    assert (weights[0] != weights[2]).any()
    np.testing.assert_allclose(weights[0], weights[2], rtol=0.2, atol=0.2)
