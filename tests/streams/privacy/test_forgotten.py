"""What is to be forgotten stays forgotten; everything else, and what comes later, is used as before."""

import asyncio
from pathlib import Path

import msgspec

from models.artifact import Artifact
from models.manifest import Manifest
from schemas.messages import Forgotten, Guess
from schemas.redis_keys import Keys
from streams.privacy.forgotten import ForgottenRequests, forgotten_request
from streams.roles.forget import read_forgotten
from streams.roles.learn import ReplyRecorder
from streams.roles.trainer import Trainer
from streams.rollout.disk_cache import PolicyDiskCache
from streams.rollout.policy_remover import PolicyRemover
from streams.sampling import Sampler
from streams.state.connection import Connection
from streams.state.lease import Leases
from streams.state.refit_queue import RefitQueue
from streams.state.registry import Registry
from streams.tasks import CandidatePolicy, Tasks
from streams.trainer.window import TraceWindow
from streams.versions.breaker_state import Breaker, Safeguards
from tests.streams.fakes import (
    TOPICS,
    PublishedEvents,
    RememberedReplies,
    ScriptedPolicy,
    flat,
    labels,
    message,
    trace,
    traces,
)


def forgotten(*records: Forgotten) -> ForgottenRequests:
    found = ForgottenRequests()
    for record in records:
        found.add(record)
    return found


def test_a_request_is_forgotten_and_no_other() -> None:
    found = forgotten(forgotten_request("t", "r1", at=10))
    assert found.covers("t", "r1", 10)
    assert not found.covers("t", "r2", 10)
    assert not found.covers("other", "r1", 10)


def test_the_same_id_counts_when_it_comes_later() -> None:
    found = forgotten(forgotten_request("t", "r1", at=10), forgotten_request("t", "r1", at=5))
    assert found.covers("t", "r1", 10)
    assert not found.covers("t", "r1", 11)


def test_a_task_is_forgotten_up_to_a_time() -> None:
    found = forgotten(Forgotten("t", at=10))
    assert found.covers("t", "any", 10)
    assert not found.covers("t", "any", 11)
    assert not found.covers("other", "any", 10)


def test_the_topic_does_not_name_the_request() -> None:
    assert b"anna@example.org" not in msgspec.json.encode(forgotten_request("t", "anna@example.org", 1))


def test_an_unreadable_record_forgets_nothing() -> None:
    good = Forgotten("t", at=10)
    assert read_forgotten([message(b"{"), message(good), message(None)]) == [good]


def test_a_window_drops_what_is_forgotten() -> None:
    window = TraceWindow()
    for number in range(4):
        window.add(trace(f"r{number}", requested_at=number), most=10)
    assert window.discard(lambda one: one.id in {"r1", "r3"}) == 2
    assert [one.id for one in window] == ["r0", "r2"]
    window.add(trace("r1", requested_at=9), most=10)
    assert [one.id for one in window] == ["r0", "r2", "r1"]
    assert window.seen == 5


def test_forgotten_versions_keep_their_names() -> None:
    connection, keys = Connection(), Keys("x")
    trainer = Trainer(
        Tasks(),
        Registry(connection, keys, 5),
        Leases(connection, keys, "one", 60.0),
        RefitQueue(connection, keys),
        PublishedEvents(),
        60.0,
        forgotten(Forgotten("t", at=10)),
    )
    audited = trace("r1", requested_at=9, guess=Guess("yes", 0.9, 0.1, "v7"))
    trainer.add_traces([message(audited), message(trace("r2", requested_at=11))])
    window = trainer._windows["t"]
    assert (window.serial, [one.id for one in window]) == (7, ["r2"])


