"""Cost of the teacher's calls: how many were made for a question, their tokens, and their price."""

import time
from enum import StrEnum

from schemas.call_limits import Price
from schemas.messages import Deferral, Usage

_MILLION = 1e6
_MOST_TOKENS = 1_000_000_000
_CHARACTERS_A_TOKEN = 3
"""Fewer than in most texts, so that an estimate is rather too high."""


class CallKind(StrEnum):
    """What calls are made for."""

    REQUESTS = "requests"
    AUDITS = "audits"
    REPEATS = "repeats"


def kind_of(deferral: Deferral) -> CallKind:
    """What the call about a deferral is made for."""
    if deferral.first is not None:
        return CallKind.REPEATS
    return CallKind.AUDITS if deferral.audit else CallKind.REQUESTS


class CallCost:
    """Calls, tokens and time that one attempt has cost so far; known also where the attempt is cancelled.

    Attributes:
        calls: that have begun.
        failed: of these, those without an answer.
        usage: tokens that the endpoint has reported; None where it has reported none.
        counted: tokens to be paid for: those reported, and an estimate for each answer without a report.
    """

    def __init__(self) -> None:
        self.calls = self._answers = 0
        self.usage: Usage | None = None
        self.counted = Usage()
        self._begun: float | None = None

    def begin_call(self) -> None:
        """A call begins."""
        self.calls += 1
        if self._begun is None:
            self._begun = time.perf_counter()

    def add(self, usage: Usage | None, characters: int = 0) -> None:
        """Add an answer's tokens.

        Args:
            usage: as the endpoint has reported it.
            characters: of question and answer, from which tokens are estimated where it has not.
        """
        self._answers += 1
        usage = plausible(usage)
        if usage is not None:
            self.usage = _sum(self.usage or Usage(), usage)
        self.counted = _sum(self.counted, usage or Usage(prompt_tokens=-(-characters // _CHARACTERS_A_TOKEN)))

    @property
    def failed(self) -> int:
        return self.calls - self._answers

    def milliseconds(self) -> float | None:
        """Since the first call began; None if none did."""
        return None if self._begun is None else (time.perf_counter() - self._begun) * 1000.0


def plausible(usage: Usage | None) -> Usage | None:
    """The tokens of an answer as they were reported; None where they can't be, such as -1 for unknown."""
    if usage is None:
        return None
    numbers = (usage.prompt_tokens, usage.completion_tokens, usage.cached_tokens)
    return usage if all(0 <= number <= _MOST_TOKENS for number in numbers) else None


def money_of(usage: Usage, price: Price) -> float:
    """Price of these tokens; 0 where the price is not known."""
    cached = min(usage.cached_tokens, usage.prompt_tokens)
    input_price, output_price = price.input or 0.0, price.output or 0.0
    cached_price = input_price if price.cached_input is None else price.cached_input
    fresh = (usage.prompt_tokens - cached) * input_price
    return (fresh + cached * cached_price + usage.completion_tokens * output_price) / _MILLION


def _sum(one: Usage, other: Usage) -> Usage:
    return Usage(
        one.prompt_tokens + other.prompt_tokens,
        one.completion_tokens + other.completion_tokens,
        one.cached_tokens + other.cached_tokens,
    )
