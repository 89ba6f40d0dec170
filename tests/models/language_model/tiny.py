"""A checkpoint of two small layers with random weights, as a GGUF file."""

from pathlib import Path

import numpy as np
from gguf import GGUFWriter, TokenType

WIDTH, HEADS, KEY_HEADS, HEAD_WIDTH, HIDDEN = 16, 4, 2, 4, 24
LAYERS = 2
TOKENS = ("<|im_start|>", *(chr(code) for code in range(ord("a"), ord("z") + 1)), "ab")
SHAPES = {
    "attn_norm": (WIDTH,),
    "attn_q": (HEADS * HEAD_WIDTH, WIDTH),
    "attn_k": (KEY_HEADS * HEAD_WIDTH, WIDTH),
    "attn_v": (KEY_HEADS * HEAD_WIDTH, WIDTH),
    "attn_output": (WIDTH, HEADS * HEAD_WIDTH),
    "ffn_norm": (WIDTH,),
    "ffn_gate": (HIDDEN, WIDTH),
    "ffn_up": (HIDDEN, WIDTH),
    "ffn_down": (WIDTH, HIDDEN),
}


def write_tiny(path: Path, architecture: str = "llama", without: str = "") -> Path:
    """Write it, without the tensor of this name."""
    numbers = np.random.default_rng(0)
    writer = GGUFWriter(path, architecture)
    writer.add_name("tiny")
    writer.add_block_count(LAYERS)
    writer.add_context_length(32)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(KEY_HEADS)
    writer.add_rope_freq_base(10_000.0)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_token_list(list(TOKENS))
    writer.add_token_types([TokenType.CONTROL, *[TokenType.NORMAL] * (len(TOKENS) - 1)])
    writer.add_token_merges(["a b"])
    shapes = {"token_embd": (len(TOKENS), WIDTH), "output_norm": (WIDTH,)}
    shapes |= {f"blk.{layer}.{name}": shape for layer in range(LAYERS) for name, shape in SHAPES.items()}
    for name, shape in shapes.items():
        if name != without:
            writer.add_tensor(f"{name}.weight", numbers.normal(size=shape).astype(np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path
