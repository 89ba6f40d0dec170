"""How a version that passed the gate goes live: at once, after a shadow trial, or after a canary."""

from dataclasses import dataclass

from models.sample_size import fewest_trials
from schemas.config import Config
from streams.versions.lifecycle import VersionStage


@dataclass(frozen=True, slots=True)
class PromotionPlan:
    """How a version that passed the offline gate goes live.

    Attributes:
        mode: `LIVE` at once, else `SHADOW` or `CANARY`.
        share: of the requests that a canary answers, in [0, 1].
        needs: checked answers that the trial takes.
    """

    mode: VersionStage = VersionStage.LIVE
    share: float = 0.0
    needs: int = 0


AT_ONCE = PromotionPlan()


def plan_of(config: Config) -> PromotionPlan:
    """The plan that the config's `promotion` makes for a version that passed the offline gate.

    A canary's trial takes as many answers as prove the target where all of them agree.
    """
    mode, _, amount = config.promotion.partition(":")
    if mode == VersionStage.SHADOW:
        return PromotionPlan(VersionStage.SHADOW, 0.0, int(amount))
    if mode == VersionStage.CANARY:
        return PromotionPlan(
            VersionStage.CANARY, float(amount), fewest_trials(config.target_agreement, config.delta)
        )
    return AT_ONCE
