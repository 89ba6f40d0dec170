"""Evidence of the audits against the traces that certified: since when the answers have missed the target.

A version is live because traces from before have certified it. Where the audits of its answers prove that it
agrees less than is promised, those traces can't certify its successor either. Counted are the audits of all
answers since a version began, whichever version answered, so a new live version does not erase the evidence.
Each version is the start of one such count, an e-process (`models.certificate`) with a share of delta, so
that all of them together give a wrong result with a probability of at most delta, however often they are
looked at. What they say follows from the current counts: where later versions answer well, it is over.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from models.certificate import Certificate, budget_share, upper_bound
from schemas.config import Config
from schemas.messages import Trace
from streams.versions.version_names import version_serial


@dataclass(frozen=True, slots=True)
class RefutedPromise:
    """Answers that agree less than is promised.

    Attributes:
        version: since it began, answers have missed the target.
        since: Unix milliseconds of its first reply; older traces have certified it.
        counts: audits since then.
        high: agreement that they prove not to be exceeded.
    """

    version: str
    since: int
    counts: Certificate
    high: float


def refuted_promise(traces: Iterable[Trace], config: Config, since: int) -> RefutedPromise | None:
    """The newest version since which audits prove an agreement below the target; None where none do.

    Args:
        since: Unix milliseconds of the reply; what was audited before is answered for already.
    """
    begun: dict[str, int] = {}
    audits: dict[str, Certificate] = {}
    for trace in traces:
        if trace.guess is None or trace.replied_at < since:
            continue
        version, counts = trace.guess.policy, audits.get(trace.guess.policy, Certificate())
        begun[version] = min(trace.replied_at, begun.get(version, trace.replied_at))
        if trace.checks_answer and trace.sampled:
            agreed = trace.guess.label == trace.label
            counts = Certificate(counts.audits + 1, counts.agreements + agreed)
        audits[version] = counts
    pooled = Certificate()
    for version in sorted(begun, key=lambda name: begun[name], reverse=True):
        counts = audits[version]
        pooled = Certificate(pooled.audits + counts.audits, pooled.agreements + counts.agreements)
        share = budget_share(config.delta, max(1, version_serial(version)))
        if pooled.refutes(config.target_agreement, share):
            return RefutedPromise(version, begun[version], pooled, upper_bound(pooled, share))
    return None
