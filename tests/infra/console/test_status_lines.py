"""Lines of status name the state, what audits prove, and one thing to do next."""

from dataclasses import replace
from datetime import datetime

import pytest

from infra.console.status_lines import backlog_sentence, oldest_sentences, task_lines, without_policy_lines
from infra.serve.backlog import Backlog
from infra.serve.traffic import TaskTraffic
from streams.sampling import RateReason
from streams.status.sentences import age, audit_sentence, certificate_sentence, local_time, service_sentence
from tests.streams.status.statuses import STATUS

TRAFFIC = TaskTraffic(seconds=600, labels=1_200, answered=600, audited=12, errors=0)


def test_status_says_what_matters() -> None:
    lines = list(task_lines(STATUS, TRAFFIC, 0.001, currency="€", delta=0.05, spending="2 calls"))
    assert lines == [
        "shop",
        (
            f"  answers     v7 since {local_time(STATUS.since)}, fitted on 1,200 traces; "
            "threshold 0.7000 (passed the gate); expected coverage 62%"
        ),
        "  traffic     1,200 labels in the last 600 s (2 a second); coverage 50.0%; no errors",
        "  money       about €84.67 saved a day at €0.001 a call and at this rate",
        "  today       2 calls",
        (
            "  certificate certified: 390 of 400 audits agree, which proves an agreement of at least 95.3% "
            f"of what v7 has answered until {local_time(STATUS.until)}; the target is 90.0%"
        ),
        (
            "  service     certified: 1,170 of 1,200 audits of all versions agree, which proves an agreement "
            f"of at least 96.2% of all answers until {local_time(STATUS.service.until)}"
        ),
        "              (averages in which each answer weighs as much as the audit rate at its time)",
        "  audits      0.02 of the requests, as configured",
        "  next        nothing",
    ]


def test_a_repaired_teacher_is_no_next_thing_to_do() -> None:
    failed = replace(TRAFFIC, errors=1, last_error="no connection", is_failing=True)
    steps = [
        list(task_lines(STATUS, traffic, None, "€", 0.05, "2 calls"))
        for traffic in (failed, replace(failed, is_failing=False))
    ]
    assert steps[0][-1].startswith("  next        see why the teacher failed (the last error above)")
    assert steps[1][-1] == "  next        nothing"
    assert all("1 error, the last: no connection" in "\n".join(lines) for lines in steps)


def test_a_teacher_that_owes_a_reply_is_the_next_thing_to_do_without_traffic_too() -> None:
    for traffic in (TRAFFIC, None):
        *_, next_line = task_lines(STATUS, traffic, None, "€", 0.05, "2 calls", waits=90.0)
        assert next_line.endswith("it has owed a reply for 1 min 30 s")


def test_an_encoder_that_can_not_be_used_is_named_and_is_the_next_thing_to_do() -> None:
    lines = list(task_lines(STATUS, TRAFFIC, None, "€", 0.05, "2 calls", encoders=["`onnx:/m` can't ..."]))
    assert "  encoder     `onnx:/m` can't ..." in lines
    assert lines[-1].startswith("  next        make the encoder usable again")
    paused = replace(STATUS, paused=True)
    *_, next_line = task_lines(paused, None, None, "€", 0.05, "2 calls", encoders=["`onnx:/m` can't ..."])
    assert "paused=false" in next_line
    without = list(without_policy_lines("shop", "no traces", None, "wait", "2 calls", encoders=["gone"]))
    assert "  encoder     gone" in without


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (
            {"audit_rate": 0.05, "audit_reason": RateReason.UNCERTIFIED},
            "0.05 of the requests, until the version",
        ),
        (
            {"audit_rate": 0.2, "audit_reason": RateReason.FEW_TRACES, "certifying": 1_234},
            "0.2 of the requests, until 4,000 traces may certify a refit (1,234 now)",
        ),
        (
            {"certifying": 120},
            "0.02 of the requests, as configured; a refit waits until 200 traces may certify it",
        ),
        (
            {"audit_rate": 0.2, "audit_reason": RateReason.NEW_LABELS},
            "0.2 of the requests, until a refit has learned the new labels",
        ),
        ({"certifying": None}, "as configured; no trainer says how many traces may certify a refit"),
    ],
)
def test_the_audit_rate_comes_with_its_reason(change: dict[str, object], says: str) -> None:
    assert says in audit_sentence(replace(STATUS, **change))  # type: ignore[arg-type]


def test_dates_are_local_and_iso() -> None:
    shown = local_time(1_700_000_000_000)
    assert datetime.fromisoformat(shown).timestamp() == 1_700_000_000


