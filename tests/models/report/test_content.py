"""Figures of a report are those that can be counted by hand."""

import csv
import io
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET

from models import binomial
from models.evaluate import evaluate
from models.fit import FitResult
from models.gate.labels import label_stats
from models.manifest import FrontierPoint, LabelSource
from models.policy import Policy
from models.report import content
from models.report.boundary import boundary
from models.report.breakdown import TENTHS, apportion, percentages
from models.report.changes import Fact, TargetChange, changes, comparison_side
from models.report.decisions import decide
from models.report.disagreements import COLUMNS, disagreements_csv
from models.report.examples import groups, shorten
from models.report.flow import flow
from models.report.frontier import observed_line, steps
from models.report.reliability import calibration_error, reliability
from models.report.rescored import rescore
from models.report.tiers import tiers_of
from models.study import LabelStats
from tests.models.conftest import DRAWS, TIERS

from .subjects import complete, manifest, point, study, subject, summary

EIGHT = study(
    [0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.99, 0.95],
    [True, True, False, True, False, True, True, True],
    novel=(5, 6),
    blocked=(4,),
    unsampled=(7,),
)


def test_each_sampled_trace_goes_one_way() -> None:
    result = flow(EIGHT, 0.7)
    assert (result.total, result.answered, result.agreements) == (7, 3, 2)
    assert (result.low_score, result.novel, result.blocked) == (1, 2, 1)
    refused = flow(EIGHT, None)
    assert (refused.total, refused.answered, refused.certified) == (7, 0, False)
    assert not decide(EIGHT, None).answered.any()


def test_each_tier_has_its_share_at_each_target() -> None:
    tiered = replace(EIGHT, tiers=("text", "onnx:/m"), decided_by=np.array([0, 1, 1, 1, 0, 0, 0, 0]))
    points = (point(0.9, 0.5, threshold=0.6), point(0.95, 0.4, threshold=0.75))
    found = tiers_of(tiered, points)
    assert found is not None
    low, high = found.points
    assert [(share.answered, share.agreement) for share in low.shares] == [(1 / 7, 1.0), (3 / 7, 2 / 3)]
    assert low.left == pytest.approx(3 / 7)
    assert [(share.answered, share.agreement) for share in high.shares] == [(1 / 7, 1.0), (1 / 7, 1.0)]
    assert (tiers_of(EIGHT, points), tiers_of(replace(tiered, tiers=()), points)) == (None, None)


@pytest.mark.parametrize("spec", ["text>precomputed", TIERS])
def test_a_rescored_cascade_says_which_tier_decides(results: dict[str, FitResult], spec: str) -> None:
    artifact = results[spec].artifact
    assert artifact is not None
    features, labels = DRAWS[spec](300, 7)
    studied = rescore(
        Policy.open(artifact.manifest, artifact.graph), features, labels, np.ones(300, dtype=np.bool_)
    )
    found = tiers_of(studied, results[spec].summary.frontier)
    assert found is not None
    assert found.names == tuple(spec.split(">"))
    assert all(share.answered > 0 for each in found.points[:1] for share in each.shares)


def test_a_manifest_says_what_each_tier_answers(results: dict[str, FitResult]) -> None:
    for point_ in results[TIERS].summary.frontier:
        assert point_.tiers is not UNSET
        assert sum(point_.tiers) == pytest.approx(point_.coverage, abs=0.01)
    assert {point_.tiers for point_ in results["text>precomputed"].summary.frontier} == {UNSET}


def test_the_observed_line_takes_ties_together() -> None:
    scores = [0.9] * 15 + [0.8] * 10 + [0.7] * 15
    agrees = [True] * 20 + [False] * 20
    assert observed_line(study(scores, agrees)) == ((25 / 40, 20 / 25), (1.0, 20 / 40))
    assert observed_line(study([0.9] * 3, [True] * 3)) == ()


def test_the_region_steps_down_at_each_target() -> None:
    points = (point(0.8, 0.9), point(0.85, 0.5), point(0.9, 0.6), point(0.95, 0.4))
    assert steps(points) == ((0.0, 0.95), (0.4, 0.95), (0.4, 0.9), (0.6, 0.9), (0.6, 0.8), (0.9, 0.8))
    assert steps(()) == ()


def test_reliability_has_exact_bounds() -> None:
    low, high = reliability(study([0.11, 0.19, 0.99, 1.0, 1.0], [False, True, True, True, True]))
    assert (low.begin, low.end, low.rows, low.agreement) == (0.1, 0.2, 2, 0.5)
    assert low.score == pytest.approx(0.15)
    assert (low.low, low.high) == (binomial.lower(1, 2, 0.025), binomial.upper(1, 2, 0.025))
    assert (high.begin, high.rows, high.agreement, high.high) == (0.98, 3, 1.0, 1.0)
    error = calibration_error((low, high))
    assert error == pytest.approx((2 * 0.35 + 3 * (1 - 2.99 / 3)) / 5, abs=1e-6)


