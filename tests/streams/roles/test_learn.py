"""Each request gets one label from its first reply; audits and errors leave no second one."""

from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np
import pytest
from confluent_kafka import Message
from hypothesis import given
from hypothesis import strategies as st

from schemas.codec import AUDIT_FAILURE
from schemas.config import parse_override
from schemas.messages import (
    Answer,
    AuditFailure,
    Deferral,
    Guess,
    Label,
    Reason,
    Reply,
    Request,
    Teacher,
    Trace,
)
from streams.kafka.batch import Outgoing
from streams.roles.learn import ReplyRecorder
from streams.sampling import Sampler
from streams.tasks import Tasks
from tests.streams.fakes import (
    CARRIED,
    TOPICS,
    RememberedReplies,
    deferral,
    deferrals,
    flat,
    labels,
    message,
    reasons,
    to,
    traces,
)

NOW = 9000
TEACHER = Teacher("m", "hash")


class Recorder(ReplyRecorder):
    async def outputs(self, messages: Sequence[Message], now: int) -> list[Outgoing]:
        return flat(await self.record_batch(messages, now))


def learner(**config: Any) -> Recorder:
    live = Tasks()
    live.configure("t", parse_override(msgspec.json.encode({"repeat_rate": 0.0, **config})))
    return Recorder(live, TOPICS, Sampler(b"key"), RememberedReplies())


async def test_a_reply_becomes_a_label_and_a_trace() -> None:
    asked = deferral(features=b"\0\0\x80?", encoder="m:1")
    out = await learner().outputs([message(Reply(asked, "no", TEACHER))], NOW)
    common: dict[str, Any] = {
        "id": "r1",
        "task": "t",
        "label": "no",
        "reason": Reason.LOW_SCORE,
        "requested_at": 5,
    }
    answer: dict[str, Any] = {
        "source": "teacher",
        "labelled_at": NOW,
        "score": 0.25,
        "policy": "v1",
        "metadata": {"a": "b"},
    }
    assert labels(out) == [Label(**common, **answer, threshold=0.75)]
    kept: dict[str, Any] = {
        "embedder": "text",
        "replied_at": 1000,
        "text": "hello",
        "guess": asked.guess,
        "teacher": TEACHER,
        "features": asked.features,
        "encoder": "m:1",
    }
    assert traces(out) == [Trace(**common, **kept, audit=False, sampled=True, threshold=0.75)]
    assert [(found.key, found.headers) for found in out] == [(b"key", CARRIED)] * 2


async def test_a_reply_from_the_future_came_just_now() -> None:
    """The clock of its sender is ahead; else all later traces would look old beside it."""
    ahead = message(Reply(deferral(), "no", TEACHER), timestamp=(1, NOW + 30 * 86_400_000))
    (found,) = traces(await learner().outputs([ahead], NOW))
    assert found.replied_at == NOW


async def test_a_client_gets_a_renamed_label_by_its_new_name() -> None:
    renamed = learner(teacher={"labels_renamed": {"no": "nein"}})
    out = await renamed.outputs([message(Reply(deferral(), "no", TEACHER))], NOW)
    assert [label.label for label in labels(out)] == ["nein"]
    assert [trace.label for trace in traces(out)] == ["no"], "as the teacher has said it"


async def test_an_audit_reply_becomes_a_trace_alone() -> None:
    shadow = Guess("yes", 0.75, 0.25, "v2")
    asked = deferral(audit=True, reason=Reason.AUDIT, inclusion=0.02, shadow=shadow)
    reply = Reply(asked, "no", TEACHER)
    out = await learner().outputs([message(reply)], NOW)
    (trace,) = traces(out)
    assert (trace.audit, trace.sampled, trace.label, trace.reason) == (True, True, "no", Reason.AUDIT)
    assert (trace.inclusion, trace.shadow) == (0.02, shadow)
    assert len(out) == 1


async def test_a_failed_reply_becomes_no_trace() -> None:
    reply = Reply(deferral(), error="no answer in 30 s")
    out = await learner().outputs([message(reply)], NOW)
    (label,) = labels(out)
    assert (label.label, label.source, label.error) == (None, "error", "no answer in 30 s")
    assert reasons(out) == ["no answer in 30 s"]
    assert traces(out) == []
    failed_audit = message(Reply(deferral("r2", audit=True), error="gone"))
    out = await learner().outputs([failed_audit], NOW)
    assert (reasons(out), len(out)) == (["gone"], 2), "the client of an audit has its answer already"


