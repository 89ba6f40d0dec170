"""`bench probes`: what a policy answers that reads an LLM's hidden states, beside text and sentence vectors.

Requests of Banking77, read by SmolLM2-135M in the prompt of a probe with all 77 labels, once; the states of
four depths become vectors. Every policy is fitted on the same traces and judged on the same test rows. A
model of 135 million parameters knows little: a larger one holds more, and this measures none.
"""

import hashlib
from dataclasses import replace
from math import inf
from pathlib import Path

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
    text, vectors = KINDS
    both, in_turn = COMBINED_KINDS
    rows = [_row("text", text, train, test), _row("MiniLM", vectors, train, test)]
    depth = len(checkpoint.blocks)
    for layer in sorted({round(share * depth) for share in DEPTHS}):
        splits = _with_states(train, learned, layer), _with_states(test, asked, layer)
        rows.append(_row(f"probe of layer {layer} of {depth}", vectors, *splits))
    splits = _with_states(train, learned, depth), _with_states(test, asked, depth)
    rows += [_row("text + probe", both, *splits), _row("text > probe", in_turn, *splits)]
    rows.append(_row("text > MiniLM", in_turn, train, test))
    columns = ("policy reads", "accuracy", *(f"{target:g}: answered, agreement" for target in TARGETS))
    title = f"Banking77: {len(train):,} traces, {len(test):,} test rows, probes of SmolLM2-135M"
    milliseconds = 1000 * (learned.seconds + asked.seconds) / (len(train) + len(test))
    return report(
        [figure("a text through all layers", [milliseconds], "ms")], [Table(title, columns, tuple(rows))]
    )


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


def _with_states(split: Split, states: States, layer: int) -> Split:
    """The rows that were read, with their last token's states after a layer as vectors."""
    read = split.take(states.rows.tolist())
    return replace(read, rows=Features(read.rows.texts, np.ascontiguousarray(states.last[:, layer])))


def _row(name: str, kind: FeatureKind, train: Split, test: Split) -> tuple[str, ...]:
    result = timed_fit(kind, train)
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
