"""Errors about the fallback of a router.

FallbackError
├── InvalidAnswer    it answered other than one label a text
└── PartlyAnswered   it failed for some texts of a call; keeps the answers to the others
"""

from collections.abc import Mapping, Sequence

from models.errors import ModelError
from models.router.prediction import Prediction


class FallbackError(ModelError):
    """The fallback did not give what was asked of it; says what."""


class InvalidAnswer(FallbackError):
    """The fallback answered other than one label a text; says what it gave, and what it must give."""


class PartlyAnswered(FallbackError):
    """The fallback failed for some texts of one call. `__cause__` is the first failure.

    Attributes:
        predictions: a prediction for each text, in order; None where the fallback failed.
        errors: what failed, by the place of the text.
    """

    def __init__(self, predictions: Sequence[Prediction | None], errors: Mapping[int, BaseException]) -> None:
        first = next(iter(errors.values()))
        super().__init__(
            f"the fallback failed for {len(errors):,} of {len(predictions):,} texts; `.predictions` keeps "
            f"the answers to the others, `.errors` the failures; the first: {type(first).__name__}: {first}"
        )
        self.predictions = tuple(predictions)
        self.errors = dict(errors)
