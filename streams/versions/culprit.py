"""Label to blame for an alarm: if there is one, it alone is blocked, and the version is not stopped."""

from models.sample_size import fewest_trials
from streams.certify.evidence import AlarmEvidence, total


def label_to_blame(evidence: AlarmEvidence, floor: float, delta: float) -> str | None:
    """The label that explains the alarm; None where none does, and the version is to be stopped.

    The label's own audits prove its agreement to be below `floor`, with `delta` shared by all labels, and the
    audits of all other labels agree as often as the target asks and are many enough to say so. That is no
    proof that the other labels reach the target: after the block the alarm starts again and watches them.

    Args:
        floor: agreement in [0, 1]; 0 blocks no label.
        delta: chance of blocking a label wrongly.
    """
    if floor <= 0.0 or not evidence.labels:
        return None
    share = delta / len(evidence.labels)
    refuted = [label for label, counts in evidence.labels.items() if counts.refutes(floor, share)]
    if len(refuted) != 1:
        return None
    others = total(counts for label, counts in evidence.labels.items() if label != refuted[0])
    enough = others.audits >= fewest_trials(evidence.target, delta)
    return refuted[0] if enough and others.agreements >= evidence.target * others.audits else None
