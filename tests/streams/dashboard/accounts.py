"""Labels and versions of a task, as a page may have to show them: long names, hostile ones, and many."""

from models.certificate import Certificate
from models.manifest import FrontierPoint, Manifest
from models.study import CandidateResult, LabelStats
from schemas.config import Config
from schemas.messages import Guess
from streams.certify.status import CertificateStatus
from streams.dashboard.versions.labels_view import LabelFacts, LabelsView, labels_view
from streams.dashboard.versions.versions_view import VersionFacts, VersionsView, versions_view
from streams.label_set import LabelSet
from streams.versions.lifecycle import Transition, VersionStage
from streams.versions.promotion import PromotionPlan
from streams.versions.serving_state import ActiveVersion, Candidate, ServingState
from tests.streams.dashboard.asked import Asked, ScriptedAccounts, ScriptedTraces, ScriptedVersions, trace
from tests.streams.dashboard.scripted import BEGAN, HOSTILE
from tests.streams.fakes import ScriptedPolicy, manifest

HOUR = 3_600_000
CONFIG = Config(target_agreement=0.95)
STATS = (
    LabelStats("refund_not_showing_up", 412, 300, 291, 0.943, 0.986, confused_with="request_refund"),
    LabelStats("request_refund", 380, 280, 276, 0.963, 0.996, confused_with="refund_not_showing_up"),
    LabelStats("card_arrival", 510, 470, 468, 0.984, 0.999),
    LabelStats("rare_complaint", 3, 0, 0, 0.0, 1.0, blocked="fewer than 5 traces"),
    LabelStats(HOSTILE, 40, 20, 20, 0.83, 1.0),
)
COUNTS = {
    "refund_not_showing_up": Certificate(80, 71),
    "request_refund": Certificate(92, 90),
    "card_arrival": Certificate(168, 168),
}


def _manifest(version: str, at: int, parent: str | None, coverage: float) -> Manifest:
    points = tuple(
        FrontierPoint(target, 0.4 + target / 2, coverage - (target - 0.8) * 2.4, target + 0.004)
        for target in (0.8, 0.85, 0.9, 0.93, 0.95, 0.97)
    )
    trials = (
        CandidateResult("logistic regression on n-grams", "boosted", "global", 0.93, 0.2, {}, 4.0, "chosen"),
        CandidateResult("fastText", "top score", "global", 0.9, 0.3, {}, 2.0, "less coverage"),
    )
    return manifest(
        version=version,
        task="t",
        created_at=BEGAN + at * HOUR,
        parent=parent,
        frontier=points,
        traces=900 + 500 * at,
        labels=tuple(one.label for one in STATS),
        blocked=("rare_complaint",),
        accounts=STATS,
        trials=trials,
        surrogate="logistic regression on n-grams",
        acceptor="boosted trees",
    )


def labels() -> LabelsView:
    live = _manifest("v2", 1, "v1", 0.85)
    return labels_view(LabelFacts(live, LabelSet((), {}), COUNTS, frozenset({"refund_not_showing_up"}), ()))


def versions() -> VersionsView:
    stage = VersionStage
    history = (
        Transition("v1", None, stage.LIVE, BEGAN, "trainer", "fitted on 900 traces"),
        Transition("v1", stage.LIVE, stage.ROLLED_BACK, BEGAN + HOUR, "certify", "agreement fell below .95"),
        Transition("v2", None, stage.LIVE, BEGAN + HOUR, "ann", "it has passed our battery"),
        Transition("v3", None, stage.REFUSED, BEGAN + 2 * HOUR, "trainer", f"it fails the case {HOSTILE}"),
        Transition("v3", stage.REFUSED, stage.SHADOW, BEGAN + 3 * HOUR, "trainer", "on trial"),
    )
    state = ServingState(
        active=ActiveVersion("v2", 1, BEGAN + HOUR),
        candidate=Candidate("v3", PromotionPlan(stage.SHADOW, 0.0, 200), 2, BEGAN + 3 * HOUR),
    )
    manifests = {
        name: _manifest(name, at, parent, 0.8 + at / 20)
        for at, (name, parent) in enumerate((("v1", None), ("v2", "v1"), ("v3", "v2")))
    }
    audits = {
        "v1": CertificateStatus(audits=300, agreements=271, bound=0.871),
        "v2": CertificateStatus(audits=340, agreements=334, bound=0.957, certified=True),
    }
    trial = Certificate(83, 81)
    kept = ("v1", "v2", "v3")
    return versions_view(VersionFacts(state, history, kept, manifests, audits, trial), CONFIG)


def asked(task: str = "t") -> Asked:
    """With a policy, labels, versions and traces of a task."""
    live = ScriptedPolicy(version="v2")
    traces = [
        trace("r1", "no", task=task, text="yes 0.9 0.1", requested_at=BEGAN),
        trace(
            "r2", "no", task=task, text=HOSTILE * 20, guess=Guess("yes", 0.99, 0.1, "v2"), requested_at=BEGAN
        ),
        trace("r3", "yes", task=task, requested_at=BEGAN),
        trace("r4", "no", task=task, audit=False, text="yes 0.1 0.1", requested_at=BEGAN),
    ]
    made = Asked(
        versions=ScriptedVersions(live),
        traces=ScriptedTraces(list(traces)),
        accounts=ScriptedAccounts(labels(), versions()),
    )
    made.tasks.configure(task, made.tasks.overrides["t"])
    made.tasks.set_policy(task, live)
    return made
