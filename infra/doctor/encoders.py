"""Looks at the encoders behind an address that the config names: whether each makes a vector of a text."""

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor

from infra.doctor.process import name_of
from models.embedders.kinds import is_remote
from models.embedders.loader import open_embedder
from models.errors import EmbedderError
from schemas.config import Config
from schemas.secrets import masked
from schemas.urls import masked_url
from streams.encoder_spec import EncoderSpec, encoder_spec
from streams.status.finding import Finding, Level

_AT_ONCE = 8


def encoder_findings(configs: Mapping[str, Config]) -> Iterator[Finding]:
    """What each encoder says to one short text; each is asked once. Those in folders are on other hosts.

    Args:
        configs: of the tasks, and of `*`.
    """
    asked: dict[EncoderSpec, list[str]] = {}
    for task, config in configs.items():
        spec = encoder_spec(config)
        for part in spec.parts if spec else ():
            if is_remote(part.vectors):
                asked.setdefault(part, []).append(task)
    with ThreadPoolExecutor(_AT_ONCE) as threads:
        yield from threads.map(_ask, asked, asked.values())


def _ask(spec: EncoderSpec, tasks: list[str]) -> Finding:
    whose = ", ".join(map(name_of, tasks))
    try:
        embedder = open_embedder(spec.vectors, spec.prompt)
    except EmbedderError as error:
        return Finding(Level.PROBLEM, "encoder", f"of {whose}: {masked(str(error))}")
    text = f"`{masked_url(spec.vectors)}` of {whose} makes vectors of {embedder.dimension} numbers"
    return Finding(Level.OK, "encoder", text)
