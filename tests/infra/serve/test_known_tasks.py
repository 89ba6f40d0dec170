"""Every task that anybody knows of is listed once, with why it is known."""

from typing import Any

from infra.serve.known_tasks import KnownTask, known_tasks


def test_tasks_come_from_config_policies_and_requests() -> None:
    overrides: dict[str, dict[str, Any]] = {
        "*": {"chat": {"mode": "shadow"}},
        "a": {"paused": True},
        "gone": {},
    }
    live = {"a": ("v3", 700), "b": ("v1", 200), "broken": (None, None)}
    assert known_tasks(overrides, live, {"c": 9, "a": 7}) == [
        KnownTask("a", "config", "paused", "v3", 700, 7),
        KnownTask("b", "policy", "shadow", "v1", 200, None),
        KnownTask("broken", "policy", "shadow", None, None, None),
        KnownTask("c", "requests", "shadow", None, None, 9),
    ]
