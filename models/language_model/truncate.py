"""Cuts a checkpoint after a layer, so that an ordinary server pools the states of that layer as its last.

All else stays: the embedding, the tokenizer, the output layer. The final norm is kept, or set to ones.
"""

from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from gguf import GGUFReader, GGUFValueType, GGUFWriter

from models.errors import CheckpointUnusable
from models.language_model.checkpoint import ARCHITECTURE, Checkpoint, read_checkpoint
from models.language_model.decoder import Decoder

FINAL_NORM = "output_norm.weight"

_BLOCKS = f"{ARCHITECTURE}.block_count"
_WRITTEN_BY_ITSELF = ("GGUF.", "general.architecture")
_TOLERANCE = 1e-5
"""Of a state's largest number: another order of summation stays below it."""


def truncate(source: Path, target: Path, layer: int, *, keep_norm: bool = True) -> None:
    """Write the first layers of a GGUF checkpoint into another file, and compare what both compute.

    Args:
        layer: how many layers to keep, at least 1 and fewer than there are.
        keep_norm: keep the final norm, which was learned for the last layer's states; else its weights are 1.

    Raises:
        CheckpointUnusable: the source can't be read, is damaged or has no such layer, or the copy computes
            other states; nothing is left of it.
        OSError: the target can't be written.
    """
    whole = read_checkpoint(source)
    check_layer(source, len(whole.blocks), layer)
    target.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=f".{target.name}-", dir=target.parent) as made:
        part = Path(made) / target.name
        _write(source, part, layer, keep_norm=keep_norm)
        check_states(replace(whole, blocks=whole.blocks[:layer]), read_checkpoint(part), target)
        part.rename(target)


def check_layer(source: Path, layers: int, layer: int) -> None:
    """Raises:
    CheckpointUnusable: a model of so many layers can't be cut after this one.
    """
    if not 1 <= layer < layers:
        raise CheckpointUnusable(
            f"{source} has {layers} layers: it can be cut after 1 to {layers - 1}, not after {layer}"
        )


def check_states(first: Checkpoint, copy: Checkpoint, target: Path) -> None:
    """Compare the states of some tokens after the last layer of the first layers and of their copy.

    Raises:
        CheckpointUnusable: they differ, or are no numbers, which damaged weights make.
    """
    tokens = _some_tokens(len(first.embedding))
    with np.errstate(all="ignore"):
        expected, found = (Decoder(each).read(tokens)[0][-1] for each in (first, copy))
    if not np.isfinite(expected).all():
        raise CheckpointUnusable(
            f"{target} was not written: the checkpoint that it was to be cut from is damaged, its first "
            f"{len(first.blocks)} layers compute states that are not finite"
        )
    differs = expected.shape != found.shape or not np.isfinite(found).all()
    if differs or np.abs(expected - found).max() > _TOLERANCE * np.abs(expected).max():
        raise CheckpointUnusable(f"{target} computes other states than the checkpoint that it was cut from")


def _write(source: Path, target: Path, layer: int, *, keep_norm: bool) -> None:
    reader, writer = GGUFReader(source), GGUFWriter(target, ARCHITECTURE)
    for field in reader.fields.values():
        if field.name == _BLOCKS:
            writer.add_uint32(_BLOCKS, layer)
        elif not field.name.startswith(_WRITTEN_BY_ITSELF):
            kind, *of = field.types
            writer.add_key_value(
                field.name, field.contents(), kind, of[-1] if kind == GGUFValueType.ARRAY else None
            )
    for tensor in reader.tensors:
        if _is_kept(tensor.name, layer):
            data = tensor.data
            if tensor.name == FINAL_NORM and not keep_norm:
                data = np.ones_like(data)
            writer.add_tensor(tensor.name, data, raw_dtype=tensor.tensor_type)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _is_kept(name: str, layer: int) -> bool:
    kind, _, rest = name.partition(".")
    return kind != "blk" or int(rest.partition(".")[0]) < layer


def _some_tokens(vocabulary: int) -> list[int]:
    return [number * 7919 % vocabulary for number in range(1, 17)]
