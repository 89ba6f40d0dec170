"""Calls an OpenAI-compatible endpoint once: the model's output and its cost, or why there is none.

Nothing is repeated here that failed in a way that passes: the lane decides when the request is asked again.
A call is repeated at once only without what the endpoint has refused of it: an optional parameter
(`streams.teacher.parameters`), or a cheap tier that has no room now.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping

import httpx2
import openai

from schemas.config import TeacherConfig
from schemas.urls import masked_url
from streams.errors import TeacherMisconfigured
from streams.teacher.address import Address, api_key
from streams.teacher.answer import quote
from streams.teacher.chat import ModelOutput, parse_completion, post_chat
from streams.teacher.decisions import Choice, choice_question, parse_decision, post_decision
from streams.teacher.failures import call_failure, timed_out
from streams.teacher.parameters import (
    SERVICE_TIER,
    Parameters,
    cache_key,
    chat_parameters,
    decision_parameters,
    refused_parameters,
)
from streams.teacher.prompt import Messages

_log = logging.getLogger(__name__)

_CONNECTIONS = httpx2.Limits(max_connections=None, max_keepalive_connections=1024)
"""Those who ask limit the calls under way; a limit here would be a second queue, whose wait is a timeout."""
_NO_ROOM = frozenset({429, 498})

Refused = frozenset[str]


class Endpoints:
    """The connections to every endpoint in use, and what each of them takes and refuses."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self._clients: dict[tuple[str, str], openai.AsyncOpenAI] = {}
        self._refused: dict[Address, Refused] = {}
        self._taken: dict[tuple[Address, str], frozenset[str]] = {}

    async def complete(
        self, address: Address, messages: Messages, config: TeacherConfig, *, unhurried: bool
    ) -> ModelOutput:
        """Ask a chat model once.

        Args:
            unhurried: no client waits for the answer, so `audit_tier` will do.

        Raises:
            TeacherMisconfigured: the key is missing, or it or the URL can't be right, or what comes back
                is no chat completion.
            TeacherAway: the endpoint failed in a way that passes, or did not answer in time.
            TeacherFailed: it refuses this text for good.
        """
        client = self._client(address, config)

        def parameters(refused: Refused) -> Parameters:
            return chat_parameters(config, refused, unhurried=unhurried)

        async def post(sent: Parameters) -> bytes:
            return await post_chat(client, address.model, messages, sent)

        return parse_completion(await self._call(address, config, parameters, post), address)

    async def decide(self, address: Address, text: str, config: TeacherConfig) -> Choice:
        """Ask for a decision once.

        Raises:
            TeacherMisconfigured, TeacherAway, TeacherFailed: as in `complete`.
            UnreadableAnswer: the answer is no choice.
        """
        client, question = self._client(address, config), choice_question(config)

        def parameters(refused: Refused) -> Parameters:
            return decision_parameters(config, refused)

        async def post(sent: Parameters) -> bytes:
            return await post_decision(client, address.model, text, question, sent)

        return parse_decision(await self._call(address, config, parameters, post), address)

    async def aclose(self) -> None:
        """Close every connection."""
        clients = list(self._clients.values())
        self._clients.clear()
        for client in clients:
            await client.close()

    def _client(self, address: Address, config: TeacherConfig) -> openai.AsyncOpenAI:
        key = (address.url, config.key_env)
        if key not in self._clients:
            self._clients[key] = _openai_client(address, api_key(address, config, self._environ))
        return self._clients[key]

    async def _call(
        self,
        address: Address,
        config: TeacherConfig,
        parameters: Callable[[Refused], Parameters],
        post: Callable[[Parameters], Awaitable[bytes]],
    ) -> bytes:
        """Call with as many parameters as the endpoint takes; the body of its reply."""
        refused = self._refused.get(address, frozenset())
        asking = (address, cache_key(config))
        sent = parameters(refused)
        while True:
            try:
                body = await _post_in_time(post, sent, address, config)
            except openai.APIStatusError as error:
                if error.status_code in _NO_ROOM and SERVICE_TIER in sent:
                    sent = {name: value for name, value in sent.items() if name != SERVICE_TIER}
                    continue
                further = refused_parameters(error, sent, self._taken.get(asking, frozenset()))
                if not further:
                    raise call_failure(error, str(address), config, config.timeout) from error
                refused |= further
                sent = parameters(refused)
            else:
                self._taken[asking] = self._taken.get(asking, frozenset()) | sent.keys()
                self._remember(address, refused)
                return body

    def _remember(self, address: Address, refused: Refused) -> None:
        new = refused - self._refused.get(address, frozenset())
        if new:
            self._refused[address] = self._refused.get(address, frozenset()) | new
            _log.info("endpoint refuses parameters, left out from now on: %s: %s", address, sorted(new))


def _openai_client(address: Address, key: str) -> openai.AsyncOpenAI:
    try:
        return openai.AsyncOpenAI(
            base_url=address.url,
            api_key=key,
            timeout=None,
            max_retries=0,
            http_client=openai.DefaultAsyncHttpxClient(limits=_CONNECTIONS),
        )
    except httpx2.InvalidURL as error:
        raise TeacherMisconfigured(
            f"`teacher.url`: {quote(masked_url(address.url))} is not a URL: {error}"
        ) from error


async def _post_in_time(
    post: Callable[[Parameters], Awaitable[bytes]],
    sent: Parameters,
    address: Address,
    config: TeacherConfig,
) -> bytes:
    """Call once, in the time that a call may take; only a status that is an error is left to the caller."""
    timeout = config.audit_timeout if SERVICE_TIER in sent else config.timeout
    try:
        async with asyncio.timeout(timeout):
            return await post(sent)
    except openai.APIStatusError:
        raise
    except TimeoutError as error:
        raise timed_out(str(address), config, timeout) from error
    except (openai.OpenAIError, UnicodeError) as error:
        raise call_failure(error, str(address), config, timeout) from error
