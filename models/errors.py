"""What can be wrong with a policy or with what one is learned from.

ModelError
├── PolicyError      a policy that can't be used: damaged, too new, not what its manifest says, wrong features
├── TrainingError    traces that nothing can be learned from: unreadable, none, of unequal length, not finite
├── FitRefused       no target passed the gate, and the policy was asked for
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


class FitRefused(ModelError):
    """No target passed the gate, so there is no policy.

    Attributes:
        reasons: why, and what would help; a sentence each.
    """

    def __init__(self, reasons: tuple[str, ...]) -> None:
        super().__init__(f"the fit was refused, there is no policy: {'; '.join(reasons)}")
        self.reasons = reasons


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
