"""Looks at the LLMs that the config names: whether each answers at its URL, with its key."""

from collections.abc import Iterator, Mapping

import httpx2

from infra.doctor.process import name_of
from schemas.config import Config, TeacherConfig
from schemas.urls import masked_url
from streams.errors import TeacherMisconfigured, TeacherNotSet
from streams.status.finding import Finding, Level
from streams.teacher.address import address_of, api_key
from streams.teacher.key_variables import KeyVariables

_PROMPTLY = 10.0
_REFUSED = (401, 403)


def teacher_findings(configs: Mapping[str, Config], keys: KeyVariables) -> Iterator[Finding]:
    """What each LLM says to a question for its models, which costs nothing; each URL is asked once."""
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
        key = api_key(address, config, keys)
        response = httpx2.get(
            f"{address.url.rstrip('/')}/models",
            headers={"authorization": f"Bearer {key}"},
            timeout=_PROMPTLY,
        )
    except (TeacherNotSet, TeacherMisconfigured) as error:
        return Finding(Level.PROBLEM, "teacher", f"of {whose}: {error}")
    except httpx2.HTTPError as error:
        reason = str(error) or type(error).__name__
        return Finding(Level.PROBLEM, "teacher", f"{url} of {whose} does not answer: {reason}")
    if response.status_code in _REFUSED:
        text = f"{url} of {whose} refuses the key in {config.key_env} (status {response.status_code})"
        return Finding(Level.PROBLEM, "teacher", text)
    return Finding(Level.OK, "teacher", f"{url} of {whose} answers (status {response.status_code})")
