"""Looks at the encoders that the config names: those behind an address from here, all by what workers say."""

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

from infra.doctor.process import name_of
from models.embedders.kinds import is_remote
from models.embedders.loader import open_embedder
from models.errors import EmbedderError
from schemas.config import Config
from schemas.secrets import masked
from schemas.urls import masked_url
from streams.encoder_spec import EncoderSpec, encoder_spec
from streams.state.workers import HeardWorker
from streams.status.absent_encoders import absent_encoders, absent_sentence
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


def absent_encoder_findings(
    configs: Mapping[str, Config], heard: Sequence[HeardWorker], now: int
) -> Iterator[Finding]:
    """The encoders that workers can't use, also those in folders of other hosts.

    Args:
        configs: of the tasks, and of `*`.
        heard: what workers say.
        now: Unix milliseconds.
    """
    absent: dict[str, list[str]] = {}
    for task, config in configs.items():
        for encoder in absent_encoders(config, heard):
            absent.setdefault(absent_sentence(encoder, now), []).append(task)
    for sentence, tasks in absent.items():
        whose = ", ".join(map(name_of, tasks))
        yield Finding(Level.PROBLEM, "encoder", f"of {whose}, as workers say: {sentence}")


def _ask(spec: EncoderSpec, tasks: list[str]) -> Finding:
    whose = ", ".join(map(name_of, tasks))
    try:
        embedder = open_embedder(spec.vectors, spec.prompt)
    except EmbedderError as error:
        return Finding(Level.PROBLEM, "encoder", f"of {whose}: {masked(str(error))}")
    text = f"`{masked_url(spec.vectors)}` of {whose} makes vectors of {embedder.dimension} numbers"
    return Finding(Level.OK, "encoder", text)
