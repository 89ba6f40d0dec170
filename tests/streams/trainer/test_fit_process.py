"""A fit that its trainer stops is not told as a crash."""

import asyncio

import numpy as np
import pytest

from models.features import Features
from models.training.request import FitRequest
from models.training_set import TrainingSet
from streams.errors import RefitStopped
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
