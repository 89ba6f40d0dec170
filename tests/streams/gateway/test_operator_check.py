"""Who may change something: a key with the right to, or without keys this machine; never a foreign page."""

import msgspec
import pytest

from schemas.api_keys import ApiKey
from streams.gateway.caller_check import CallerCheck
from streams.gateway.keys import create_key
from streams.gateway.operator_check import CHANGE_HEADER, admit_operator
from streams.gateway.problems import HttpProblem, ProblemKind

TOKEN, READS = create_key("app", ("*",), "serve", 1)
OPERATOR, OPERATES = create_key("ann", ("shop",), "serve", 1, operate=True)
KEYS = {READS.id: READS, OPERATES.id: OPERATES}
OURS = {"host": "localhost:8484", "origin": "http://localhost:8484", CHANGE_HEADER: "dashboard"}
LOCAL = CallerCheck(True, dict, ("https://app.example",))
KEYED = CallerCheck(False, lambda: KEYS, ("https://app.example",))


def refusal(check: CallerCheck, headers: dict[str, str]) -> ProblemKind:
    with pytest.raises(HttpProblem) as caught:
        admit_operator(check, headers)
    return caught.value.kind


def test_this_machine_may_without_keys() -> None:
    assert admit_operator(LOCAL, OURS).name == "this machine"
    curl = {"host": "127.0.0.1:8484", CHANGE_HEADER: "curl"}
    assert admit_operator(LOCAL, curl).may_operate


@pytest.mark.parametrize(
    "strange",
    [
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"origin": "http://localhost:3000"},
        {"origin": "https://app.example"},
        {"host": "rebound.example", "origin": "http://rebound.example"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
    ],
)
def test_no_other_page_may(strange: dict[str, str]) -> None:
    assert refusal(LOCAL, OURS | strange) is ProblemKind.FORBIDDEN


def test_a_change_needs_its_header() -> None:
    without = {name: value for name, value in OURS.items() if name != CHANGE_HEADER}
    assert refusal(LOCAL, without) is ProblemKind.FORBIDDEN


def test_a_key_needs_the_right() -> None:
    assert admit_operator(KEYED, OURS | {"x-understudy-key": OPERATOR}).name == "ann"
    assert refusal(KEYED, OURS | {"x-understudy-key": TOKEN}) is ProblemKind.FORBIDDEN
    assert refusal(KEYED, OURS) is ProblemKind.UNAUTHORIZED
    crossed = OURS | {"x-understudy-key": OPERATOR, "sec-fetch-site": "cross-site"}
    assert refusal(KEYED, crossed) is ProblemKind.FORBIDDEN


def test_a_proxy_that_renames_the_host_keeps_no_key_out() -> None:
    behind = OURS | {"x-understudy-key": OPERATOR, "origin": "https://understudy.example"}
    assert admit_operator(KEYED, behind).name == "ann"


def test_a_key_of_an_earlier_release_changes_nothing() -> None:
    stored = msgspec.to_builtins(READS)
    del stored["operate"]
    assert msgspec.json.decode(msgspec.json.encode(stored), type=ApiKey) == READS
    assert not READS.operate
