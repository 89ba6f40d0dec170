"""Effects of a config change: what each task answers then, and which guarantee a setting takes away."""

from collections.abc import Iterator, Mapping

from models.manifest import Manifest
from schemas.config import Config, Override, config_of
from streams.label_set import LabelSet
from streams.sampling import SamplingState, audit_rate
from streams.status.expected_coverage import expected_coverage


def answer_effects(
    manifests: Mapping[str, Manifest], before: Mapping[str, Override], after: Mapping[str, Override]
) -> Iterator[str]:
    """What each task answers then, in sentences that begin with its name.

    Args:
        manifests: of the live version of each task.
    """
    yield from coverage_effects(manifests, before, after)
    for task, manifest in manifests.items():
        for sentence in switched_off_effects(manifest, config_of(task, before), config_of(task, after)):
            yield f"{task}: {sentence}"


def coverage_effects(
    manifests: Mapping[str, Manifest], before: Mapping[str, Override], after: Mapping[str, Override]
) -> Iterator[str]:
    """For each task whose expected coverage changes, a sentence with both."""
    for task, manifest in manifests.items():
        old, new = (expected_coverage(manifest, config_of(task, overrides)) for overrides in (before, after))
        if new is None:
            yield f"{task}: how many requests {manifest.version} answers at this threshold is not known"
        elif old != new:
            was = "" if old is None else f" (before: {old:.0%})"
            yield f"{task}: {manifest.version} should now answer about {new:.0%} of the requests{was}"


def switched_off_effects(manifest: Manifest, before: Config, after: Config) -> Iterator[str]:
    """What further labels that are switched off take away, and how good the rest is.

    The gate has tested all answers together. Without labels that do well the others may miss the target.
    """
    current = LabelSet.of(after.teacher).current
    were_off = {current(label) for label in before.never_answer}
    off = {current(label) for label in after.never_answer}
    answered = [stats for stats in manifest.accounts if current(stats.label) not in were_off]
    rest = [stats for stats in answered if current(stats.label) not in off]
    before_all, left = (sum(stats.answered for stats in some) for some in (answered, rest))
    if left == before_all:
        return
    yield f"about {1.0 - left / before_all:.1%} of what {manifest.version} answers goes to the teacher then"
    yield "audits of answers up to now still count: the certificate is about all that was answered"
    agreed = sum(stats.agreements for stats in rest)
    if agreed < after.target_agreement * left:
        yield (
            f"warning: of what it goes on to answer, {agreed:,} of {left:,} agreed when the gate tested its "
            f"lowest threshold, less than {after.target_agreement:.1%}: audits and the alarm have to tell"
        )


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
