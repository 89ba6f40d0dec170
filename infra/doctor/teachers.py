"""Looks at the LLMs that the config names: whether each answers chat completions at its URL, with its key."""

from collections.abc import Iterator, Mapping

import httpx2
import msgspec

from infra.doctor.process import name_of
from schemas.config import Config, TeacherConfig
from schemas.urls import masked_url
from streams.errors import TeacherMisconfigured, TeacherNotSet
from streams.status.finding import Finding, Level
from streams.teacher.address import Address, address_of, api_key
from streams.teacher.key_variables import KeyVariables

_PROMPTLY = 10.0
_UNAUTHORIZED, _LIMITED = (401, 403), 429
_REFUSES_NOTHING = (400, 422)
"""What an API says to a question that asks nothing."""
_AWAY = (502, 503, 504)
_BASE = "`teacher.url` must be the base URL of an OpenAI-compatible API, which often ends in /v1"


def teacher_findings(configs: Mapping[str, Config], keys: KeyVariables) -> Iterator[Finding]:
    """What each LLM says to questions that cost nothing; each URL is asked once."""
    asked: dict[tuple[str | None, str], list[str]] = {}
    for task, config in configs.items():
        if config.teacher.url:
            asked.setdefault((config.teacher.url, config.teacher.key_env), []).append(task)
    if not asked:
        yield Finding(Level.WARNING, "teacher", "no task has a `teacher.url`: deferred requests get an error")
    for tasks in asked.values():
        yield _ask(configs[tasks[0]].teacher, ", ".join(map(name_of, tasks)), keys)


def _ask(config: TeacherConfig, whose: str, keys: KeyVariables) -> Finding:
    url = masked_url(config.url or "")
    try:
        address = address_of(config)
        status = _status(address, api_key(address, config, keys))
    except (TeacherNotSet, TeacherMisconfigured) as error:
        return Finding(Level.PROBLEM, "teacher", f"of {whose}: {error}")
    except (httpx2.HTTPError, httpx2.InvalidURL) as error:
        reason = str(error) or type(error).__name__
        return Finding(Level.PROBLEM, "teacher", f"{url} of {whose} does not answer: {reason}")
    level, text = judge_status(status, config.key_env)
    return Finding(level, "teacher", f"{url} of {whose} {text}")


def _status(address: Address, key: str) -> int | None:
    """The status of the list of models; where there is no list, that of a question that asks nothing.

    None where the server breaks that question off, as a simple one may.

    Many servers that answer chat completions list no models, and a page may stand at any URL.
    """
    base = address.url.rstrip("/")
    with httpx2.Client(headers={"authorization": f"Bearer {key}"}, timeout=_PROMPTLY) as client:
        listed = client.get(f"{base}/models")
        if listed.status_code in (*_UNAUTHORIZED, _LIMITED) or (listed.is_success and _is_object(listed)):
            return listed.status_code
        try:
            return client.post(f"{base}/chat/completions", json={}).status_code
        except httpx2.RemoteProtocolError:
            return None


def _is_object(response: httpx2.Response) -> bool:
    try:
        return isinstance(msgspec.json.decode(response.content), dict)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False


def judge_status(status: int | None, key_env: str) -> tuple[Level, str]:
    """How bad an answer with this status is, and what it says, after the name of who gave it.

    Args:
        status: None where a question that asks nothing was broken off.
        key_env: the variable of the key that was sent.
    """
    if status is None:
        return Level.WARNING, "breaks off a question that asks nothing: look at its log"
    said = f"(status {status})"
    if status < 300 or status in _REFUSES_NOTHING:
        return Level.OK, "answers" if status >= 300 else f"answers {said}"
    if status < 400:
        return Level.WARNING, f"leads elsewhere {said}: set `teacher.url` to where it leads"
    if status in _UNAUTHORIZED:
        return Level.PROBLEM, f"refuses the key in {key_env} {said}: set a key that it takes, here and there"
    if status == 404:
        return Level.PROBLEM, f"has no chat completions {said}: {_BASE}"
    if status == _LIMITED:
        return Level.WARNING, f"limits calls now {said}: raise its quota, or bound calls by `teacher.limits`"
    if status in _AWAY:
        return Level.PROBLEM, f"is away or overloaded {said}: look at its server; requests wait meanwhile"
    if status >= 500 and status != 501:
        return Level.WARNING, f"fails on a question that asks nothing {said}: look at its log"
    return Level.PROBLEM, f"takes no chat completions {said}: {_BASE}"
