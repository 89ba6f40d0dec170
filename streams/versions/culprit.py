"""Label to blame for an alarm: if there is one, it alone is blocked, and the version is not stopped."""

from models.sample_size import fewest_trials
from streams.certify.evidence import AlarmEvidence, total


def blocked_label_to_blame(evidence: AlarmEvidence, blocked: frozenset[str]) -> str | None:
    """The label, of those blocked already, without which nothing would be suspicious; None if there is none.

    Audits of a blocked label are of answers from before the block, and say nothing of the answers that are
    still given. The alarm that led to the block has them when it is told again, and so has one that was
    raised before certify had noted the block.
    """
    among = [label for label in evidence.labels if label in blocked]
    others = total(counts for label, counts in evidence.labels.items() if label not in blocked)
    if evidence.is_silence or not among or others.agreements < evidence.target * others.audits:
        return None
    return min(among, key=lambda label: evidence.labels[label].agreements - evidence.labels[label].audits)


def label_to_blame(evidence: AlarmEvidence, floor: float, delta: float) -> str | None:
    """The label that explains the alarm; None where none does, and the version is to be stopped.

    The label's own audits since the suspicion began would refute an agreement of `floor`, and the audits of
    all other labels agree as often as the target asks and are many enough to say so. This is a rule of
    thumb, no proof: the same audits chose the moment at which the counts begin, so a label may be blocked
    wrongly more often than `delta`. That costs calls of the teacher, and no agreement. After the block the
    alarm starts again and watches the other labels.

    Args:
        floor: agreement in [0, 1]; 0 blocks no label.
        delta: level of the refutation, shared by all labels.
    """
    if floor <= 0.0 or evidence.is_silence or not evidence.labels:
        return None
    share = delta / len(evidence.labels)
    refuted = [label for label, counts in evidence.labels.items() if counts.refutes(floor, share)]
    if len(refuted) != 1:
        return None
    others = total(counts for label, counts in evidence.labels.items() if label != refuted[0])
    enough = others.audits >= fewest_trials(evidence.target, delta)
    return refuted[0] if enough and others.agreements >= evidence.target * others.audits else None
