"""Of each version is said what it promised and proved, who moved it and why; of each refusal, why."""

from typing import Any

import pytest

from models.certificate import Certificate
from models.study import CandidateResult
from schemas.config import Config
from streams.certify.status import CertificateStatus
from streams.dashboard.versions.versions_view import VersionFacts, versions_view
from streams.versions.lifecycle import Transition, VersionStage
from streams.versions.promotion import PromotionPlan
from streams.versions.serving_state import ActiveVersion, Candidate, Pin, ServingState
from tests.streams.fakes import manifest

LIVE, REFUSED, RETIRED, SHADOW = (
    VersionStage.LIVE,
    VersionStage.REFUSED,
    VersionStage.RETIRED,
    VersionStage.SHADOW,
)
HISTORY = (
    Transition("v1", None, LIVE, 10, "trainer", "first"),
    Transition("v2", None, REFUSED, 20, "trainer", "agreement below .95"),
    Transition("v2", REFUSED, LIVE, 30, "trainer", "better"),
    Transition("v1", LIVE, RETIRED, 30, "trainer", "v2 went live"),
    Transition("v3", None, SHADOW, 40, "trainer", "on trial"),
    Transition("v4", None, REFUSED, 50, "trainer", "it fails 1 case of the task's battery"),
)
CONFIG = Config(target_agreement=0.95)


def facts(**given: Any) -> VersionFacts:
    fields: dict[str, Any] = {
        "state": ServingState(active=ActiveVersion("v2", 1, 30)),
        "history": HISTORY,
        "kept": ("v1", "v2", "v3"),
        "manifests": {
            name: manifest(version=name, created_at=at, parent=parent)
            for name, at, parent in (("v1", 9, None), ("v2", 29, "v1"), ("v3", 39, "v2"))
        },
        "audits": {"v2": CertificateStatus(audits=80, agreements=79, bound=0.93)},
    }
    return VersionFacts(**(fields | given))


def test_versions_are_told_newest_first_with_what_they_promise_and_prove() -> None:
    view = versions_view(facts(), CONFIG)
    assert [(row.version, row.stage, row.parent) for row in view.rows] == [
        ("v3", "shadow", "v2"),
        ("v2", "live", "v1"),
        ("v1", "retired", None),
    ]
    row = view.rows[1]
    assert (row.audits, row.agreements, row.proven, row.by, row.reason) == (80, 79, 0.93, "trainer", "better")
    assert (row.threshold, row.coverage, row.kept) == (0.7, 0.6, True)
    assert [(point.target, point.coverage) for point in row.frontier] == [(0.9, 0.8), (0.95, 0.6)]


def test_refusals_are_told_newest_first_with_their_reasons() -> None:
    refusals = versions_view(facts(), CONFIG).refusals
    assert [(one.version, one.reason) for one in refusals] == [
        ("attempt at v4", "it fails 1 case of the task's battery"),
        ("attempt at v2", "agreement below .95"),
    ]


def test_a_trial_that_failed_is_a_version_and_a_refusal() -> None:
    failed = Transition("v3", SHADOW, REFUSED, 60, "certify", "40 of 60 answers on trial agree")
    view = versions_view(facts(history=(*HISTORY, failed)), CONFIG)
    assert (view.rows[0].version, view.rows[0].stage) == ("v3", "refused")
    assert view.refusals[0].version == "v3"


def test_a_version_whose_files_are_gone_is_still_told() -> None:
    view = versions_view(facts(kept=("v3",), manifests={}), CONFIG)
    assert {row.version: (row.kept, row.traces, row.frontier) for row in view.rows} == {
        "v3": (True, None, ()),
        "v2": (False, None, ()),
        "v1": (False, None, ()),
    }


@pytest.mark.parametrize(
    ("plan", "trial", "said"),
    [
        (
            PromotionPlan(SHADOW, 0.0, 200),
            Certificate(50, 49),
            "It is scored beside the live version, and answers nothing: 50 of 200 answers are checked, of",
        ),
        (
            PromotionPlan(VersionStage.CANARY, 0.1, 59),
            Certificate(),
            "It answers 10% of the requests: 0 of 59",
        ),
        (PromotionPlan(SHADOW), Certificate(), "until the pin is lifted"),
        (PromotionPlan(VersionStage.APPROVAL), Certificate(), "It waits for a person's approval"),
    ],
)
def test_a_candidate_says_what_it_waits_for(plan: PromotionPlan, trial: Certificate, said: str) -> None:
    state = ServingState(candidate=Candidate("v3", plan, 1, 40), pin=Pin(41, "holidays", "ann"))
    view = versions_view(facts(state=state, trial=trial), CONFIG)
    assert view.candidate is not None
    assert said in view.candidate.sentence
    assert view.pinned == "holidays (ann)"


def test_models_that_were_tried_are_told() -> None:
    tried = CandidateResult("logistic", "boosted", "global", 0.9, 0.2, {}, 1.0, "chosen")
    view = versions_view(facts(manifests={"v2": manifest(version="v2", trials=(tried,))}), CONFIG)
    assert [row.trials for row in view.rows if row.version == "v2"] == [[("logistic", "boosted", "chosen")]]
