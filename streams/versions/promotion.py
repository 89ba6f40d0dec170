"""Plan of a promotion: a version that passed the gate goes live at once, or after a shadow or canary."""

from dataclasses import dataclass

from models.sample_size import fewest_trials
from schemas.config import Config
from streams.versions.lifecycle import VersionStage


@dataclass(frozen=True, slots=True)
class PromotionPlan:
    """Plan for a version that passed the gate: live at once, or on trial first.

    Attributes:
        mode: `LIVE` at once, else `SHADOW` or `CANARY`.
        share: share of the requests that a canary answers, in [0, 1].
        needs: number of checked answers after which the trial ends.
    """

    mode: VersionStage = VersionStage.LIVE
    share: float = 0.0
    needs: int = 0


AT_ONCE = PromotionPlan()


def plan_of(config: Config) -> PromotionPlan:
    """The plan that the config's `promotion` makes for a version that passed the offline gate.

    A canary's trial needs as many answers as would prove the target if all of them agreed.
    """
    mode, _, amount = config.promotion.partition(":")
    if mode == VersionStage.SHADOW:
        return PromotionPlan(VersionStage.SHADOW, 0.0, int(amount))
    if mode == VersionStage.CANARY:
        return PromotionPlan(
            VersionStage.CANARY, float(amount), fewest_trials(config.target_agreement, config.delta)
        )
    return AT_ONCE