async def test_a_failed_audit_is_recorded_without_its_text() -> None:
    failed = Reply(deferral(audit=True), teacher=TEACHER, error="the model said 'my secret', no label\nmore")
    out = await learner().outputs([message(failed)], NOW)
    (record,) = [AUDIT_FAILURE.decode(one.value) for one in to(out, TOPICS.audit_failures)]
    assert record == AuditFailure("r1", "t", "v1", 5, 1000, "the model said '…', no label", TEACHER)
    assert len(reasons(out)) == 1
    unsampled = message(Reply(deferral("r2", audit=True, sampled=False), error="gone"))
    assert not to(await learner().outputs([unsampled], NOW), TOPICS.audit_failures)


async def test_traces_keep_the_vector_however_it_came() -> None:
    packed = np.array([1, 2], "<f4").tobytes()
    asked = [
        deferral("embedded", features=packed),
        deferral("bytes", request=Request("bytes", "t", embedding=packed)),
        deferral("list", request=Request("list", "t", embedding=[1.0, 2.0])),
        deferral("text"),
    ]
    messages = [message(Reply(one, "no"), offset=place) for place, one in enumerate(asked)]
    out = await learner().outputs(messages, NOW)
    assert [trace.features for trace in traces(out)] == [packed, packed, packed, None]


async def test_a_repeated_question_becomes_a_trace_alone() -> None:
    under_test = learner(repeat_rate=1.0)
    asked = deferral(audit=True, reason=Reason.AUDIT, shadow=Guess("yes", 0.75, 0.25, "v2"))
    out = await under_test.outputs([message(Reply(asked, "no", TEACHER))], NOW)
    (again,) = deferrals(out)
    assert (again.request, again.first, again.reason) == (asked.request, Answer("no", TEACHER), Reason.REPEAT)
    assert not again.audit
    assert not again.sampled
    assert (again.guess, again.shadow) == (None, None), "nothing here counts for a version"
    second = message(Reply(again, "yes", TEACHER), offset=7)
    out = await under_test.outputs([second], NOW)
    (trace,) = traces(out)
    assert (trace.label, trace.first, trace.sampled) == ("yes", Answer("no", TEACHER), False)
    assert len(out) == 1, "no label, and no third question"
    assert await under_test.outputs([second], NOW) == out, "a redelivered one counts again"
    assert await under_test.outputs([message(Reply(again, "maybe", TEACHER), offset=8)], NOW) == []


async def test_what_was_refused_at_a_ceiling_may_be_audited_later() -> None:
    """A client sends it again, and the same version answers then: that audit has its own reply."""
    asked = [deferral(audit=True, reason=reason) for reason in (Reason.BUDGET, Reason.AUDIT)]
    replies = [
        message(Reply(one, label="no"), topic=TOPICS.replies, offset=at) for at, one in enumerate(asked)
    ]
    out = await learner().outputs(replies, NOW)
    assert [trace.checks_answer for trace in traces(out)] == [False, True]


async def test_a_request_sent_again_is_audited_again() -> None:
    under_test = learner()
    asked = [
        deferral(),
        deferral(audit=True, reason=Reason.AUDIT),
        deferral(audit=True, reason=Reason.AUDIT, guess=Guess("yes", 0.9, 0.1, "v2")),
        deferral(),
    ]
    messages = [message(Reply(one, "no", TEACHER), offset=place) for place, one in enumerate(asked)]
    out = await under_test.outputs(messages, NOW)
    assert [trace.audit for trace in traces(out)] == [False, True, True]
    assert len(labels(out)) == 1, "an audit is no answer, and the same question has one answer"


async def test_a_failed_repeat_is_no_label() -> None:
    under_test = learner(repeat_rate=1.0)
    out = await under_test.outputs([message(Reply(deferral(), "no", TEACHER))], NOW)
    (again,) = deferrals(out)
    failed = message(Reply(again, error="no answer in 30 s"), offset=7)
    assert await under_test.outputs([failed], NOW) == []
    (other,) = deferrals(await under_test.outputs([message(Reply(deferral("r2"), "no"), offset=8)], NOW))
    cut = msgspec.structs.replace(other, first=None)
    out = await under_test.outputs([message(Reply(cut, "no"), offset=9)], NOW)
    assert reasons(out) == ["the deferral is not echoed whole: `first` is missing"]
    assert len(out) == 1


