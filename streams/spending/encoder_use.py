"""Use of an encoder by a task: how many texts it has read, for how long, and what was answered by it."""

from collections.abc import Mapping
from dataclasses import dataclass

_TEXTS, _SECONDS, _ANSWERED = "encoder.texts.", "encoder.seconds.", "encoder.answered."


@dataclass(frozen=True, slots=True)
class EncoderUse:
    """Attributes:
    texts: that were decided with its vectors, made now or kept.
    seconds: that this took.
    answered: requests that the surrogate answered with its vector and no later encoder's.
    """

    texts: int = 0
    seconds: float = 0.0
    answered: int = 0

    @property
    def milliseconds(self) -> float | None:
        """Of a text; None where there was none."""
        return 1000.0 * self.seconds / self.texts if self.texts else None


def encoder_amounts(encoder: str, use: EncoderUse) -> dict[str, float]:
    """The amounts to add, by name; `encoder` is its id."""
    return {
        f"{_TEXTS}{encoder}": use.texts,
        f"{_SECONDS}{encoder}": use.seconds,
        f"{_ANSWERED}{encoder}": use.answered,
    }


def encoder_uses(amounts: Mapping[str, float]) -> dict[str, EncoderUse]:
    """The use of each encoder, by its id."""
    ids = [name.removeprefix(_TEXTS) for name in amounts if name.startswith(_TEXTS)]
    return {
        one: EncoderUse(
            int(amounts[f"{_TEXTS}{one}"]),
            amounts.get(f"{_SECONDS}{one}", 0.0),
            int(amounts.get(f"{_ANSWERED}{one}", 0.0)),
        )
        for one in sorted(ids)
    }
