"""The grammar of a task's `embedder`: what each tier of its policy reads of a request.

    embedder  = tier *( ">" tier )          a cascade of at most four, the cheap tier first
    tier      = "text" / vectors / "text+" vectors
    vectors   = "precomputed"               the request brings it
              / "model2vec:" path or hub id
              / "onnx:" directory
              / "endpoint:" url "#" model   OpenAI-compatible /v1/embeddings
              / "probe:" url "#" model      the same, of a server that pools an LLM's last token
              / "decisions:" url "#" model  /v1/decisions: the probability of each label
              / "systemone:" url "#" model  /v1/systemone: likewise

What makes vectors is a source. Tiers may read different ones, each of them one at most; the vectors of a
request are those of all sources, one after another, in the order of their first tiers. A vector that requests
bring can't stand beside encoders: a trace says of one vector only who made it. Only `>` and a leading `text+`
have a meaning, so paths and addresses may hold any other character. Nothing here is opened or asked.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import urlsplit

from models.errors import InvalidSpec

MOST_TIERS = 4
"""Each tier costs a fit as much as a policy of its own."""

TEXT = "text"
PRECOMPUTED = "precomputed"
MODEL2VEC, ONNX, ENDPOINT, PROBE = "model2vec", "onnx", "endpoint", "probe"
DECISIONS, SYSTEM_ONE = "decisions", "systemone"
PROMPTED = (PROBE, DECISIONS, SYSTEM_ONE)
"""Kinds of encoder that need a prompt."""

_BETWEEN = ">"
_WITH_TEXT = f"{TEXT}+"
_PLACES = {
    MODEL2VEC: "a folder or a hub id",
    ONNX: "a folder",
    ENDPOINT: "an address like http://host:8000/v1#model",
    PROBE: "an address like http://host:8080/v1#model",
    DECISIONS: "an address like http://host:8000/v1#model",
    SYSTEM_ONE: "an address like http://host:8000/v1#model",
}
_REMOTE = (ENDPOINT, *PROMPTED)
_KNOWN = ", ".join([TEXT, PRECOMPUTED, *(f"{kind}:..." for kind in _PLACES)])


@dataclass(frozen=True, slots=True)
class Reads:
    """What one tier reads of a request.

    Attributes:
        text: it reads the text itself.
        vectors: what makes the vector that it reads, e.g. `precomputed` or `model2vec:/models/static`;
            None if it reads none.
    """

    text: bool
    vectors: str | None


@lru_cache(maxsize=256)
def tiers(spec: str) -> tuple[Reads, ...]:
    """What the tiers read, first one first.

    Raises:
        InvalidSpec: with every problem.
    """
    parts = spec.split(_BETWEEN)
    if len(parts) > MOST_TIERS:
        raise InvalidSpec(spec, (f"a cascade has {MOST_TIERS} tiers at most, not {len(parts)}",))
    problems = [*(problem for part in parts for problem in _problems(part)), *_conflicts(parts)]
    if problems:
        raise InvalidSpec(spec, tuple(dict.fromkeys(problems)))
    return tuple(map(_reads, parts))


@lru_cache(maxsize=256)
def sources(spec: str) -> tuple[str, ...]:
    """What makes the vectors of its tiers, each once, in the order of first tiers. Raises InvalidSpec."""
    return tuple(dict.fromkeys(tier.vectors for tier in tiers(spec) if tier.vectors is not None))


@lru_cache(maxsize=256)
def vectors_of(spec: str) -> str | None:
    """Its sources, joined by `>`; None if all tiers read the text alone. Raises InvalidSpec."""
    return _BETWEEN.join(sources(spec)) or None


def sources_of(vectors: str) -> tuple[str, ...]:
    """The sources that `vectors_of` has joined."""
    return tuple(vectors.split(_BETWEEN))


def reads_text(spec: str) -> bool:
    """Whether a tier reads the text itself, not only a vector made of it. Raises InvalidSpec."""
    return any(tier.text for tier in tiers(spec))


def needs_encoder(spec: str) -> bool:
    """Whether its vectors are made of the request's text, by an encoder. Raises InvalidSpec."""
    return vectors_of(spec) not in (None, PRECOMPUTED)


