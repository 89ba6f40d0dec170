"""Optional parameters of a chat completion, and what is left out once an endpoint has refused it.

Endpoints differ: reasoning models take no temperature, older servers no schema, strict ones no parameter that
they do not know. What is refused is left out, and if that works, it is left out from then on. What an
endpoint refuses is known by the parameter's name; of `reasoning_effort` each value is refused on its own.
"""

from collections.abc import Mapping
from typing import Any

import openai

from schemas.config import TeacherConfig
from streams.teacher.failures import has_another_cause
from streams.teacher.prompt import answer_format
from streams.teacher.prompt_hash import prompt_hash

Parameters = Mapping[str, Any]

SERVICE_TIER = "service_tier"
_EFFORT = "reasoning_effort"
_LOWEST_FIRST = ("none", "minimal", "low")
_MAY_REFUSE = frozenset({400, 404, 422})


def chat_parameters(
    config: TeacherConfig, key: str, refused: frozenset[str], *, unhurried: bool
) -> Parameters:
    """What to send beside model and messages.

    Args:
        key: see `cache_key`.
        refused: what the endpoint has refused before.
        unhurried: no client waits for the answer.
    """
    token_limit = "max_tokens" if "max_completion_tokens" in refused else "max_completion_tokens"
    wanted: dict[str, Any] = {
        "temperature": config.temperature,
        "response_format": answer_format(config.labels),
        "prompt_cache_key": key,
        "logprobs": config.confidence or None,
        _EFFORT: _effort(config, refused),
        token_limit: config.max_output_tokens,
        SERVICE_TIER: config.audit_tier if unhurried else None,
    }
    return _given(wanted, refused)


def decision_parameters(key: str, refused: frozenset[str]) -> Parameters:
    """What to send beside model, input and question."""
    return _given({"prompt_cache_key": key}, refused)


def no_parameters(_key: str, _refused: frozenset[str]) -> Parameters:
    """Nothing: an API without optional parameters."""
    return {}


def cache_key(config: TeacherConfig) -> str:
    """The same for calls that begin alike: the provider sends them where their beginning is cached."""
    return f"understudy-{prompt_hash(config)}"


def refused_parameters(
    error: openai.APIStatusError, sent: Parameters, taken: frozenset[str]
) -> frozenset[str]:
    """Those that the endpoint refuses, as far as can be told; empty if it fails for another reason.

    A client error that names none of them may be about any that no answer has come with yet: the tier is left
    out first, then all of them but the temperature. Of server errors those count that name one, since some
    servers refuse that way.

    Args:
        taken: names of those with which an answer has come before.
    """
    status = error.status_code
    if has_another_cause(error) or not (status in _MAY_REFUSE or status >= 500):
        return frozenset()
    named = {name for name in sent if name == error.param} or {
        name for name in sent if name in f"{error.message} {error.body}"
    }
    if not named and status in _MAY_REFUSE:
        doubtful = sent.keys() - taken - {"temperature"}
        named = {SERVICE_TIER} & doubtful or doubtful
    return frozenset(_refusal(name, sent[name]) for name in named)


def _given(wanted: Mapping[str, Any], refused: frozenset[str]) -> Parameters:
    return {name: value for name, value in wanted.items() if value is not None and name not in refused}


def _effort(config: TeacherConfig, refused: frozenset[str]) -> str | None:
    if config.reasoning_effort is None:
        return None
    efforts = _LOWEST_FIRST if config.reasoning_effort == "lowest" else (config.reasoning_effort,)
    return next((effort for effort in efforts if _refusal(_EFFORT, effort) not in refused), None)


def _refusal(name: str, value: Any) -> str:
    return f"{name}={value}" if name == _EFFORT else name