def test_silence_failure_and_disagreement_are_told_apart() -> None:
    quiet = replace(
        STATUS,
        certified=False,
        suspended="41 audits unanswered for more than 1 h, 23 audits failed",
        pending=50,
        overdue=41,
        silent=7,
        failed=23,
    )
    text = "\n".join(task_lines(quiet, TRAFFIC, None, "€", 0.05, "2 calls"))
    for sentence in (
        "suspended: 41 audits unanswered for more than 1 h, 23 audits failed; 390 of 400 audits agree",
        "50 audits have no reply yet; 41 overdue ones count against the claim, and the teacher has passed 7",
        "failed audits: 23 of 473, which count against the claim",
    ):
        assert sentence in text


def test_one_of_a_kind_is_no_plural() -> None:
    alone = replace(
        STATUS, traces=1, audits=1, agreements=1, pending=1, overdue=1, failed=1, lost=1, certified=False
    )
    text = "\n".join(task_lines(alone, replace(TRAFFIC, labels=1, guessed=1), None, "€", 0.05, "1 call"))
    for sentence in (
        "fitted on 1 trace;",
        "1 of 1 audit agrees, which proves",
        "1 guess outside the guarantee",
        "1 audit has no reply yet; 1 overdue one counts against the claim",
        "failed audits: 1 of 4, which counts against the claim",
        "1 audit was given up, and counts against the claim",
    ):
        assert sentence in text
    assert backlog_sentence(Backlog(1, 1, 1, encodings=1)) == (
        "backlog: 1 request waits for `route`, 1 deferral and 1 audit for `teacher`; "
        "1 text waits for `encode`"
    )


def test_an_unread_topic_is_unknown() -> None:
    assert backlog_sentence(Backlog(1_500, None)) == (
        "backlog: 1,500 requests wait for `route`, ? deferrals and 0 audits for `teacher` "
        "(unknown: no worker with the role teacher has read yet)"
    )


def test_what_the_teacher_has_put_off_is_said() -> None:
    sentence = backlog_sentence(Backlog(0, 2_000, 3, waiting=4_500))
    assert sentence.endswith("2,000 deferrals and 3 audits for `teacher`, which has put off 4,500 more")
    encoded = backlog_sentence(Backlog(0, 0, 0, encodings=1_200))
    assert encoded.endswith("0 audits for `teacher`; 1,200 texts wait for `encode`")


def test_the_oldest_deferrals_are_named_by_task() -> None:
    waiting = {"deferrals": {"slow": 0, **{f"t{number}": 90_000_000 for number in range(6)}}, "audits": {}}
    (sentence,) = oldest_sentences(Backlog(0, 7, 0, waiting), now=93_785_000)
    assert sentence == (
        "oldest deferrals: slow 1 d 2 h, t0 1 h 3 min, t1 1 h 3 min, t2 1 h 3 min, t3 1 h 3 min, "
        "and 2 more tasks"
    )
    assert [age(seconds) for seconds in (0.9, 59.9, 61)] == ["0 s", "59 s", "1 min 1 s"]


def test_missed_promises_are_named_with_both_numbers() -> None:
    missed = replace(STATUS, certified=False, bound=0.7, audits=400, agreements=310, high=0.84)
    traffic = replace(TRAFFIC, answered=120, since=STATUS.since)
    text = "\n".join(task_lines(missed, traffic, None, "€", 0.05, "2 calls"))
    assert "promise missed: 310 of 400 audits agree, which proves at most 84.0%; the target is 90.0%" in text
    assert (
        "promise missed: of the last 1,200 requests, the surrogate answers 10.0% of the requests, and its "
        "fit promised 62.0%"
    ) in text
    for status, labels in (
        (STATUS, replace(TRAFFIC, answered=720, since=STATUS.since)),
        (replace(STATUS, since=STATUS.since + 1), traffic),
        (replace(STATUS, paused=True), traffic),
    ):
        assert "promise missed" not in "\n".join(task_lines(status, labels, None, "€", 0.05, "2 calls"))


def test_changed_labels_are_named() -> None:
    labels = tuple(f"l{number}" for number in range(7))
    status = replace(STATUS, certified=False, new_labels=("added",), removed_labels=labels)
    assert certificate_sentence(status) == "suspended: labels that v7 can't know were added: added"
    service = replace(STATUS.service, certified=False)
    assert service_sentence(replace(status, service=service)).startswith("suspended: 1,170 of 1,200 audits")
    lines = list(task_lines(status, TRAFFIC, None, "USD", 0.05, "2 calls"))
    (removed,) = [line for line in lines if "the teacher may not give them" in line]
    assert removed.endswith(": l0, l1, l2, l3, l4 and 2 more")
    off = list(task_lines(replace(STATUS, never_answer=labels[:1]), TRAFFIC, None, "USD", 0.05, "2 calls"))
    assert [line for line in off if "switched them off: l0 (audits from before that still count" in line]
