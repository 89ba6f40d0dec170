"""What can be wrong with a policy or with what one is learned from.

ModelError
├── PolicyError      a policy that can't be used: damaged, too new, not what its manifest says, wrong features
└── TrainingError    traces that nothing can be learned from: none, of unequal length, not finite
"""


class ModelError(Exception):
    """Anything that models/ refuses."""


class PolicyError(ModelError):
    """A policy that can't be used, or features it can't read; says which check failed. Defer."""


class TrainingError(ModelError):
    """Traces that nothing can be learned from; says what is wrong with which of them."""