def needs_text(spec: str) -> bool:
    """Whether a request must bring its text. Raises InvalidSpec."""
    return reads_text(spec) or needs_encoder(spec)


def is_remote(source: str) -> bool:
    """Whether this source is a server, whose id says no more than its model's name."""
    return split_spec(source)[0] in _REMOTE


def needs_prompt(vectors: str) -> bool:
    """Whether one of the joined sources needs a prompt."""
    return any(split_spec(source)[0] in PROMPTED for source in sources_of(vectors))


def split_spec(source: str) -> tuple[str, str]:
    """Kind and place of a source: `onnx:/models/minilm` is an `onnx` at `/models/minilm`."""
    kind, _, place = source.partition(":")
    return kind, place


def _reads(tier: str) -> Reads:
    if tier == TEXT:
        return Reads(text=True, vectors=None)
    return Reads(text=tier.startswith(_WITH_TEXT), vectors=tier.removeprefix(_WITH_TEXT))


def _problems(tier: str) -> Iterator[str]:
    vectors = tier.removeprefix(_WITH_TEXT)
    kind, place = split_spec(vectors)
    if not tier:
        yield "a tier is empty"
    elif tier != tier.strip():
        yield f"`{tier}` has spaces around it"
    elif tier == TEXT or vectors == PRECOMPUTED:
        return
    elif kind not in _PLACES:
        yield f"`{vectors}` is none of {_KNOWN}"
    elif not place:
        yield f"`{vectors}` must go on with {_PLACES[kind]}"
    elif kind in _REMOTE:
        yield from _faults(vectors, kind, place)


def _faults(vectors: str, kind: str, address: str) -> Iterator[str]:
    try:
        url = urlsplit(address)
        sound = url.scheme in ("http", "https") and bool(url.hostname) and (url.port is None or url.port > 0)
    except ValueError:
        sound = False
    if not sound:
        yield f"`{vectors}` needs {_PLACES[kind]}"
    elif not url.fragment:
        yield f"`{vectors}` does not name its model: add `#model`"


def _conflicts(parts: Sequence[str]) -> Iterator[str]:
    sound = [_reads(part) for part in parts if not any(_problems(part))]
    named = dict.fromkeys(tier.vectors for tier in sound if tier.vectors)
    if len(named) > 1 and PRECOMPUTED in named:
        yield f"`{PRECOMPUTED}` can't stand beside encoders: a trace keeps one vector, and who made all of it"
    for number, part in enumerate(parts):
        if part and part in parts[:number]:
            yield f"`{part}` is there twice: what it defers once, it defers again"


def cascade_tiers(spec: str) -> tuple[str, ...]:
    """What each tier of a cascade reads, as the spec writes it; empty where there is one tier."""
    names = tuple(spec.split(_BETWEEN))
    return names if len(names) > 1 else ()


def starts_with_text(spec: str) -> bool:
    """Whether vectors are needed only for what the first tier, which reads none, leaves open."""
    first, *others = tiers(spec)
    return first.vectors is None and any(tier.vectors is not None for tier in others)


def is_staged(spec: str) -> bool:
    """Whether its graph is run tier by tier: it has more than two, or they read different vectors."""
    return len(tiers(spec)) > 2 or len(sources(spec)) > 1


def is_lazy(spec: str) -> bool:
    """Whether its policy asks for vectors itself: of the rows that earlier tiers leave open."""
    return vectors_of(spec) is not None and (starts_with_text(spec) or is_staged(spec))


@lru_cache(maxsize=256)
def parts_read(spec: str) -> tuple[int, ...]:
    """For each tier how many sources it and the tiers before it read, which are the first so many."""
    order, counts, most = sources(spec), [], 0
    for tier in tiers(spec):
        most = max(most, 0 if tier.vectors is None else order.index(tier.vectors) + 1)
        counts.append(most)
    return tuple(counts)
