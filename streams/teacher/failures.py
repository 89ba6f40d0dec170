"""Describes failed calls of the teacher: what the endpoint did, and what to do about it."""

import openai

from models.api_failures import FailureAdvice, describe_failure
from schemas.config import TeacherConfig
from streams.teacher.address import address_of


def call_failure(error: openai.OpenAIError | UnicodeError, config: TeacherConfig) -> str:
    """One line: what happened, then the advice, which names the settings to change."""
    return describe_failure(error, _advice(config))


def overdue_failure(asking: float, deadline: float, config: TeacherConfig) -> str:
    """The deadline passed; `asking` seconds of it with a slot, the others waiting for one."""
    waiting = max(deadline - asking, 0.0)
    return (
        f"{address_of(config)}: no answer within {deadline:g} s, {waiting:.1f} s of them spent waiting for "
        f"one of {config.concurrency} slots: raise `teacher.concurrency` or send a worker fewer deferrals "
        f"at once; if it was not the waiting, lower `teacher.timeout` or `teacher.retries`"
    )


def _advice(config: TeacherConfig) -> FailureAdvice:
    return FailureAdvice(
        timeout=config.timeout,
        retries=config.retries,
        timed_out="raise `teacher.timeout`, or lower `teacher.concurrency` if the endpoint is overloaded",
        unreachable="check `teacher.url` and that it is up",
        unauthorized=f"check the key in the environment variable {config.key_env} (`teacher.key_env`)",
        not_found="check `teacher.url`, which often ends in /v1, and `teacher.model`",
        rate_limited="lower `teacher.concurrency`, raise `teacher.retries` or the quota",
        conflict="raise `teacher.retries`",
        server_error="look at the endpoint's log, or raise `teacher.retries`",
        rejected="check `teacher.model`, `teacher.temperature` and `teacher.prompt`, and the text's length",
        other="check the settings under `teacher`",
    )
