"""Labels view: what the fit and the audits of the live version say of each label that it can answer with."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

from msgspec import Struct

from models.certificate import Certificate
from models.manifest import Manifest
from models.study import LabelStats
from streams.dashboard.tasks.views import LabelRow, label_rows
from streams.label_set import LabelSet

MOST_LABELS = 1_000
_BY_AUDITS = "audits speak against it"
_BY_FIT = "the fit found it too weak"
_BY_OPERATOR = "an operator has switched it off"
_REMOVED = "it is no longer in `teacher.labels`"


class LabelAccount(Struct, frozen=True):
    """One label.

    Attributes:
        audits: of the live version's answers; None before the first with this label.
        traces: of the fit, to which the teacher gave it; None where the manifest does not say.
        fitted: answered ones of the gate's traces, and on how many of them the teacher agrees.
        low, high: exact bounds of that agreement, at a confidence of .95.
        blocked: why the version does not answer with it; empty where it may.
        confused_with: label that the teacher gives most often instead.
    """

    label: str
    audits: LabelRow | None = None
    traces: int | None = None
    fitted: tuple[int, int] = (0, 0)
    low: float | None = None
    high: float | None = None
    blocked: str = ""
    confused_with: str | None = None


class LabelsView(Struct, frozen=True):
    """Attributes:
    version: the live one; None without one.
    labels: those with most disagreements first, then blocked ones, then by traces.
    all_labels: how many there are.
    new_labels: labels that the teacher may give and the version can't know.
    never_answer: labels that an operator has switched off, by their names of today.
    as_set: the same as the config has them.
    may_change: who looks may switch them.
    """

    version: str | None = None
    labels: Sequence[LabelAccount] = ()
    all_labels: int = 0
    new_labels: Sequence[str] = ()
    never_answer: Sequence[str] = ()
    as_set: Sequence[str] = ()
    may_change: bool = False


@dataclass(frozen=True, slots=True)
class LabelFacts:
    """What is known of the live version's labels, by their names of today.

    Attributes:
        counts: of its audits, for each label that it gave.
        by_audits: labels that audits have blocked.
        never_answer: labels that an operator has switched off.
    """

    manifest: Manifest
    label_set: LabelSet
    counts: Mapping[str, Certificate]
    by_audits: Collection[str]
    new_labels: Sequence[str]
    never_answer: Sequence[str] = ()


def labels_view(facts: LabelFacts) -> LabelsView:
    """Takes half a millisecond for each label with audits."""
    manifest, current = facts.manifest, facts.label_set.current
    audits = {row.label: row for row in label_rows(_by_current_name(facts), frozenset(), MOST_LABELS)}
    stats = {current(one.label): one for one in manifest.accounts}
    reasons = _blocked(facts, stats)
    labels = dict.fromkeys([*map(current, manifest.labels), *stats, *audits])
    accounts = [_account(label, audits.get(label), stats.get(label), reasons, current) for label in labels]
    accounts.sort(key=_urgency)
    off = tuple(map(current, facts.never_answer))
    shown, new = accounts[:MOST_LABELS], tuple(facts.new_labels)
    return LabelsView(manifest.version, shown, len(accounts), new, off, as_set=facts.never_answer)


def _by_current_name(facts: LabelFacts) -> dict[str, Certificate]:
    """The counts of audits, of those before and after a label was renamed together."""
    counts = dict[str, Certificate]()
    for label, one in facts.counts.items():
        name = facts.label_set.current(label)
        known = counts.get(name, Certificate())
        counts[name] = Certificate(known.audits + one.audits, known.agreements + one.agreements)
    return counts


def _blocked(facts: LabelFacts, stats: Mapping[str, LabelStats]) -> dict[str, str]:
    """Why the version does not answer with a label, for those that it does not answer with."""
    current = facts.label_set.current
    by_fit = map(current, facts.manifest.blocked)
    reasons = {label: (stats[label].blocked if label in stats else None) or _BY_FIT for label in by_fit}
    reasons |= dict.fromkeys(map(current, facts.by_audits), _BY_AUDITS)
    reasons |= dict.fromkeys(map(current, facts.never_answer), _BY_OPERATOR)
    return reasons | dict.fromkeys(facts.label_set.removed_of(facts.manifest), _REMOVED)


def _account(
    label: str,
    audits: LabelRow | None,
    stats: LabelStats | None,
    blocked: Mapping[str, str],
    current: Callable[[str], str],
) -> LabelAccount:
    if stats is None:
        return LabelAccount(label, audits, blocked=blocked.get(label, ""))
    return LabelAccount(
        label,
        audits,
        traces=stats.traces,
        fitted=(stats.answered, stats.agreements),
        low=stats.low if stats.answered else None,
        high=stats.high if stats.answered else None,
        blocked=blocked.get(label, ""),
        confused_with=current(stats.confused_with) if stats.confused_with else None,
    )


def _urgency(account: LabelAccount) -> tuple[int, bool, int, str]:
    audits = account.audits
    disagreed = audits.audits - audits.agreements if audits else 0
    return -disagreed, not account.blocked, -(account.traces or 0), account.label
