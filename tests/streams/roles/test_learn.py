"""Each request gets one label from its first reply; audits and errors leave no second one."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from schemas.messages import Guess, Label, Reason, Reply, Request, Teacher, Trace
from streams.roles.learn import Learner
from streams.state.replies import Place, Replies
from tests.streams.building import (
    CARRIED,
    TOPICS,
    deferral,
    labels,
    message,
    reasons,
    to,
    traces,
)

NOW = 9000
TEACHER = Teacher("m", "hash")


class Remembered(Replies):
    """What Redis would remember, in a dict."""

    def __init__(self) -> None:
        self.seen: dict[tuple[str, str], Place] = {}

    async def first(self, places: Sequence[Place]) -> list[bool]:
        return [self.seen.setdefault((place.task, place.request), place) == place for place in places]


async def test_a_teacher_s_label_answers_the_client_and_becomes_a_trace() -> None:
    asked = deferral(features=b"\0\0\x80?", encoder="m:1")
    out = await Learner(TOPICS, Remembered()).learned([message(Reply(asked, "no", TEACHER))], NOW)
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


async def test_an_audit_s_reply_makes_a_trace_and_no_second_label() -> None:
    shadow = Guess("yes", 0.75, 0.25, "v2")
    asked = deferral(audit=True, reason=Reason.AUDIT, inclusion=0.02, shadow=shadow)
    reply = Reply(asked, "no", TEACHER)
    out = await Learner(TOPICS, Remembered()).learned([message(reply)], NOW)
    (trace,) = traces(out)
    assert (trace.audit, trace.sampled, trace.label, trace.reason) == (True, True, "no", Reason.AUDIT)
    assert (trace.inclusion, trace.shadow) == (0.02, shadow)
    assert len(out) == 1


async def test_a_failed_teacher_gives_an_error_label_and_a_dead_letter_but_no_trace() -> None:
    reply = Reply(deferral(), error="no answer in 30 s")
    out = await Learner(TOPICS, Remembered()).learned([message(reply)], NOW)
    (label,) = labels(out)
    assert (label.label, label.source, label.error) == (None, "error", "no answer in 30 s")
    assert reasons(out) == ["no answer in 30 s"]
    assert traces(out) == []
    failed_audit = message(Reply(deferral("r2", audit=True), error="gone"))
    out = await Learner(TOPICS, Remembered()).learned([failed_audit], NOW)
    assert (reasons(out), len(out)) == (["gone"], 1), "the client of an audit has its answer already"


async def test_traces_keep_the_vector_however_it_came() -> None:
    packed = np.array([1, 2], "<f4").tobytes()
    asked = [
        deferral("embedded", features=packed),
        deferral("bytes", request=Request("bytes", "t", embedding=packed)),
        deferral("list", request=Request("list", "t", embedding=[1.0, 2.0])),
        deferral("text"),
    ]
    messages = [message(Reply(one, "no"), offset=place) for place, one in enumerate(asked)]
    out = await Learner(TOPICS, Remembered()).learned(messages, NOW)
    assert [trace.features for trace in traces(out)] == [packed, packed, packed, None]


_replies = st.builds(
    lambda request, audit, label: Reply(
        deferral(request, audit=audit), label=label, error=None if label else "failed"
    ),
    st.sampled_from(["a", "b", "c"]),
    st.booleans(),
    st.sampled_from(["yes", None]),
)


@given(st.lists(st.tuples(_replies | st.just(b"{}"), st.booleans()), max_size=12))
async def test_each_request_gets_one_label_however_often_it_is_replied_to_and_batches_are_repeated(
    sent: list[tuple[Reply | bytes, bool]],
) -> None:
    learner = Learner(TOPICS, Remembered())
    batches = [[message(reply, offset=place)] for place, (reply, _) in enumerate(sent)]
    out = []
    for batch, (_, aborted) in zip(batches, sent, strict=True):
        found = await learner.learned(batch, NOW)
        if aborted:  # the transaction did not commit: the batch is read again
            assert await learner.learned(batch, NOW) == found
        out += found
    firsts = dict[str, Reply]()
    for reply, _ in sent:
        if isinstance(reply, Reply):
            firsts.setdefault(reply.deferral.request.id, reply)
    asked = [request for request, reply in firsts.items() if not reply.deferral.audit]
    assert sorted(label.id for label in labels(out)) == sorted(asked)
    learned = [request for request, reply in firsts.items() if reply.label]
    assert sorted(trace.id for trace in traces(out)) == sorted(learned)
    unread = sum(reply == b"{}" for reply, _ in sent)
    assert len(to(out, TOPICS.dead_letters)) == unread + len(firsts) - len(learned)