def test_boundary_pairs_are_similar_not_equal() -> None:
    texts = ["where is my parcel", "give me a refund", "Where is  my parcel", "where is my parcel now", " "]
    pairs = boundary(study([0.9, 0.8, 0.4, 0.3, 0.2], [True] * 5), texts, 0.5)
    read = [(pair.answered.text, pair.deferred.text) for pair in pairs]
    assert read[0] == ("where is my parcel", "where is my parcel now")
    assert len(read) == len({answered for answered, _ in read}) == len({text for _, text in read})
    assert all(0 < pair.similarity <= 1.0001 for pair in pairs)
    assert boundary(study([0.9], [True]), ["alone"], 0.5) == ()


def test_examples_show_no_text_twice() -> None:
    texts = ["a", "a", "c", "d", "e", "f", "g", "h"]
    result = {group.title: group for group in groups(EIGHT, texts, 0.7)}
    surest = result["Answered, most certain"]
    assert surest.rows == 4
    assert [one.text for one in surest.examples] == ["h", "a", "c"]
    assert [one.text for one in result["Answered, and the teacher says otherwise"].examples] == ["c"]
    assert [one.text for one in result["Deferred as novel"].examples] == ["f", "g"]
    assert [one.text for one in result["Deferred, its label is blocked"].examples] == ["e"]
    refused = {group.title for group in groups(EIGHT, texts, None)}
    assert "Most certain, and the teacher says otherwise" in refused
    assert not [title for title in refused if title.startswith("Answered")]


def test_long_and_broken_texts_are_shortened() -> None:
    assert shorten("x" * 100_000, 10) == "x" * 9 + "…"
    assert shorten("\ud800\0ok", 10) == "?\ufffdok"


def test_a_version_is_compared_with_its_parent() -> None:
    parent = manifest("v1", labels=("a", "b"), blocked=("a",), traces=50, frontier=(point(0.9, 0.25),))
    after = manifest(
        "v2", labels=("b", "c"), blocked=("c",), teachers=(LabelSource("gpt", "0123456789"),), traces=100
    )
    result = changes(parent, comparison_side(after))
    assert result.targets == (TargetChange(0.95, None, 0.5), TargetChange(0.9, 0.25, 0.75))
    assert result.facts == (
        Fact("Traces", "50", "100"),
        Fact("Teachers", "not recorded", "gpt (prompt 01234567)"),
    )
    assert (result.added, result.lost, result.blocked, result.freed) == (("c",), ("a",), ("c",), ("a",))


def test_the_lowest_passed_target_is_shown() -> None:
    frontier = (point(0.9, 0.75), point(0.96, 0.5, 0.8))
    page_content = content(subject(EIGHT, None, summary=summary(frontier=frontier), targets=(0.99, 0.95)))
    assert page_content.point == FrontierPoint(0.96, 0.8, 0.5, 0.96)
    assert [(each.target, each.point is None) for each in page_content.asked] == [(0.95, False), (0.99, True)]
    assert page_content.cost is not None
    assert (page_content.cost.target, page_content.cost.saving.answered) == (0.96, 50_000)
    refused = content(subject(EIGHT, None, summary=summary(refused=("no",)), manifest=None, targets=(0.99,)))
    assert (refused.point, refused.cost, refused.pairs, refused.examples) == (None, None, (), ())
    assert refused.frontier.points


def test_label_stats_count_what_is_guessed() -> None:
    address, refund, track = label_stats(EIGHT, 0.7, {"address": "why"})
    assert (address.traces, address.answered, address.blocked) == (0, 0, "why")
    assert (refund.traces, refund.answered, refund.agreements, refund.confused_with) == (0, 1, 0, "track")
    assert (track.traces, track.answered, track.agreements, track.confused_with) == (8, 2, 2, None)
    assert (track.low, track.high) == (binomial.lower(2, 2, 0.025), 1.0)
    assert [each.answered for each in label_stats(EIGHT, None, {})] == [0, 0, 0]
    mixed = replace(EIGHT, codes=np.array([0, 0, 0, 1, 1, 2, 2, 2]), guesses=np.full(8, 2))
    assert label_stats(mixed, None, {})[2].confused_with == "address"


