"""Report order: a version and the traces that its report is about, as the process that writes it is told."""

from collections.abc import Iterable, Mapping, Sequence

import msgspec
from msgspec import Struct

from models.artifact import Artifact
from models.embedders.kinds import PRECOMPUTED, needs_text, vectors_of
from models.features import known_texts
from models.manifest import Manifest
from schemas.messages import Trace

_FLOAT = 4


class ReportOrder(Struct, frozen=True):
    """Attributes:
    texts, vectors: of each trace; None where the version reads none of the kind, or one lacks it.
    labels: the teacher's, by their names of today; `renamed` says new names by old ones.
    target: agreement that is asked for.
    made_at: Unix milliseconds.
    """

    manifest: bytes
    graph: bytes
    texts: Sequence[str] | None
    vectors: Sequence[bytes] | None
    labels: Sequence[str]
    sampled: Sequence[bool]
    renamed: Mapping[str, str]
    target: float
    made_at: int


encode_order = msgspec.msgpack.Encoder().encode
decode_order = msgspec.msgpack.Decoder(ReportOrder).decode


def readable_traces(manifest: Manifest, traces: Iterable[Trace]) -> list[Trace]:
    """The traces that bring what the version reads."""
    spec = manifest.embedder
    found = [trace for trace in traces if trace.text is not None or not needs_text(spec)]
    source = vectors_of(spec)
    if source is None:
        return found
    size = _FLOAT * (manifest.dimension or 0)
    encoder = None if source == PRECOMPUTED else manifest.encoder
    return [
        trace
        for trace in found
        if trace.features is not None and len(trace.features) == size and trace.encoder == encoder
    ]


def report_order(
    artifact: Artifact,
    manifest: Manifest,
    traces: Sequence[Trace],
    renamed: Mapping[str, str],
    target: float,
    made_at: int,
) -> ReportOrder:
    """Args:
    traces: those that the version can read.
    """
    has_vectors = vectors_of(manifest.embedder) is not None
    return ReportOrder(
        manifest=artifact.manifest,
        graph=artifact.graph,
        texts=known_texts(trace.text for trace in traces),
        vectors=[trace.features or b"" for trace in traces] if has_vectors else None,
        labels=[trace.label for trace in traces],
        sampled=[trace.sampled for trace in traces],
        renamed=renamed,
        target=target,
        made_at=made_at,
    )
