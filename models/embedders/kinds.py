"""The grammar of a task's `embedder`: what each tier of its policy reads of a request.

    embedder  = tier *( ">" tier )          a cascade, the cheap tier first
    tier      = "text" / vectors / "text+" vectors
    vectors   = "precomputed"               the request brings it
              / "model2vec:" path or hub id
              / "onnx:" directory
              / "endpoint:" url "#" model   OpenAI-compatible /v1/embeddings
              / "probe:" url "#" model      the same, of a server that pools an LLM's last token

All tiers read the same vectors: a request is embedded once at most. Only `>` and a leading `text+` have a
meaning, so paths and addresses may hold any other character. Nothing here is opened or asked.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import urlsplit

from models.errors import InvalidSpec

TEXT = "text"
PRECOMPUTED = "precomputed"
MODEL2VEC, ONNX, ENDPOINT, PROBE = "model2vec", "onnx", "endpoint", "probe"

_WITH_TEXT = f"{TEXT}+"
_PLACES = {
    MODEL2VEC: "a folder or a hub id",
    ONNX: "a folder",
    ENDPOINT: "an address like http://host:8000/v1#model",
    PROBE: "an address like http://host:8080/v1#model",
}
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
    parts = spec.split(">")
    problems = [*(problem for part in parts for problem in _problems(part)), *_conflicts(parts)]
    if problems:
        raise InvalidSpec(spec, tuple(dict.fromkeys(problems)))
    return tuple(map(_reads, parts))


def vectors_of(spec: str) -> str | None:
    """What makes the vectors of its tiers; None if all read the text alone. Raises InvalidSpec."""
    return next((tier.vectors for tier in tiers(spec) if tier.vectors is not None), None)


def reads_text(spec: str) -> bool:
    """Whether a tier reads the text itself, not only a vector made of it. Raises InvalidSpec."""
    return any(tier.text for tier in tiers(spec))


def needs_encoder(spec: str) -> bool:
    """Whether its vectors are made of the request's text, by an encoder. Raises InvalidSpec."""
    return vectors_of(spec) not in (None, PRECOMPUTED)


def needs_text(spec: str) -> bool:
    """Whether a request must bring its text. Raises InvalidSpec."""
    return reads_text(spec) or needs_encoder(spec)


def is_remote(vectors: str) -> bool:
    """Whether what makes these vectors is a server, whose id says no more than its model's name."""
    return split_spec(vectors)[0] in (ENDPOINT, PROBE)


def split_spec(vectors: str) -> tuple[str, str]:
    """Kind and place of what makes vectors: `onnx:/models/minilm` is an `onnx` at `/models/minilm`."""
    kind, _, place = vectors.partition(":")
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
    elif kind in (ENDPOINT, PROBE):
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
    sources = dict.fromkeys(tier.vectors for tier in sound if tier.vectors)
    if len(sources) > 1:
        named = " and ".join(f"`{source}`" for source in sources)
        yield f"all tiers must read the same vectors, not {named}"
    for number, part in enumerate(parts):
        if part and part in parts[:number]:
            yield f"`{part}` is there twice: what it defers once, it defers again"


def is_lazy(spec: str) -> bool:
    """Whether vectors are needed only for what the first tier, which reads none, leaves open."""
    first, *others = tiers(spec)
    return first.vectors is None and any(tier.vectors is not None for tier in others)
