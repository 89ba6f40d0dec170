"""Whether one label explains an alarm, so that blocking it spares the version."""

from models.binomial import fewest_trials
from models.certificate import Certificate
from streams.certify.evidence import AlarmEvidence, Counts


def label_to_blame(evidence: AlarmEvidence, floor: float, delta: float) -> str | None:
    """The label that explains the alarm; None where none does, and the version has to fall.

    Its own audits prove its agreement below `floor`, with `delta` shared by all labels, and the audits of all
    other labels agree as often as promised and are many enough to say so. That the others stand is no proof
    that they do: the alarm starts anew after the label is blocked, and goes on watching them.

    Args:
        floor: agreement in [0, 1]; 0 blocks no label.
        delta: chance of blocking a label wrongly.
    """
    if floor <= 0.0 or not evidence.labels:
        return None
    share = delta / len(evidence.labels)
    proved = [
        label
        for label, counts in evidence.labels.items()
        if Certificate(counts.audits, counts.agreements).refutes(floor, share)
    ]
    if len(proved) != 1:
        return None
    others = _without(evidence, proved[0])
    stands = others.agreements >= evidence.target * others.audits
    return proved[0] if stands and others.audits >= fewest_trials(evidence.target, delta) else None


def _without(evidence: AlarmEvidence, label: str) -> Counts:
    others = [counts for other, counts in evidence.labels.items() if other != label]
    return Counts(sum(one.audits for one in others), sum(one.agreements for one in others))
