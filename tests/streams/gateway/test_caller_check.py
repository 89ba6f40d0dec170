"""With keys every call needs one; without, only callers of this machine get through."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.api_keys import ApiKey
from streams.gateway.caller_check import CallerCheck
from streams.gateway.keys import create_key, find_key, key_in
from streams.gateway.problems import HttpProblem, ProblemKind
from tests.streams.fakes import ScriptedPolicy
from tests.streams.gateway.harness import running

TOKEN, KEY = create_key("app", ("t",), "serve", 1)
KEYS = {KEY.id: KEY}


def test_only_a_hash_is_kept() -> None:
    assert TOKEN.rpartition("_")[2] not in repr(KEY)
    assert create_key("app", ("t",), "serve", 1)[0] != TOKEN


@given(st.text(), st.integers(0, len(TOKEN) - 1))
def test_any_other_token_is_none(noise: str, place: int) -> None:
    assert find_key(TOKEN, KEYS) == KEY
    changed = TOKEN[:place] + noise + TOKEN[place + 1 :]
    assert changed == TOKEN or find_key(changed, KEYS) is None
    assert find_key(TOKEN, {}) is None


def test_other_bearer_tokens_are_the_apps_own() -> None:
    assert key_in({"authorization": f"Bearer {TOKEN}"}) == TOKEN
    assert key_in({"authorization": "Bearer sk-123"}) is None
    assert key_in({"authorization": "Bearer sk-123", "x-understudy-key": TOKEN}) == TOKEN


def refusal(check: CallerCheck, headers: dict[str, str]) -> ProblemKind:
    with pytest.raises(HttpProblem) as caught:
        check.admit(headers)
    return caught.value.kind


@pytest.mark.parametrize("host", ["localhost:8484", "127.0.0.1", "[::1]:80"])
def test_without_keys_this_machine_may_call(host: str) -> None:
    caller = CallerCheck(True, dict).admit({"host": host})
    assert (caller.mode, caller.task("any")) == ("serve", "any")


@pytest.mark.parametrize("host", ["evil.example", "", "127.0.0.1.evil.example", "localhost.evil.example"])
def test_a_foreign_name_for_this_machine_is_refused(host: str) -> None:
    assert refusal(CallerCheck(True, dict), {"host": host}) is ProblemKind.FORBIDDEN


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "null", "", "http://localhost.evil.example", "http://", "file://"]
)
def test_a_strange_page_needs_a_key_whatever_cors_allows(origin: str) -> None:
    headers = {"host": "localhost", "origin": origin}
    assert refusal(CallerCheck(True, dict, ("*",)), headers) is ProblemKind.FORBIDDEN
    check = CallerCheck(True, lambda: KEYS, ("*",))
    assert check.admit(headers | {"x-understudy-key": TOKEN}).key == KEY


@pytest.mark.parametrize("origin", ["http://localhost:3000", "http://[::1]:80", "https://app.example.com"])
def test_pages_of_this_machine_and_named_ones_need_none(origin: str) -> None:
    check = CallerCheck(True, dict, ("https://app.example.com",))
    assert check.admit({"host": "localhost", "origin": origin}).key is None


def test_without_keys_nobody_calls_from_elsewhere() -> None:
    assert refusal(CallerCheck(False, dict), {"host": "localhost"}) is ProblemKind.UNAUTHORIZED


def test_unknown_keys_close_the_door() -> None:
    assert refusal(CallerCheck(True, lambda: None), {"host": "localhost"}) is ProblemKind.UNAVAILABLE


@pytest.mark.parametrize(
    "headers", [{}, {"x-understudy-key": "us_"}, {"authorization": "Bearer us_00000000_x"}]
)
def test_with_a_key_every_call_needs_one(headers: dict[str, str]) -> None:
    assert (
        refusal(CallerCheck(True, lambda: KEYS), {"host": "localhost"} | headers) is ProblemKind.UNAUTHORIZED
    )


def test_a_key_is_bound_to_its_tasks() -> None:
    caller = CallerCheck(False, lambda: KEYS).admit({"x-understudy-key": TOKEN})
    assert (caller.task(None), caller.task("t")) == ("t", "t")
    with pytest.raises(HttpProblem, match="not for task other"):
        caller.task("other")
    every = ApiKey("a", "app", "", ("*",), "serve", 1)
    assert (every.allows("other"), every.only_task) == (True, None)


async def test_keys_hold_over_http() -> None:
    weak_token, weak = create_key("weak", ("t",), "shadow", 1)
    async with running(ScriptedPolicy()) as gateway:
        gateway.keys = KEYS | {weak.id: weak}
        refused = await gateway.classify()
        admitted = await gateway.http.post(
            "/v1/classify", json={"text": "yes 0.9 0.1"}, headers={"authorization": f"Bearer {TOKEN}"}
        )
        foreign = await gateway.classify(task="other", headers={"x-understudy-key": TOKEN})
        shadow = await gateway.classify(headers={"x-understudy-key": weak_token})
        gateway.keys = {weak.id: weak}
        revoked = await gateway.classify(headers={"x-understudy-key": TOKEN})
    statuses = [one.status_code for one in (refused, admitted, foreign, shadow, revoked)]
    assert statuses == [401, 200, 403, 403, 401]
    assert admitted.json()["task"] == "t"
    assert refused.headers["www-authenticate"].startswith("Bearer")
    assert TOKEN not in refused.text + revoked.text
