"""`bench probes`: what a policy answers that reads an LLM's hidden states, beside text and sentence vectors.

Requests of Banking77, read by SmolLM2-135M in the prompt of a probe with all 77 labels, once; the states of
four depths become vectors. Every policy is fitted on the same traces and judged on the same test rows. A
model of 135 million parameters knows little: a larger one holds more, and this measures none.
"""

import hashlib
from dataclasses import replace
from math import inf
from pathlib import Path
from typing import NamedTuple

import numpy as np

from infra.bench.corpora import Split, read_banking77
from infra.bench.kinds import COMBINED_KINDS, KINDS, FeatureKind
from infra.bench.process import print_progress
from infra.bench.report import Report, Table, figure, report
from infra.bench.request import BenchRequest
from infra.bench.trial import TARGETS, judge, timed_fit
from infra.errors import MissingData
from infra.harness.language_model import checkpoint_file
from models.embedders.prompt import DEFAULT, Prompt
from models.features import Features
from models.language_model.checkpoint import read_checkpoint
from models.language_model.sweep import PromptReader, States
from models.policy import Policy

TRACES = 1_500
TEST_SHARE = 0.5
DEPTHS = (0.5, 0.7, 0.8, 1.0)
"""Shares of the layers."""

_THREE_TIERS = "text>onnx:/minilm>probe:http://localhost/v1#smollm2"
_PARTS = ("rows", "last", "mean", "labels")


def measure(request: BenchRequest) -> Report:
    """Raises:
    InvalidFile, MissingData: the data, or SmolLM2, is not there.
    """
    file = checkpoint_file()
    if file is None:
        raise MissingData("no SmolLM2: `make model` fetches it")
    count = request.sizes[0] if request.sizes else TRACES
    train = _drawn(read_banking77(Path(request.folder), "train"), count)
    test = _drawn(read_banking77(Path(request.folder), "test"), round(count * TEST_SHARE))
    labels = sorted({*train.labels, *test.labels})
    checkpoint = read_checkpoint(file)
    reader = PromptReader(checkpoint, Prompt.of(DEFAULT, labels), labels)
    learned, asked = (
        _read(reader, split, None if request.out is None else Path(f"{request.out}.{name}.npz"))
        for name, split in (("train", train), ("test", test))
    )
    rows = _rows(_Read(train, learned), _Read(test, asked), len(checkpoint.blocks))
    columns = ("policy reads", "accuracy", *(f"{target:g}: answered, agreement" for target in TARGETS))
    title = f"Banking77: {len(train):,} traces, {len(test):,} test rows, probes of SmolLM2-135M"
    milliseconds = 1000 * (learned.seconds + asked.seconds) / (len(train) + len(test))
    return report(
        [figure("a text through all layers", [milliseconds], "ms")], [Table(title, columns, tuple(rows))]
    )


class _Read(NamedTuple):
    """A split and the states of the texts in it that were read."""

    split: Split
    states: States

    def with_states(self, layer: int, *, beside: bool = False) -> Split:
        """The rows that were read, their last token's states after a layer as vectors.

        Args:
            beside: behind the vectors that the rows have.
        """
        read = self.split.take(self.states.rows.tolist())
        states = np.ascontiguousarray(self.states.last[:, layer])
        if beside and read.rows.embeddings is not None:
            states = np.concatenate([read.rows.embeddings, states], axis=1)
        return replace(read, rows=Features(read.rows.texts, states))


def _rows(train: _Read, test: _Read, depth: int) -> list[tuple[str, ...]]:
    """A row for each policy; `depth` is the number of layers."""
    (text, vectors), (both, in_turn) = KINDS, COMBINED_KINDS
    plain = train.split, test.split
    rows = [_row("text", text, *plain), _row("MiniLM", vectors, *plain)]
    for layer in sorted({round(share * depth) for share in DEPTHS}):
        pair = train.with_states(layer), test.with_states(layer)
        rows.append(_row(f"probe of layer {layer} of {depth}", vectors, *pair))
    pair = train.with_states(depth), test.with_states(depth)
    rows += [_row("text + probe", both, *pair), _row("text > probe", in_turn, *pair)]
    rows.append(_row("text > MiniLM", in_turn, *plain))
    pair = train.with_states(depth, beside=True), test.with_states(depth, beside=True)
    three = replace(in_turn, embedder=_THREE_TIERS)
    rows.append(_row("text > MiniLM > probe", three, *pair, _encoder(train, depth)))
    return rows


def _encoder(read: _Read, depth: int) -> str:
    """Id of both encoders together, which says how long the vectors of each are."""
    minilm, probe = read.split.rows.embeddings, read.states.last[:, depth]
    assert minilm is not None  # noqa: S101 - Banking77 comes with vectors
    return f"minilm[{minilm.shape[1]}]>probe[{probe.shape[1]}]"


def _drawn(split: Split, count: int) -> Split:
    return split.take(np.random.default_rng(0).permutation(len(split))[:count].tolist())


def _read(reader: PromptReader, split: Split, kept: Path | None) -> States:
    """The states of all texts; from the file, where they are kept for these texts, else into it."""
    texts = split.rows.texts or ()
    digest = hashlib.sha256("\0".join(texts).encode()).hexdigest()
    if kept is not None and kept.exists():
        with np.load(kept) as found:
            if str(found["digest"]) == digest:
                return States(**{name: found[name] for name in _PARTS}, seconds=float(found["seconds"]))
    states = reader.read(texts, inf)
    print_progress(f"{len(states.rows):,} of {len(split):,} texts read in {states.seconds:.0f} s")
    if kept is not None:
        parts = {name: getattr(states, name) for name in _PARTS}
        np.savez(kept, digest=digest, seconds=states.seconds, **parts)
    return states


def _row(
    name: str, kind: FeatureKind, train: Split, test: Split, encoder: str | None = None
) -> tuple[str, ...]:
    result = timed_fit(kind, train, encoder=encoder)
    print_progress(f"{name}: fitted in {result.summary.seconds:.1f} s")
    if result.artifact is None:
        return name, "refused", *["-"] * len(TARGETS)
    policy = Policy.open(result.artifact.manifest, result.artifact.graph)
    guessed = policy.score(kind.rows(test)).label
    hits = [policy.manifest.labels[guess] == label for guess, label in zip(guessed, test.labels, strict=True)]
    cells = (
        f"{one.coverage:.2f}, {one.agreement:.3f}" if one.agreement is not None else "none"
        for one in judge(result.artifact, kind, test)
    )
    return name, f"{np.mean(hits):.3f}", *cells
