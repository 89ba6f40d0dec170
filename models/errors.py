"""Errors of models: policies, traces and encoders that can't be used.

ModelError
├── PolicyError      a policy can't be used: damaged, too new, not as its manifest says, wrong features
├── TrainingError    traces can't be learned from: unreadable, none, of unequal lengths, not finite
├── FitRefused       no target passed the gate, and the policy was asked for
├── CheckpointUnusable  an LLM's file is damaged, or of a kind that can't be read
├── UnreadableDecision  a reply of an API for decisions is none
└── EmbedderError    an encoder can't be opened, or failed on texts
    ├── EncoderChanged  a server makes other vectors than before under the same name
    ├── TextRefused  an encoder refuses this text, though it takes others
    └── InvalidSpec  an `embedder` is not in the grammar
"""


class ModelError(Exception):
    """Parent of all errors of models."""


class PolicyError(ModelError):
    """A policy can't be used, or can't read the features; says which check failed. Defer the requests."""


class TrainingError(ModelError):
    """Traces can't be learned from; says what is wrong with which of them."""


class FitRefused(ModelError):
    """No target passed the gate, so there is no policy.

    Attributes:
        reasons: why, and what would help; a sentence each.
    """

    def __init__(self, reasons: tuple[str, ...]) -> None:
        super().__init__(f"the fit was refused, there is no policy: {'; '.join(reasons)}")
        self.reasons = reasons


class CheckpointUnusable(ModelError):
    """An LLM's file is damaged, or of a kind that can't be read; says which file and why."""


class UnreadableDecision(ModelError):
    """A reply of an API for decisions is none; says what it lacks."""


class EmbedderError(ModelError):
    """An encoder can't be opened, or failed on texts; says which one and what to do. Defer the requests."""


class EncoderChanged(EmbedderError):
    """An encoder behind an address makes other vectors than at first; says how far they are apart."""


class TextRefused(EmbedderError):
    """The encoder refuses one of the given texts; it may take the others."""


class InvalidSpec(EmbedderError):
    """An `embedder` is not in the grammar of `models.embedders.kinds`.

    Attributes:
        problems: every problem, a sentence each.
    """

    def __init__(self, spec: str, problems: tuple[str, ...]) -> None:
        super().__init__(f"embedder `{spec}`: {'; '.join(problems)}")
        self.problems = problems
