"""Answers texts by a policy, and asks the fallback about the rest."""

import asyncio
import logging
import os
import random
import time
import weakref
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Self, overload

import numpy as np
from numpy.typing import ArrayLike

from models.router.exchange import Exchange, Outcome, all_predictions, single_prediction
from models.router.fallback import Ask, FallbackCaller, PerText
from models.router.loaded_policy import LoadedPolicy, PolicySource, RowDecision, load_policy, open_policy
from models.router.micro_batching import MicroBatcher, Waiting
from models.router.prediction import Prediction
from models.router.query import Query, queries_of
from models.router.trace_log import TraceLog

log = logging.getLogger(__name__)


Batcher = MicroBatcher[Query, Prediction]


class Router:
    """Answers texts by a policy, and asks the fallback about the rest. Any thread or event loop may call it.

    What holds: a threshold of the policy passed the gate at `target`, on traffic like that of the sampled
    traces that it was fitted on. Nothing watches a router while it runs: it has no certificate and no alarm.

    A router is a context manager: leaving it waits for calls under way and closes the trace log.

    Args:
        policy: a policy directory, what `fit` returned, or an open policy. None to answer nothing yet, and
            to record traces for a first fit.
        target: share of its answers on which the fallback should agree, in (0, 1).
        fallback: function, sync or async, that gets a list of texts and returns their labels; for one that
            takes one text, `per_text(function)`. For requests without a text it gets their vectors.
            None to leave deferred requests without a label.
        traces: JSON Lines file that the fallback's answers are appended to, for the next fit.
        audit_rate: share of all requests, in [0, 1], that are drawn as a uniform sample: drawn requests which
            the surrogate answers go to the fallback as well, and their traces have `sampled: true`. At 0
            only traces made while the router answers nothing are sampled, and no others can pass the gate.
        max_batch: most requests of `apredict` that are scored together, >= 1.
        max_wait: longest time that a request of `apredict` waits for others, in seconds, >= 0.
        prompt: of a policy that reads a `probe:`, with `{text}` in it; None for the usual.

    Raises:
        PolicyError: there is no usable policy at that place.
        FitRefused: the fit had no policy.
        EmbedderError: the policy's encoder can't be opened.
        OSError: the trace log can't be opened.
        TypeError, ValueError: an argument is of the wrong type, or out of range.
    """

    def __init__(
        self,
        policy: PolicySource,
        *,
        target: float = 0.95,
        fallback: Ask | PerText | None = None,
        traces: str | os.PathLike[str] | None = None,
        audit_rate: float = 0.0,
        max_batch: int = 64,
        max_wait: float = 0.002,
        prompt: str | None = None,
    ) -> None:
        _check_ranges(target, audit_rate, max_batch, max_wait)
        self._target, self._audit_rate, self._prompt = target, audit_rate, prompt
        self._max_batch, self._max_wait = max_batch, max_wait
        self._fallback = None if fallback is None else FallbackCaller(fallback)
        self._random = random.SystemRandom()
        self._serving: LoadedPolicy | None = None
        self.use(policy)
        self._traces = None if traces is None else TraceLog(traces)
        self._scoring = ThreadPoolExecutor(1, "understudy-score")
        self._batchers: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, Batcher] = (
            weakref.WeakKeyDictionary()
        )

    def use(self, policy: PolicySource) -> None:
        """Answer by another policy from now on; calls under way end with the one that they began with.

        Raises:
            PolicyError, FitRefused, EmbedderError: it can't be used; the router keeps the one that it has.
        """
        opened = open_policy(policy)
        self._serving = None if opened is None else load_policy(opened, self._target, self._prompt)

    @overload
    def predict(  # type: ignore[overload-overlap]  # a str is an iterable of str
        self,
        texts: str,
        *,
        embeddings: ArrayLike | None = None,
        ids: str | None = None,
        fallback: Ask | PerText | None = None,
    ) -> Prediction: ...

    @overload
    def predict(
        self,
        texts: Iterable[str] | None = None,
        *,
        embeddings: ArrayLike | None = None,
        ids: Iterable[str] | None = None,
        fallback: Ask | PerText | None = None,
    ) -> list[Prediction]: ...

    def predict(
        self,
        texts: str | Iterable[str] | None = None,
        *,
        embeddings: ArrayLike | None = None,
        ids: str | Iterable[str] | None = None,
        fallback: Ask | PerText | None = None,
    ) -> Prediction | list[Prediction]:
        """Predict one text, or many together; the fallback is called once for all that needs it.

        Args:
            texts: one text, or many.
            embeddings: float vectors, for policies that read them: [d] for one text, else [n, d].
            ids: names of the requests in the trace log; made up where they are missing.
            fallback: instead of the router's own.

        Raises:
            PartlyAnswered: many were asked for, and the fallback failed for some.
            Exception: whatever the fallback raised for a single text.
            TypeError, ValueError: arguments of the wrong type, or of unequal number.
        """
        if isinstance(texts, str):
            (outcome,) = self._predict(self._single(texts, embeddings, ids), fallback)
            return single_prediction(outcome)
        return all_predictions(self._predict(self._many(texts, embeddings, ids), fallback))

    @overload
    async def apredict(  # type: ignore[overload-overlap]  # likewise
        self, texts: str, *, embeddings: ArrayLike | None = None, ids: str | None = None
    ) -> Prediction: ...

    @overload
    async def apredict(
        self,
        texts: Iterable[str] | None = None,
        *,
        embeddings: ArrayLike | None = None,
        ids: Iterable[str] | None = None,
    ) -> list[Prediction]: ...

    async def apredict(
        self,
        texts: str | Iterable[str] | None = None,
        *,
        embeddings: ArrayLike | None = None,
        ids: str | Iterable[str] | None = None,
    ) -> Prediction | list[Prediction]:
        """As `predict`, from an event loop: what many tasks ask for is scored together.

        What the surrogate answers is returned at once, and does not wait for the fallback's answers to others
        or for audits.
        """
        batcher = self._batcher()
        if isinstance(texts, str):
            (query,) = self._single(texts, embeddings, ids)
            return await batcher.submit(query)
        queries = self._many(texts, embeddings, ids)
        return all_predictions(await asyncio.gather(*map(batcher.submit, queries), return_exceptions=True))

    async def aclose(self) -> None:
        """Wait for calls under way in this event loop, audits among them, and close."""
        batcher = self._batchers.get(asyncio.get_running_loop())
        if batcher is not None:
            await batcher.drain()
        await asyncio.to_thread(self.close)

    def close(self) -> None:
        """Close the trace log and end the threads, once calls under way in them are over."""
        self._scoring.shutdown()
        if self._fallback is not None:
            self._fallback.close()
        if self._traces is not None:
            self._traces.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    def _selects(self) -> bool:
        return self._audit_rate > 0 and self._random.random() < self._audit_rate

    def _single(
        self, text: str, embeddings: ArrayLike | None, ids: str | Iterable[str] | None
    ) -> list[Query]:
        names = [ids] if isinstance(ids, str) else ids
        vectors = None if embeddings is None else np.asarray(embeddings, dtype=np.float32)[None]
        return queries_of([text], vectors, names, self._selects)

    def _many(
        self, texts: Iterable[str] | None, embeddings: ArrayLike | None, ids: str | Iterable[str] | None
    ) -> list[Query]:
        if isinstance(ids, str):
            raise TypeError("ids: one str for many requests; give one for each")
        return queries_of(texts, embeddings, ids, self._selects)

    def _predict(self, queries: Sequence[Query], fallback: Ask | PerText | None) -> list[Outcome]:
        exchange = self._decide(queries)
        if fallback is None:
            return self._finish(exchange, self._fallback)
        caller = FallbackCaller(fallback)
        try:
            return self._finish(exchange, caller)
        finally:
            caller.close()

    def _decide(self, queries: Sequence[Query]) -> Exchange:
        serving = self._serving
        decisions = [RowDecision("no_policy")] * len(queries) if serving is None else serving.decide(queries)
        answers_some = serving is not None and serving.threshold is not None
        return Exchange(
            queries,
            decisions,
            policy=None if serving is None else serving.manifest.version,
            inclusion=self._audit_rate if answers_some else 1.0,
        )

    def _finish(self, exchange: Exchange, fallback: FallbackCaller | None) -> list[Outcome]:
        places = [] if fallback is None else exchange.places_to_ask
        answers = fallback.ask(exchange.items(places)) if fallback is not None and places else []
        return self._record(exchange, dict(zip(places, answers, strict=True)))

    def _record(self, exchange: Exchange, answers: dict[int, str | BaseException]) -> list[Outcome]:
        if self._traces is not None:
            self._traces.append(exchange.traces(answers, time.time_ns() // 1_000_000))
        for place in exchange.failed_audits(answers):
            log.warning(
                "audit failed, the surrogate's answer stands; id=%s: %r",
                exchange.queries[place].id,
                answers[place],
            )
        return exchange.outcomes(answers)

    def _batcher(self) -> Batcher:
        loop = asyncio.get_running_loop()
        batcher = self._batchers.get(loop)
        if batcher is None:
            batcher = self._batchers[loop] = MicroBatcher(self._answer_batch, self._max_batch, self._max_wait)
        return batcher

    async def _answer_batch(self, batch: list[Waiting[Query, Prediction]]) -> None:
        loop = asyncio.get_running_loop()
        exchange = await loop.run_in_executor(self._scoring, self._decide, [entry.item for entry in batch])
        audited = self._fallback is not None
        places = exchange.places_to_ask if self._fallback is not None else []
        for place in exchange.accepted:
            batch[place].resolve(exchange.surrogate_prediction(place, audited))
        answers = await self._fallback.ask_async(exchange.items(places)) if self._fallback and places else []
        for entry, outcome in zip(
            batch, self._record(exchange, dict(zip(places, answers, strict=True))), strict=True
        ):
            entry.resolve(outcome)


def _check_ranges(target: float, audit_rate: float, max_batch: int, max_wait: float) -> None:
    if not 0.0 < target < 1.0:
        raise ValueError(f"target: {target} is not between 0 and 1")
    if not 0.0 <= audit_rate <= 1.0:
        raise ValueError(f"audit_rate: {audit_rate} is not from 0 to 1")
    if max_batch < 1:
        raise ValueError(f"max_batch: {max_batch} is below 1")
    if not max_wait >= 0.0:
        raise ValueError(f"max_wait: {max_wait} s is below 0")
