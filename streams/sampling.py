"""Sampling of requests for audits and repeats, by a keyed hash of the id, and the rate at which it is done.

A request that is delivered again gets the same decision, unless the rate has changed. Without the key, nobody
can know or choose which requests are audited.
"""

import hashlib
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from schemas.config import AUTO, Config

# As many of the hash's 64 bits as a float holds exactly: rounding could make a draw of 1.
_SPARE = 11
_RANGE = 1 << 53


class Sampler:
    """Selects a uniform sample of ids.

    Args:
        key: secret shared by all workers, at most 64 bytes are used.
    """

    def __init__(self, key: bytes) -> None:
        self._hash = hashlib.blake2b(key=key[:64], digest_size=8)

    def draw(self, request: str) -> float:
        """The request's number, uniform in [0, 1) over all ids."""
        digest = self._hash.copy()
        digest.update(request.encode())
        return (int.from_bytes(digest.digest(), "little") >> _SPARE) / _RANGE

    def selects(self, request: str, rate: float) -> bool:
        """Whether the request is in the sample; true of a share `rate`, in [0, 1], of all ids."""
        return self.draw(request) < rate

    def selects_repeat(self, request: str, rate: float) -> bool:
        """Whether the teacher is asked twice; independent of `selects`."""
        return self.selects(f"repeat\0{request}", rate)


class RateReason(StrEnum):
    """Why the audit rate is what it is."""

    CONFIGURED = "configured"
    UNCERTIFIED = "uncertified"
    CERTIFIED = "certified"
    FEW_TRACES = "few_traces"
    DRIFT = "drift"
    NEW_LABELS = "new_labels"


class AuditRate(NamedTuple):
    """Attributes:
    rate: share of all requests that is sampled, in [0, 1].
    reason: why.
    """

    rate: float
    reason: RateReason


@dataclass(frozen=True, slots=True)
class SamplingState:
    """What the audit rate depends on, besides the config.

    Attributes:
        certified: whether the live version is certified.
        certifying: sampled traces that the next refit may certify on, and audits that wait for their reply;
            None where it is not known.
        drifting: whether deferred requests agree with the live version less than expected, and not enough
            audits have been made since.
        new_labels: whether the teacher may give labels that the live version can't know.
    """

    certified: bool = False
    certifying: int | None = None
    drifting: bool = False
    new_labels: bool = False


UNKNOWN = SamplingState()


def audit_rate(config: Config, state: SamplingState) -> AuditRate:
    """The audit rate in force: the highest for which there is a reason, and 0 where the config's own is 0.

    The gate can't tell a good threshold from a bad one by few sampled traces, so it sets a high one and the
    surrogate answers less than it could. Until `audit_enough` traces certify, `audit_early` of the requests
    are sampled. That costs about that many further calls of the teacher, as each sampled request becomes a
    trace. Where the number of traces is not known, the config's own rate applies. It is the same share while
    deferred requests say that the teacher may have changed: audits alone tell whether the answers suffer; and
    while labels are new, so that a refit soon has traces that hold them.
    """
    configured = _configured_rate(config, state)
    if configured.rate <= 0.0:
        return configured
    reasons = [configured]
    if state.new_labels:
        reasons.append(AuditRate(config.audit_early, RateReason.NEW_LABELS))
    if state.certifying is not None and state.certifying < config.audit_enough:
        reasons.append(AuditRate(config.audit_early, RateReason.FEW_TRACES))
    if state.drifting and config.deferral_drift:
        reasons.append(AuditRate(config.audit_early, RateReason.DRIFT))
    return max(reasons, key=lambda reason: reason.rate)


def _configured_rate(config: Config, state: SamplingState) -> AuditRate:
    if config.audit_rate != AUTO:
        return AuditRate(config.audit_rate, RateReason.CONFIGURED)
    if state.certified:
        return AuditRate(min(config.audit_low, config.audit_high), RateReason.CERTIFIED)
    return AuditRate(config.audit_high, RateReason.UNCERTIFIED)
