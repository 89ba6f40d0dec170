"""Names keep to their prefix, and a task's keys to one node of a Redis cluster."""

import inspect

from hypothesis import given
from hypothesis import strategies as st
from redis.crc import key_slot

from schemas.redis_keys import Keys
from schemas.topics import Topics

_task = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", fullmatch=True)
_prefix = st.from_regex(r"[A-Za-z0-9._-]{1,20}", fullmatch=True)


SHARED = {"spending", "pace", "calls_in_flight"}
"""Keys that are of one task or of all, and lie together."""


def keys_of(keys: Keys, task: str, other: str) -> list[str]:
    """Every key that takes a task; whatever else one takes is `other`."""
    found = []
    for name, method in inspect.getmembers(keys, inspect.ismethod):
        arguments = inspect.signature(method).parameters
        if "task" in arguments and not name.startswith("_") and name not in SHARED:
            found.append(method(task, *[other] * (len(arguments) - 1)))
    return found


@given(_prefix, _task, st.text(min_size=1, max_size=20))
def test_a_task_s_keys_share_a_cluster_slot(prefix: str, task: str, other: str) -> None:
    keys = keys_of(Keys(prefix), task, other)
    assert len(set(keys)) == len(keys) >= 8
    assert {key_slot(key.encode()) for key in keys} == {key_slot(task.encode())}


@given(_prefix, _task)
def test_keys_that_are_changed_together_share_a_slot(prefix: str, task: str) -> None:
    keys = Keys(prefix)
    shared = [getattr(keys, name)(scope) for name in SHARED for scope in (task, "*")]
    assert len(set(shared)) == len(shared)
    assert len({key_slot(key.encode()) for key in (*shared, keys.callers)}) == 1


@given(_prefix)
def test_all_topics_are_distinct_and_prefixed(prefix: str) -> None:
    topics = Topics(prefix)
    named = {
        getattr(topics, name) for name, _ in inspect.getmembers(Topics, lambda a: isinstance(a, property))
    }
    assert set(topics.all()) == named
    assert len(topics.all()) == len(named) == 14
    assert all(name.startswith(f"{prefix}.") for name in named)


def test_no_key_of_one_prefix_is_a_key_of_another() -> None:
    mine, theirs = (set(keys_of(Keys(prefix), "t", "x")) for prefix in ("a", "b"))
    assert not mine & theirs
