"""Alike view: the newest traces that share most words with a text, and what the teacher said of them.

A version keeps no traces, so this is no account of how it decides; it shows what it may have learned from.
"""

import heapq
import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from msgspec import Struct

from schemas.messages import Trace
from streams.dashboard.requests.newest_traces import FoundTraces
from streams.dashboard.versions.suspects_view import shortened

MOST_ALIKE = 5
_WORD = re.compile(r"\w+")


class AlikeCall(Struct, frozen=True):
    """Body of the call."""

    text: str


class AlikeTrace(Struct, frozen=True):
    """Attributes:
    text: cut at 400 characters.
    alike: share of the words of both texts that are in both, in (0, 1]; rare words weigh more.
    """

    id: str
    text: str
    teacher: str
    alike: float
    at: int


class AlikeView(Struct, frozen=True):
    """Attributes:
    alike: at most 5, the most alike first, each text once.
    traces: of the task, with a text, among `looked_at` messages of all tasks.
    """

    alike: Sequence[AlikeTrace]
    traces: int
    looked_at: int


def alike_view(found: FoundTraces, text: str) -> AlikeView:
    """Takes a few milliseconds for each thousand traces of the usual length."""
    newest = {trace.text: trace for trace in found.traces if trace.text is not None}
    words = {each: _words(each) for each in newest}
    weights = _weights(words.values())
    wanted = _words(text)
    rarest = max(weights.values(), default=0.0)
    scored = [(_alike(wanted, words[each], weights, rarest), trace) for each, trace in newest.items()]
    best = heapq.nlargest(MOST_ALIKE, (one for one in scored if one[0] > 0.0), key=_order)
    known = sum(trace.text is not None for trace in found.traces)
    return AlikeView([_row(trace, alike) for alike, trace in best], known, found.looked_at)


def _words(text: str) -> frozenset[str]:
    return frozenset(_WORD.findall(text.casefold()))


def _weights(texts: Iterable[frozenset[str]]) -> Mapping[str, float]:
    """Of each word; one that is in every text weighs little."""
    counts, number = Counter[str](), 0
    for words in texts:
        counts.update(words)
        number += 1
    return {word: math.log(1.0 + number / count) for word, count in counts.items()}


def _alike(
    wanted: frozenset[str], words: frozenset[str], weights: Mapping[str, float], rarest: float
) -> float:
    """Args:
    rarest: weight of a word that no text has.
    """
    shared = wanted & words
    if not shared:
        return 0.0
    total = sum(weights.get(word, rarest) for word in wanted | words)
    return sum(weights[word] for word in shared) / total


def _order(one: tuple[float, Trace]) -> tuple[float, int]:
    alike, trace = one
    return alike, trace.requested_at


def _row(trace: Trace, alike: float) -> AlikeTrace:
    return AlikeTrace(trace.id, shortened(trace.text or ""), trace.label, alike, trace.requested_at)
