"""Tokens of a text by byte-level BPE, as a GGUF checkpoint describes it (pre-tokenizer `smollm`: each digit
stands alone, then GPT-2's pattern)."""

from tokenizers import Tokenizer
from tokenizers.models import BPE
from tokenizers.pre_tokenizers import ByteLevel, Digits, Sequence

from models.language_model.checkpoint import Checkpoint


class BytePairs:
    """The tokenizer of a checkpoint."""

    def __init__(self, checkpoint: Checkpoint) -> None:
        vocabulary = {token: number for number, token in enumerate(checkpoint.tokens)}
        parts = [merge.partition(" ") for merge in checkpoint.merges]
        self._special = {checkpoint.tokens[number]: number for number in checkpoint.special}
        self._tokenizer = Tokenizer(BPE(vocabulary, [(first, second) for first, _, second in parts]))
        self._tokenizer.pre_tokenizer = Sequence([Digits(individual_digits=True), ByteLevel(False)])

    def tokens(self, text: str) -> list[int]:
        """Numbers of the text's tokens; what looks like a special token is read as plain text."""
        return list(self._tokenizer.encode(text, add_special_tokens=False).ids)

    def special(self, name: str) -> int:
        """The number of a special token, such as `<|im_start|>`. Raises KeyError."""
        return self._special[name]