async def test_only_a_share_of_the_sample_is_repeated() -> None:
    under_test = learner(repeat_rate=0.25)
    asked = [deferral(f"r{place}", sampled=place % 2 == 0) for place in range(2_000)]
    messages = [message(Reply(one, "no", TEACHER), offset=place) for place, one in enumerate(asked)]
    again: list[Deferral] = deferrals(await under_test.outputs(messages, NOW))
    assert all(int(one.request.id[1:]) % 2 == 0 for one in again)
    assert 200 < len(again) < 300
    failed = [message(Reply(one, error="gone"), offset=5_000) for one in [deferral("x", sampled=True)]]
    assert deferrals(await learner(repeat_rate=1.0).outputs(failed, NOW)) == []
    others = [message(Reply(deferral("y", sampled=True, asked_by="gateway"), "no", TEACHER), offset=6_000)]
    assert deferrals(await learner(repeat_rate=1.0).outputs(others, NOW)) == []


async def test_an_error_claims_nothing_against_a_label() -> None:
    """The teacher was away: the client sends the id again, twice, and the second time it is answered."""
    under_test = learner()
    sent = [
        Reply(deferral(requested_at=5), error="away"),
        Reply(deferral(requested_at=5), error="away, and asked by another worker"),
        Reply(deferral(requested_at=7), error="still away"),
        Reply(deferral(requested_at=9), "no", TEACHER),
        Reply(deferral(requested_at=9), "yes", TEACHER),
        Reply(deferral(requested_at=11), error="away again"),
    ]
    messages = [message(reply, offset=place) for place, reply in enumerate(sent)]
    out = await under_test.outputs(messages, NOW)
    found = [(label.error or label.label, label.supersedes) for label in labels(out)]
    assert found == [("away", False), ("still away", False), ("no", True)]
    assert reasons(out) == ["away", "still away"]
    assert [trace.label for trace in traces(out)] == ["no"]
    assert await under_test.outputs(messages[3:], NOW) == out[4:], "its transaction was aborted"


async def test_a_refused_reply_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    under_test = learner()
    with caplog.at_level("DEBUG", "streams.roles.learn"):
        await under_test.outputs([message(Reply(deferral(), "no"), offset=place) for place in (1, 2)], NOW)
    (record,) = caplog.records
    assert "request='r1'" in record.getMessage()
    assert "offset=2" in record.getMessage()


async def test_an_audit_is_answered_after_an_error() -> None:
    under_test = learner()
    asked = deferral(audit=True, reason=Reason.AUDIT)
    failed = await under_test.outputs([message(Reply(asked, error="away"), offset=1)], NOW)
    out = await under_test.outputs([message(Reply(asked, "no", TEACHER), offset=2)], NOW)
    assert (labels(failed), labels(out)) == ([], [])
    assert [trace.label for trace in traces(out)] == ["no"]


_replies = st.builds(
    lambda request, audit, attempt, label: Reply(
        deferral(request, audit=audit, requested_at=attempt), label=label, error=None if label else "failed"
    ),
    st.sampled_from(["a", "b"]),
    st.booleans(),
    st.sampled_from([5, 7]),
    st.sampled_from(["yes", None]),
)


@given(st.lists(st.tuples(_replies | st.just(b"{}"), st.booleans()), max_size=16))
async def test_each_request_gets_one_label(
    sent: list[tuple[Reply | bytes, bool]],
) -> None:
    """And each attempt one error at most, none after the label."""
    under_test = learner()
    batches = [[message(reply, offset=place)] for place, (reply, _) in enumerate(sent)]
    out = []
    for batch, (_, aborted) in zip(batches, sent, strict=True):
        found = await under_test.outputs(batch, NOW)
        if aborted:  # the transaction did not commit: the batch is read again
            assert await under_test.outputs(batch, NOW) == found
        out += found
    labelled, failed = set[tuple[str, bool]](), set[tuple[str, bool, int]]()
    expected = []
    for reply in [reply for reply, _ in sent if isinstance(reply, Reply)]:
        asked = (reply.deferral.request.id, reply.deferral.audit)
        attempt = (*asked, reply.deferral.requested_at)
        if asked in labelled or (reply.label is None and attempt in failed):
            continue
        if reply.label is None:
            failed.add(attempt)
        else:
            labelled.add(asked)
        if not reply.deferral.audit:
            after = any(one[:2] == asked for one in failed)
            expected.append((asked[0], reply.label, reply.label is not None and after))
    assert [(label.id, label.label, label.supersedes) for label in labels(out)] == expected
    assert sorted(trace.id for trace in traces(out)) == sorted(request for request, _ in labelled)
    unread = sum(reply == b"{}" for reply, _ in sent)
    assert len(to(out, TOPICS.dead_letters)) == unread + len(failed)
