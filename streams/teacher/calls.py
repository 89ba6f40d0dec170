"""Calls an OpenAI-compatible endpoint once: the model's output and its cost, or why there is none.

Nothing is repeated here that failed in a way that passes: the lane decides when the request is asked again.
Structured output is requested if there is a label set. An endpoint that rejects it is called again without,
and if that works, its model is always called without from then on.
"""

import asyncio
import logging
from collections.abc import Mapping
from typing import Annotated

import httpx2
import msgspec
import openai
from msgspec import Meta, Struct
from openai.types.shared_params import ResponseFormatJSONSchema

from schemas.config import TeacherConfig
from schemas.messages import Usage
from schemas.urls import masked_url
from streams.errors import TeacherMisconfigured
from streams.teacher.address import Address, api_key
from streams.teacher.answer import quote
from streams.teacher.failures import call_failure, is_filtered, is_too_long, timed_out
from streams.teacher.prompt import Messages, answer_format

_log = logging.getLogger(__name__)

_CONNECTIONS = httpx2.Limits(max_connections=None, max_keepalive_connections=1024)
"""Those who ask limit the calls under way; a limit here would be a second queue, whose wait is a timeout."""


class ModelOutput(Struct, frozen=True):
    """What the model said, as it said it; `usage` where the endpoint counts tokens."""

    text: str
    usage: Usage | None


class Endpoints:
    """The connections to every endpoint in use, and what is known of them."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self._clients: dict[tuple[str, str, float], openai.AsyncOpenAI] = {}
        self._unstructured: set[Address] = set()

    async def complete(self, address: Address, messages: Messages, config: TeacherConfig) -> ModelOutput:
        """Ask once.

        Raises:
            TeacherMisconfigured: the key is missing, or it or the URL can't be right, or what comes back
                is no chat completion.
            TeacherAway: the endpoint failed in a way that passes, or did not answer in time.
            TeacherFailed: it refuses this text for good.
        """
        client = self._client(address, config)
        try:
            return _parse_completion(await self._ask(client, address, messages, config), address)
        except TimeoutError as error:
            raise timed_out(str(address), config) from error
        except (openai.OpenAIError, UnicodeError) as error:
            raise call_failure(error, str(address), config) from error

    async def aclose(self) -> None:
        """Close every connection."""
        clients = list(self._clients.values())
        self._clients.clear()
        for client in clients:
            await client.close()

    def _client(self, address: Address, config: TeacherConfig) -> openai.AsyncOpenAI:
        key = (address.url, config.key_env, config.timeout)
        if key not in self._clients:
            self._clients[key] = _openai_client(address, config, api_key(address, config, self._environ))
        return self._clients[key]

    async def _ask(
        self, client: openai.AsyncOpenAI, address: Address, messages: Messages, config: TeacherConfig
    ) -> bytes:
        structure = answer_format(config.labels)
        if structure is None or address in self._unstructured:
            return await _post(client, messages, config, None)
        try:
            return await _post(client, messages, config, structure)
        except openai.APIStatusError as error:
            if not _may_reject_structure(error):
                raise
        body = await _post(client, messages, config, None)
        self._unstructured.add(address)
        _log.info("endpoint has no structured output, its answers are parsed as plain text: %s", address)
        return body


class _AnswerMessage(Struct):
    content: str | None = None
    refusal: str | None = None


class _AnswerChoice(Struct):
    message: _AnswerMessage


class _Tokens(Struct):
    prompt_tokens: int | None = None
    completion_tokens: int | None = None


class _Completion(Struct):
    choices: Annotated[list[_AnswerChoice], Meta(min_length=1)]
    usage: _Tokens | None = None


def _openai_client(address: Address, config: TeacherConfig, key: str) -> openai.AsyncOpenAI:
    try:
        return openai.AsyncOpenAI(
            base_url=address.url,
            api_key=key,
            timeout=config.timeout,
            max_retries=0,
            http_client=openai.DefaultAsyncHttpxClient(limits=_CONNECTIONS),
        )
    except httpx2.InvalidURL as error:
        raise TeacherMisconfigured(
            f"`teacher.url`: {quote(masked_url(address.url))} is not a URL: {error}"
        ) from error


async def _post(
    client: openai.AsyncOpenAI,
    messages: Messages,
    config: TeacherConfig,
    structure: ResponseFormatJSONSchema | None,
) -> bytes:
    async with asyncio.timeout(config.timeout):
        response = await client.chat.completions.with_raw_response.create(
            model=config.model or "",
            messages=messages,
            temperature=config.temperature,
            response_format=openai.omit if structure is None else structure,
        )
    return response.content


def _parse_completion(body: bytes, address: Address) -> ModelOutput:
    try:
        completion = msgspec.json.decode(body, type=_Completion)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise TeacherMisconfigured(
            f"{address}: the reply is not a chat completion ({error}): "
            f"{quote(body.decode(errors='replace'))}; "
            "`teacher.url` has to be the API's base URL, which often ends in /v1"
        ) from error
    message, tokens = completion.choices[0].message, completion.usage
    usage = Usage(tokens.prompt_tokens or 0, tokens.completion_tokens or 0) if tokens else None
    return ModelOutput(message.content or message.refusal or "", usage)


def _may_reject_structure(error: openai.APIStatusError) -> bool:
    """Client errors may; of server errors those that speak of it, since some servers refuse that way."""
    if is_too_long(error) or is_filtered(error):
        return False
    if error.status_code in (400, 404, 422):
        return True
    return error.status_code >= 500 and "response_format" in str(error.body)
