"""How often the teacher gives its first answer again when it is asked twice: what is kept, and what follows.

No certificate rests on it. It explains: with a teacher that contradicts itself no surrogate that answers
everything can agree more often than a ceiling allows (`models.noise.ceiling`). It is looked at after every
answer, so what is said of it holds at every moment, as a certificate does.
"""

from collections.abc import Iterable, Mapping

from msgspec import Struct
from msgspec.structs import replace

from models.certificate import Certificate
from models.noise.ceiling import ceiling_upper_bound
from models.study import RepeatCounts
from schemas.config import Config

_TEACHERS = 8


class Consistency(Struct, frozen=True):
    """Attributes:
    asked: requests that the teacher was asked about twice; on `same` of them it said the same.
    told: the target that was last said to be out of reach; 0.0 where none was.
    """

    asked: int = 0
    same: int = 0
    told: float = 0.0

    def ceiling(self, delta: float) -> float:
        """What no surrogate that answers all requests can agree with more often, at level `delta`."""
        return ceiling_upper_bound(RepeatCounts(self.asked, self.same), delta)

    def puts_out_of_reach(self, config: Config) -> bool:
        """Whether it is proven that the target lies above the ceiling, which is a square root."""
        least = config.target_agreement**2
        return Certificate(self.asked, self.same).refutes(least, config.delta)


def count_repeats(
    before: Mapping[str, Consistency], answers: Iterable[tuple[str, bool]]
) -> Mapping[str, Consistency]:
    """With further answers to second questions: who gave them, and whether they were the first ones again.

    Of many teachers those that came first are dropped.
    """
    found = dict(before)
    for teacher, same in answers:
        one = found.get(teacher, Consistency())
        found[teacher] = replace(one, asked=one.asked + 1, same=one.same + same)
    return dict(list(found.items())[-_TEACHERS:])
