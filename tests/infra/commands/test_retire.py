"""tasks retire ends a task for good, and says who has ended it and why."""

import json

from schemas.events import EventKind
from tests.infra.commands.room import TASK, Room
from tests.system.topics import everything


def test_a_retired_task_leaves_nothing_behind(room: Room) -> None:
    room.publish(1)
    assert room.run("config", "set", TASK, "target_agreement=0.9").status == 0
    (listed,) = json.loads(room.run("tasks", "list", "--json").out)["tasks"]
    assert (listed["task"], listed["source"], listed["version"]) == (TASK, "config", "v1")
    refused = room.run("tasks", "retire", TASK)
    assert (refused.status, "--yes" in refused.err) == (1, True)
    assert room.asked(lambda registry: registry.tasks()) == {TASK}
    assert room.run("tasks", "retire", TASK, "--yes", "--reason", "closed").status == 0
    assert room.asked(lambda registry: registry.tasks()) == set()
    assert room.serving_state().active is None
    newest = everything(room.deployment, room.deployment.topics.config)[-1]
    assert (newest.key(), newest.value()) == (TASK.encode(), None)
    assert everything(room.deployment, room.deployment.topics.forgotten), "routers drop its policy"
    event = room.events()[-1]
    assert (event.kind, event.task, event.details["reason"]) == (EventKind.TASK_RETIRED, TASK, "closed")
    assert "@" in event.details["by"]
    assert json.loads(room.run("tasks", "list", "--json").out)["tasks"] == []
