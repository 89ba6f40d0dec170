"""Effects of a config change: what each task answers then, and which guarantee a setting takes away."""

from collections.abc import Iterator, Mapping

from models.manifest import Manifest
from schemas.config import Config, Override, config_of
from streams.label_set import LabelSet
from streams.sampling import SamplingState, audit_rate
from streams.status.expected_coverage import expected_coverage


def coverage_effects(
    manifests: Mapping[str, Manifest], before: Mapping[str, Override], after: Mapping[str, Override]
) -> Iterator[str]:
    """For each task whose expected coverage changes, a sentence with both.

    Args:
        manifests: of the live version of each task.
    """
    for task, manifest in manifests.items():
        old, new = (expected_coverage(manifest, config_of(task, overrides)) for overrides in (before, after))
        if new is None:
            yield f"{task}: how many requests {manifest.version} answers at this threshold is not known"
        elif old != new:
            was = "" if old is None else f" (before: {old:.0%})"
            yield f"{task}: {manifest.version} should now answer about {new:.0%} of the requests{was}"


def switched_off_effects(manifest: Manifest, before: Config, after: Config) -> Iterator[str]:
    """Which share of the answers goes to the teacher once further labels are switched off."""
    current = LabelSet.of(after.teacher).current
    off = {current(label) for label in after.never_answer} - {current(label) for label in before.never_answer}
    answered = {stats.label: stats.answered for stats in manifest.accounts}
    lost = sum(count for label, count in answered.items() if current(label) in off)
    if lost:
        share = lost / sum(answered.values())
        yield f"about {share:.1%} of what {manifest.version} answers goes to the teacher then"


def lost_guarantees(config: Config) -> Iterator[str]:
    """A sentence for each guarantee that a setting takes away."""
    uncertified, certified = (audit_rate(config, SamplingState(known)).rate for known in (False, True))
    if max(uncertified, certified) <= 0.0:
        yield "nothing is audited: no version gets a certificate, and no alarm stops one that disagrees"
    elif certified <= 0.0:
        yield "nothing is audited once a version is certified: no alarm stops it when it disagrees later"
    if config.threshold is not None:
        yield (
            "a threshold set by hand has not passed the gate: nothing is known of the agreement until audits "
            "prove it; `threshold=null` puts back the one that passed"
        )
    if config.chat.prompts:
        yield (
            "`chat.prompts`: the surrogate answers prompts that its version may not have learned from: what "
            "the gate has tested need not hold for them until audits prove it"
        )
    if config.label_floor <= 0.0:
        yield "label_floor=0: no label is blocked, however often the teacher disagrees with it"


def guarantee_warnings(before: Config, after: Config) -> Iterator[str]:
    """The guarantees that are lost with `after`; each says whether they were before."""
    known = set(lost_guarantees(before))
    for sentence in lost_guarantees(after):
        yield f"{'still: ' if sentence in known else 'warning: '}{sentence}"
