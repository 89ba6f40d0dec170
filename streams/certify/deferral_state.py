"""State of one version's deferrals: do they agree less than expected, and since when?

Requests are taken in the order in which their traces are folded, each once. A raised signal stays until
another version answers: it has asked for a refit. It also asks for more audits, but only for `AUDITS` of
them: by then the alarm has seen whether the answers agree less, too.
"""

import math
import zlib
from collections.abc import Iterable

from msgspec import Struct
from msgspec.structs import replace

from models.deferrals import FACTORS, RUN_LENGTH, DeferralDetector, likelihood_ratio
from streams.certify.observations import DeferredGuess

AUDITS = 1_000
"""Replies to audits, from the signal on, after which the signal asks for no further ones."""

_REMEMBERED = 100


class DeferralCounts(Struct, frozen=True):
    """Counts of deferred requests.

    Attributes:
        since: Unix milliseconds of the first reply; 0 without any.
        requests: of which the teacher agreed with the guesses of `agreements`.
        expected: sum of their expected agreements.
    """

    since: int = 0
    requests: int = 0
    agreements: int = 0
    expected: float = 0.0

    def plus(self, guess: DeferredGuess) -> "DeferralCounts":
        """The counts with one more request."""
        since = self.since or guess.replied_at
        agreements = self.agreements + guess.agreed
        return DeferralCounts(since, self.requests + 1, agreements, self.expected + guess.expected)


class DeferralState(Struct, frozen=True):
    """The detector of one version.

    Attributes:
        suspicion: of the detector (`models.deferrals.DeferralDetector`).
        requests: taken so far.
        fall: Page's statistic against the first factor; a fall has most likely begun when it was last 0
            (Page 1954).
        begun: counts since then.
        recent: hashes of the last guesses: an equal one comes from a repeated text and does not count, since
            copies of one text agree or disagree together.
        raised: whether the signal is raised.
        reported: whether the event is out and the refit requested.
        audits: replies to audits since it was raised.
    """

    suspicion: tuple[float, ...] = DeferralDetector().suspicion
    requests: int = 0
    fall: float = 0.0
    begun: DeferralCounts = DeferralCounts()
    recent: tuple[int, ...] = ()
    raised: bool = False
    reported: bool = False
    audits: int = 0

    @property
    def is_unreported(self) -> bool:
        return self.raised and not self.reported

    @property
    def asks_for_audits(self) -> bool:
        return self.raised and self.audits < AUDITS

    @property
    def chance(self) -> float:
        """Probability, at most, that the signal is raised within so many requests that agree as expected."""
        return min(1.0, self.requests / RUN_LENGTH)

    def after(self, guesses: Iterable[DeferredGuess], audits: int) -> "DeferralState":
        """The state after more deferred requests, and replies to audits."""
        after = replace(self, audits=self.audits + audits) if self.raised and audits else self
        for guess in guesses:
            after = after.after_one(guess)
        return after

    def after_one(self, guess: DeferredGuess) -> "DeferralState":
        """The state after one more deferred request; unchanged once raised, or where its text repeats."""
        content = zlib.crc32(repr((guess.label, guess.score, guess.novelty)).encode())
        if self.raised or content in self.recent:
            return self
        # Evidence of another form, which another release may have left, starts again.
        usable = len(self.suspicion) == len(FACTORS)
        detector = DeferralDetector(self.suspicion) if usable else DeferralDetector()
        detector = detector.after(guess.expected, guess.agreed)
        step = math.log(likelihood_ratio(guess.expected, FACTORS[0], guess.agreed))
        fall = max(0.0, self.fall + step)
        return replace(
            self,
            suspicion=detector.suspicion,
            requests=self.requests + 1,
            fall=fall,
            begun=self.begun.plus(guess) if fall > 0.0 else DeferralCounts(),
            recent=(*self.recent, content)[-_REMEMBERED:],
            raised=detector.raised,
        )
