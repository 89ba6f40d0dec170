"""Consistency of the teacher: how often it gives its first answer again when it is asked twice.

No certificate rests on it. It explains: with a teacher that contradicts itself no surrogate that answers
everything can agree more often than a ceiling allows (`models.noise.ceiling`). The counts are looked at after
every answer, so what they prove holds at every moment, as a certificate does.
"""

from collections.abc import Iterable, Mapping

from msgspec import Struct, field
from msgspec.structs import replace

from models.certificate import Certificate
from models.noise.ceiling import ceiling_upper_bound
from models.study import RepeatCounts
from schemas.config import Config

_TEACHERS = 8


class Consistency(Struct, frozen=True):
    """Counts of one teacher's repeated answers.

    Attributes:
        asked: requests that the teacher was asked about twice; on `same` of them it gave the same label.
        announced: the target that the last event called out of reach; 0.0 before the first event.
    """

    asked: int = 0
    same: int = 0
    announced: float = field(default=0.0, name="told")

    def ceiling(self, delta: float) -> float:
        """Agreement that no surrogate which answers all requests can exceed, at level `delta`."""
        return ceiling_upper_bound(RepeatCounts(self.asked, self.same), delta)

    def puts_out_of_reach(self, config: Config) -> bool:
        """Whether it is proven that the target lies above the ceiling, which is a square root."""
        least = config.target_agreement**2
        return Certificate(self.asked, self.same).refutes(least, config.delta)


def count_repeats(
    before: Mapping[str, Consistency], answers: Iterable[tuple[str, bool]]
) -> Mapping[str, Consistency]:
    """The counts with further repeated answers; of more than eight teachers the first are dropped.

    Args:
        answers: the teacher's name, and whether it gave its first answer again.
    """
    after = dict(before)
    for teacher, same in answers:
        counts = after.get(teacher, Consistency())
        after[teacher] = replace(counts, asked=counts.asked + 1, same=counts.same + same)
    return dict(list(after.items())[-_TEACHERS:])
