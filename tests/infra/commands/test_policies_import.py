"""policies import: a policy that was fitted offline goes live as any other, or says why it may not."""

from collections.abc import Callable
from pathlib import Path

import pytest
from msgspec.structs import replace

from models.artifact import Artifact
from models.manifest import Manifest
from models.policy import Policy
from schemas.codec import TRACE
from schemas.events import EventKind, PromotedDetails
from schemas.messages import Guess, Reason, Trace
from streams.kafka.batch import Outgoing
from streams.kafka.topic_client import write_messages
from streams.versions.breaker import after_alarm
from streams.versions.lifecycle import VersionStage
from tests.infra.commands.room import Room
from tests.streams.fakes import trace


def imported(room: Room, folder: Path, *options: str, task: str = "shop") -> tuple[int, str]:
    ended = room.run("policies", "import", task, folder, *options)
    return ended.status, ended.out + ended.err


def changed(folder: Path, change: Callable[[Manifest], Manifest]) -> Path:
    """The policy in the folder, with another manifest."""
    made = Artifact.read(folder)
    Artifact(change(Manifest.decode(made.manifest)).encode(), made.graph).write(folder)
    return folder


def put_traces(room: Room, *traces: Trace) -> None:
    topic = room.deployment.topics.traces
    messages = [Outgoing(topic, one.id.encode(), TRACE.encode(one)) for one in traces]
    write_messages(room.deployment.settings, messages)


def test_it_goes_live_under_a_name_of_the_task(room: Room, policy: Path) -> None:
    put_traces(room, trace("r1", task="shop", guess=Guess("x", 0.5, 0.1, "v6")))
    status, said = imported(room, policy, "--reason", "of May")
    assert (status, "shop: v8 goes live: imported, fitted as v2" in said, "of May" in said) == (0, True, True)
    state = room.asked(lambda registry: registry.serving_state("shop"))
    assert state.active is not None
    assert state.active.version == "v8"
    stored = room.asked(lambda registry: registry.fetch("shop", "v8"))
    assert stored is not None
    manifest = Policy.open(stored.manifest, stored.graph).manifest
    offline = Manifest.decode(Artifact.read(policy).manifest)
    assert (manifest.task, manifest.version) == ("shop", "v8")
    assert replace(manifest, task=offline.task, version=offline.version, seal="") == replace(offline, seal="")
    [event] = room.events()
    assert (event.kind, event.task) == (EventKind.PROMOTED, "shop")
    assert PromotedDetails.of(event).version == "v8"
    assert imported(room, policy)[0] == 0
    assert room.states("shop") == {"v8": "retired", "v10": "live"}, "the trainer may be fitting v9"


def test_it_goes_on_trial_where_promotion_says_so(room: Room, policy: Path) -> None:
    room.deployment.configure("shop", promotion="shadow:200")
    status, said = imported(room, policy)
    assert (status, "is scored in shadow until 200 of its answers are checked" in said) == (0, True)
    assert room.states("shop") == {"v2": "shadow"}
    assert [event.kind for event in room.events()] == [EventKind.TRIAL]


@pytest.mark.parametrize(
    ("config", "why"),
    [
        ({"embedder": "precomputed"}, "reads `text`, and the config says `precomputed`"),
        ({"delta": 0.01}, "at a delta of 0.05, and the config says 0.01: fit it with"),
        ({"target_agreement": 0.9999}, "no target of 0.9999 or more"),
    ],
)
def test_it_is_refused_for_a_config_that_it_does_not_fit(
    room: Room, policy: Path, config: dict[str, object], why: str
) -> None:
    room.deployment.configure("shop", **config)
    status, said = imported(room, policy)
    assert (status, why in said) == (1, True), said
    assert room.asked(lambda registry: registry.active("shop")) is None
    assert room.events() == []


def test_a_policy_of_another_task_is_refused(room: Room, own_policy: Path) -> None:
    folder = changed(own_policy, lambda manifest: replace(manifest, task="mails"))
    status, said = imported(room, folder)
    assert (status, "it was fitted for the task mails" in said) == (1, True)
    assert imported(room, folder, task="mails")[0] == 0


def test_a_policy_that_was_changed_by_hand_is_no_policy(room: Room, own_policy: Path) -> None:
    (own_policy / "policy.onnx").write_bytes((own_policy / "policy.onnx").read_bytes() + b"\0")
    assert imported(room, own_policy)[0] == 2
    assert imported(room, own_policy / "nowhere")[0] == 2


def test_after_an_alarm_its_traces_must_be_newer(room: Room, policy: Path) -> None:
    assert imported(room, policy)[0] == 0
    alarm_at = 1_764_000_000_000
    room.asked(
        lambda registry: registry.change(
            "shop", lambda found: after_alarm(found, "v2", None, alarm_at, "alarm", alarm_at + 1)
        )
    )
    status, said = imported(room, policy)
    assert (status, "the alarm at 2025-11-24T16:00:00" in said, "--traces-since" in said) == (1, True, True)
    assert imported(room, policy, "--traces-since", "2025-11-24T15:59:59Z")[0] == 1
    status, said = imported(room, policy, "--traces-since", "2999-01-01T00:00:00Z")
    assert (status, "it was fitted at" in said) == (1, True)
    assert imported(room, policy, "--traces-since", "2025-11-24T16:00:00Z")[0] == 0
    state = room.asked(lambda registry: registry.serving_state("shop"))
    assert not state.breaker.stops("v4")
    assert room.states("shop") == {"v2": "rolled_back", "v4": "live"}


def test_a_live_version_that_does_well_and_answers_more_stays(room: Room, own_policy: Path) -> None:
    assert imported(room, own_policy)[0] == 0
    state = room.asked(lambda registry: registry.serving_state("shop"))
    threshold = Manifest.decode(Artifact.read(own_policy).manifest).threshold(0.95)
    assert state.active is not None
    audit = trace(
        task="shop",
        audit=True,
        reason=Reason.AUDIT,
        guess=Guess("yes", 1.0, 0.1, "v2"),
        threshold=threshold,
        replied_at=state.active.since + 1,
    )
    put_traces(room, *(replace(audit, id=f"r{number}") for number in range(200)))
    poor = changed(
        own_policy,
        lambda manifest: replace(
            manifest, frontier=tuple(replace(point, coverage=0.1) for point in manifest.frontier)
        ),
    )
    status, said = imported(room, poor)
    assert (status, "v2 answers 200 of 200" in said, "--even-if-less" in said) == (1, True, True), said
    assert imported(room, poor, "--even-if-less")[0] == 0
    assert room.states("shop") == {"v2": VersionStage.RETIRED, "v4": VersionStage.LIVE}
