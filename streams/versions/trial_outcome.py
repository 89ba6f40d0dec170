"""Outcome of a trial: promote the candidate, or end it. Pure, like all transitions of versions."""

from dataclasses import replace

from models.binomial import shortfall
from models.certificate import Certificate
from streams.versions.lifecycle import Transition, VersionStage
from streams.versions.promotion import FOR_APPROVAL
from streams.versions.serving_state import ServingChange, ServingState
from streams.versions.transitions import CERTIFY, replace_live


def conclude_trial(
    serving_state: ServingState,
    version: str,
    trial: Certificate,
    target: float,
    delta: float,
    now: int,
    *,
    approval: bool = False,
) -> ServingChange | None:
    """The change that ends a trial; None while it lacks checked answers, waits for a person, or for a pin.

    An exact binomial test decides once there are as many checked answers as the trial needs: the candidate
    fails if an agreement at the target would give this few agreements with a probability below `delta`.

    Args:
        approval: one that passes waits for a person's approval.
    """
    candidate = serving_state.candidate
    if candidate is None or candidate.version != version or serving_state.pin is not None:
        return None
    if candidate.waits_for_approval or trial.audits < candidate.plan.needs:
        return None
    result = f"{trial.agreements} of {trial.audits} answers on trial agree"
    mode = candidate.plan.mode
    if shortfall(trial.agreements, trial.audits, target) < delta:
        after = VersionStage.REFUSED if mode is VersionStage.SHADOW else VersionStage.ROLLED_BACK
        failed = Transition(version, mode, after, now, CERTIFY, f"{result}: below {target:g}")
        return ServingChange(replace(serving_state, candidate=None), (failed,))
    if approval:
        waits = f"{result}: not below {target:g}; it waits for approval"
        move = Transition(version, mode, VersionStage.APPROVAL, now, CERTIFY, waits)
        waiting = replace(candidate, plan=FOR_APPROVAL, since=now)
        return ServingChange(replace(serving_state, candidate=waiting), (move,))
    passed = Transition(version, mode, VersionStage.LIVE, now, CERTIFY, f"{result}: not below {target:g}")
    return replace_live(serving_state, passed, VersionStage.RETIRED, candidate.token)
