"""What can be wrong with a policy or with what one is learned from.

ModelError
├── PolicyError      a policy that can't be used: damaged, too new, not what its manifest says, wrong features
├── TrainingError    traces that nothing can be learned from: none, of unequal length, not finite
└── EmbedderError    an encoder that can't be opened, or that failed on texts
    ├── TextRefused  an encoder that takes others does not take this text
    └── InvalidSpec  an `embedder` that is not in the grammar
"""


class ModelError(Exception):
    """Anything that models/ refuses."""


class PolicyError(ModelError):
    """A policy that can't be used, or features it can't read; says which check failed. Defer."""


class TrainingError(ModelError):
    """Traces that nothing can be learned from; says what is wrong with which of them."""


class EmbedderError(ModelError):
    """An encoder that can't be opened, or that failed on texts; says which, and what to do. Defer."""


class TextRefused(EmbedderError):
    """A text among those given is one that the encoder does not take; others it may."""


class InvalidSpec(EmbedderError):
    """An `embedder` that is not in the grammar of `models.embedders.spec`.

    Attributes:
        problems: all of them, a sentence each.
    """

    def __init__(self, spec: str, problems: tuple[str, ...]) -> None:
        super().__init__(f"embedder `{spec}`: {'; '.join(problems)}")
        self.problems = problems
