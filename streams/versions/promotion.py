"""Plan of a promotion: a version that passed the gate goes live at once, after a trial, or once approved."""

from dataclasses import dataclass

from models.sample_size import fewest_trials
from schemas.config import Config
from streams.errors import TransitionRefused
from streams.versions.lifecycle import VersionStage


@dataclass(frozen=True, slots=True)
class PromotionPlan:
    """Plan for a version that passed the gate: live at once, on trial first, or once a person approves it.

    Attributes:
        mode: `LIVE` at once, else `SHADOW`, `CANARY` or `APPROVAL`.
        share: share of the requests that a canary answers, in [0, 1].
        needs: number of checked answers after which the trial ends.
    """

    mode: VersionStage = VersionStage.LIVE
    share: float = 0.0
    needs: int = 0


AT_ONCE = PromotionPlan()
FOR_APPROVAL = PromotionPlan(VersionStage.APPROVAL)
_GATE, _APPROVE = "gate", "approve"


def plan_of(config: Config) -> PromotionPlan:
    """The plan that the config's `promotion` makes for a version that passed the offline gate.

    A canary's trial needs as many answers as would prove the target if all of them agreed.

    Raises:
        TransitionRefused: this release does not know the mode; taken for `gate`, it would ask nobody.
    """
    mode, _, amount = config.promotion.partition(":")
    if mode == VersionStage.SHADOW:
        return PromotionPlan(VersionStage.SHADOW, 0.0, int(amount))
    if mode == VersionStage.CANARY:
        return PromotionPlan(
            VersionStage.CANARY, float(amount), fewest_trials(config.target_agreement, config.delta)
        )
    if needs_approval(config):
        return FOR_APPROVAL
    if config.promotion == _GATE:
        return AT_ONCE
    raise TransitionRefused(
        f"`promotion` is `{config.promotion}`, which this release does not know: update it"
    )


def needs_approval(config: Config) -> bool:
    """Whether no version goes live without a person's approval."""
    return config.promotion == _APPROVE