def test_of_unanswered_labels_the_largest_are_shown() -> None:
    stats = tuple(LabelStats(f"label {place}", place, 0, 0, 0.0, 1.0) for place in range(1200))
    page_content = content(subject(study([0.9], [True], label_stats=stats), None))
    assert (page_content.all_labels, len(page_content.labels)) == (1200, 1000)
    assert [each.traces for each in page_content.labels[:2]] == [1199, 1198]


def test_texts_of_other_traces_are_refused() -> None:
    with pytest.raises(ValueError, match="8 traces but 1 texts"):
        subject(EIGHT, ["alone"])


def test_a_complete_report_fills_every_section() -> None:
    page_content = content(complete())
    for section in ("flow", "frontier", "reliability", "labels", "pairs", "examples", "changes", "curve"):
        assert getattr(page_content, section), section
    assert page_content.trials
    assert page_content.noise
    assert page_content.cost
    assert [each.traces for each in page_content.labels] == [30, 66, 4]


def test_rescored_rows_are_counted_as_by_evaluate(embedder: str, policy: Policy) -> None:
    features, labels = DRAWS[embedder](300, 7)
    labels[0] = "never heard of"
    judged = evaluate(policy, features, labels, [0.9]).targets[0]
    result = rescore(policy, features, labels, np.ones(300, dtype=np.bool_))
    counted = flow(result, judged.threshold)
    assert counted.answered / counted.total == judged.coverage
    assert counted.agreements / counted.answered == judged.agreement


@given(st.lists(st.integers(0, 10**7), min_size=1, max_size=12).filter(any))
def test_parts_of_a_breakdown_sum_to_the_whole(counts: list[int]) -> None:
    parts = apportion(counts)
    assert sum(parts) == TENTHS
    for part, count in zip(parts, counts, strict=True):
        assert abs(part - TENTHS * count / sum(counts)) < 1


def test_percentages_sum_to_100() -> None:
    thirds = percentages([1, 1, 1])
    assert thirds == ["33.4\xa0%", "33.3\xa0%", "33.3\xa0%"]
    assert percentages([99_999, 1, 0]) == [">99.9\xa0%", "<0.1\xa0%", "0.0\xa0%"]
    assert percentages([7]) == ["100.0\xa0%"]
    assert percentages([0, 0]) == ["0.0\xa0%", "0.0\xa0%"]


def test_the_worst_labels_come_first() -> None:
    stats = (
        LabelStats("good", 100, 100, 99, 0.945, 0.999),
        LabelStats("never answered", 500, 0, 0, 0.0, 1.0),
        LabelStats("few", 3, 2, 0, 0.0, 0.842),
        LabelStats("bad", 80, 80, 40, 0.386, 0.614),
        LabelStats("unlucky", 9, 4, 1, 0.006, 0.95),
    )
    page_content = content(subject(study([0.9], [True], label_stats=stats), None))
    assert page_content.point is not None
    assert page_content.point.target == 0.9
    assert page_content.below_target == {"few", "bad"}
    assert [each.label for each in page_content.labels] == ["few", "bad", "unlucky", "good", "never answered"]
    refused = subject(study([0.9], [True], label_stats=stats), None, summary=summary(refused=("no",)))
    assert content(refused).below_target == set()


def test_all_disagreements_are_in_the_csv() -> None:
    texts = ["a", "b", '=SUM(1,"2")', "d\ne", "f", "g", "h", "i"]
    scored = study([0.9, 0.8, 0.7, 0.6, 0.5, 0.4], [False, True, False, False, False, False], novel=(4,))
    rows = list(csv.reader(io.StringIO(disagreements_csv(scored, texts[:6], 0.7))))
    assert rows == [
        list(COLUMNS),
        ["1", "a", "track", "refund", "0.9000", "answered"],
        ["3", """'=SUM(1,"2")""", "track", "refund", "0.7000", "answered"],
        ["4", "d\ne", "track", "refund", "0.6000", "deferred: low score"],
        ["5", "f", "track", "refund", "0.5000", "deferred: novel"],
        ["6", "g", "track", "refund", "0.4000", "deferred: low score"],
    ]
    blocked = replace(scored, eligible=np.zeros(6, dtype=np.bool_), novelty=scored.novelty - 0.2)
    (_, first, *_) = csv.reader(io.StringIO(disagreements_csv(blocked, None, None)))
    assert (first[1], first[-1]) == ("", "deferred: label blocked")


def test_as_many_disagreements_are_told_as_listed() -> None:
    page_content = content(complete())
    assert page_content.disagreements_csv is not None
    rows = list(csv.reader(io.StringIO(page_content.disagreements_csv)))
    assert len(rows) - 1 == page_content.disagreements == 9
