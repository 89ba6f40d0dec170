"""Answers that the first stages of a cascade give before all vectors are made. In doubt, none.

They hold whatever vectors come later, and whether or not the later encoders are open.
"""

import logging
from collections.abc import Sequence
from itertools import repeat
from typing import NamedTuple

from models.embedders.compatibility import open_parts
from models.embedders.kinds import starts_with_text
from models.errors import PolicyError
from models.features import Embed, Features
from schemas.messages import Guess, Reason
from streams.routing.decisions import Decision, guesses, stop_reason
from streams.tasks import ServingPolicy, Task

log = logging.getLogger(__name__)


class _EarlyOpinion(NamedTuple):
    """What one surrogate says of a text, which later vectors do not change.

    Attributes:
        accepted: it would answer.
        is_stopped: it may not.
        vectors: as in `Decision`.
    """

    guess: Guess
    threshold: float | None
    accepted: bool
    is_stopped: bool
    vectors: int

    @property
    def answer(self) -> Decision | None:
        if self.is_stopped or not self.accepted:
            return None
        return Decision(Reason.ACCEPTED, self.guess, self.threshold, vectors=self.vectors)

    def beside(self, candidate: "_EarlyOpinion", by_canary: bool) -> Decision | None:
        """The answer of the one that decides, with what the candidate would have answered."""
        answer = candidate.answer if by_canary else self.answer
        shadow = candidate.guess if candidate.accepted else None
        return None if answer is None else answer._replace(shadow=shadow)


def decide_from_text(task: Task, texts: Sequence[str]) -> list[Decision | None]:
    """The answers that need no vector: those of a cascade's first stage that reads the text alone.

    Returns:
        For each text a decision with the reason `accepted`, or None: its vector is needed to decide, or for
        the trace that its deferral becomes.
    """
    surrogate = task.early
    if surrogate is None or not texts or stop_reason(task, surrogate) is not None:
        return [None] * len(texts)
    if not starts_with_text(task.config.embedder):
        return [None] * len(texts)
    try:
        scores, is_final = surrogate.policy.score_early(Features(list(texts)))
    except PolicyError:
        log.exception("policy failed on texts alone: task=%s version=%s", task.name, surrogate.version)
        return [None] * len(texts)
    return [
        Decision(reason, guess, surrogate.threshold, vectors=0)
        if final and reason is Reason.ACCEPTED
        else None
        for (reason, guess), final in zip(guesses(surrogate, scores), is_final.tolist(), strict=True)
    ]


def decide_early(
    task: Task, texts: Sequence[str], parts: int, by_canary: Sequence[bool], embed: Embed
) -> list[Decision | None]:
    """The answers that need only the text and the vectors of the first `parts` encoders.

    While a candidate is on trial, it must have an opinion as well.

    Args:
        by_canary, embed: as in `decide`.

    Returns:
        For each text a decision with the reason `accepted`, or None: more vectors are needed.

    Raises:
        EmbedderError: an encoder failed.
    """
    live, candidate = task.live or task.early, task.candidate
    if live is None or open_parts(live.policy.manifest, task.parts) < parts:
        return [None] * len(texts)
    opinions = _early_opinions(task, live, texts, parts, embed)
    if candidate is None:
        return [None if opinion is None else opinion.answer for opinion in opinions]
    others = _early_opinions(task, candidate, texts, parts, embed)
    return [
        None if opinion is None or other is None else opinion.beside(other, canary)
        for opinion, other, canary in zip(
            opinions, others, by_canary or repeat(False, len(texts)), strict=True
        )
    ]


def _early_opinions(
    task: Task, surrogate: ServingPolicy, texts: Sequence[str], parts: int, embed: Embed
) -> list[_EarlyOpinion | None]:
    """None where later vectors are needed, or where the policy fails."""
    try:
        scores, is_final = surrogate.policy.score_early(Features(list(texts)), parts, embed)
    except PolicyError:
        log.exception(
            "policy failed in its first stages: task=%s version=%s vectors=%d",
            task.name,
            surrogate.version,
            parts,
        )
        return [None] * len(texts)
    is_stopped = stop_reason(task, surrogate) is not None
    return [
        _EarlyOpinion(guess, surrogate.threshold, reason is Reason.ACCEPTED, is_stopped, parts)
        if final and guess is not None
        else None
        for (reason, guess), final in zip(guesses(surrogate, scores), is_final.tolist(), strict=True)
    ]
