"""The log of `up` shows what happens to policies, and no line for each call of the LLM."""

import logging
from collections.abc import Iterator

import pytest

from infra.console.logs import _OTHERS, configure_logging


@pytest.fixture
def restored_levels() -> Iterator[None]:
    loggers = [logging.getLogger(name) for name in _OTHERS]
    levels, filters = [logger.level for logger in loggers], list(logging.getLogger().handlers)
    before = [list(handler.filters) for handler in filters]
    yield
    for logger, level in zip(loggers, levels, strict=True):
        logger.setLevel(level)
    for handler, kept in zip(filters, before, strict=True):
        handler.filters[:] = kept


@pytest.mark.usefixtures("restored_levels")
def test_calls_of_the_llm_are_left_out(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    configure_logging()
    logging.getLogger("httpx").info("HTTP Request: POST https://api.openai.com/v1/chat/completions")
    logging.getLogger("openai._base_client").info("Retrying request")
    logging.getLogger("mode.worker").info("[^-App]: Starting...")
    logging.getLogger("streams.kafka.event_publisher").info("event: v2 goes live kind=promoted task=shop")
    logging.getLogger("openai").warning("slow")
    assert [record.message for record in caplog.records] == [
        "event: v2 goes live kind=promoted task=shop",
        "slow",
    ]