def test_a_late_reply_leaves_no_text_in_traces() -> None:
    reply = {
        "deferral": {
            "request": {"id": "r1", "task": "t", "text": "I am Anna"},
            "reason": "audit",
            "audit": True,
            "sampled": True,
            "embedder": "text",
            "requested_at": 10,
            "features": "AAAAAA==",
            "guess": {"label": "yes", "score": 0.9, "novelty": 0.1, "policy": "v1"},
        },
        "label": "no",
    }
    record = forgotten(forgotten_request("t", "r1", at=10))
    recorder = ReplyRecorder(Tasks(), TOPICS, Sampler(b"key"), RememberedReplies(), record)
    out = flat(asyncio.run(recorder.record_batch([message(reply)], 20)))
    (written,) = traces(out)
    assert (written.text, written.features) == (None, None)
    assert (written.id, written.label, written.guess and written.guess.label) == ("r1", "no", "yes")
    assert not labels(out)
    assert b"Anna" not in b"".join(each.value or b"" for each in out)


def _artifact(artifact: Artifact, created_at: int) -> Artifact:
    manifest = msgspec.structs.replace(Manifest.decode(artifact.manifest), created_at=created_at)
    return Artifact(manifest.encode(), artifact.graph)


def test_the_policies_of_a_forgotten_task_are_removed(artifact: Artifact, tmp_path: Path) -> None:
    tasks, cache = Tasks(), PolicyDiskCache(tmp_path)
    for name in ("t", "other"):
        tasks.set_policy(name, ScriptedPolicy(created_at=10))
        cache.save(name, "v1", _artifact(artifact, 10))
    tasks.set_candidate("t", CandidatePolicy(ScriptedPolicy(version="v2", created_at=10), 0.0))
    PolicyRemover(tasks, cache).forget(Forgotten("t", at=10))
    assert tasks.with_policy() == {"other"}
    assert tasks.task("t").candidate is None
    assert tasks.task("t").answers_nothing
    assert cache.policies().keys() == {"other"}


def test_a_policy_that_was_fitted_later_stays(artifact: Artifact, tmp_path: Path) -> None:
    tasks, cache = Tasks(), PolicyDiskCache(tmp_path)
    tasks.set_policy("t", ScriptedPolicy(created_at=11))
    cache.save("t", "v1", _artifact(artifact, 11))
    PolicyRemover(tasks, cache).forget(Forgotten("t", at=10))
    assert tasks.with_policy() == {"t"}
    assert cache.policies().keys() == {"t"}


def test_a_forgotten_task_keeps_no_open_breaker(tmp_path: Path) -> None:
    tasks = Tasks()
    remover = PolicyRemover(tasks, PolicyDiskCache(tmp_path))
    tasks.set_policy("t", ScriptedPolicy(created_at=10))
    remover.forget(Forgotten("t", at=10))
    # Between the two records of one `forget` the router may read Redis, which still holds the breaker.
    tasks.set_safeguards("t", Safeguards(Breaker(open=True, since=9, reason="an alarm")))
    remover.forget(Forgotten("t", at=10))
    assert not tasks.safeguards("t").breaker.open


def test_a_later_policy_keeps_its_breaker(tmp_path: Path) -> None:
    tasks = Tasks()
    remover = PolicyRemover(tasks, PolicyDiskCache(tmp_path))
    tasks.set_candidate("t", CandidatePolicy(ScriptedPolicy(version="v2", created_at=11), 0.5))
    tasks.set_safeguards("t", Safeguards(Breaker(open=True, since=9, reason="an alarm")))
    remover.forget(Forgotten("t", at=10))
    assert tasks.safeguards("t").breaker.open


def test_one_request_leaves_the_policy_in_place(artifact: Artifact, tmp_path: Path) -> None:
    tasks, cache = Tasks(), PolicyDiskCache(tmp_path)
    tasks.set_policy("t", ScriptedPolicy(created_at=10))
    cache.save("t", "v1", _artifact(artifact, 10))
    PolicyRemover(tasks, cache).forget(forgotten_request("t", "r1", at=10))
    assert tasks.with_policy() == {"t"}
    assert cache.policies().keys() == {"t"}
