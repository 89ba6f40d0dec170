"""Calls an OpenAI-compatible endpoint once: the model's output and its cost, or why there is none.

Nothing is repeated here that failed in a way that passes: the lane decides when the request is asked again.
A call is repeated at once only without what the endpoint has refused of it: an optional parameter
(`streams.teacher.parameters`), or a cheap tier that has no room now.

Bodies are sent as they are: the client's own methods would spend most of a call's time on copying them.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping
from typing import Any

import httpx2
import openai

from schemas.config import TeacherConfig
from streams.teacher.address import Address
from streams.teacher.chat import ModelOutput, parse_completion
from streams.teacher.choice import ChosenLabel
from streams.teacher.connections import Connections
from streams.teacher.decisions import decision_api, decision_request, parse_decision
from streams.teacher.failures import call_failure, timed_out
from streams.teacher.key_variables import KeyVariables
from streams.teacher.parameters import (
    SERVICE_TIER,
    Parameters,
    cache_key,
    chat_parameters,
    decision_parameters,
    no_parameters,
    refused_parameters,
)
from streams.teacher.prompt import Messages

_log = logging.getLogger(__name__)

_CHAT = "/chat/completions"
_NO_ROOM = frozenset({429, 498})

Refused = frozenset[str]


class Endpoints:
    """The endpoints in use, and what each of them takes and refuses.

    Args:
        keys: where API keys are looked up.
    """

    def __init__(self, keys: KeyVariables) -> None:
        self._connections = Connections(keys)
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

        def parameters(key: str, refused: Refused) -> Parameters:
            return chat_parameters(config, key, refused, unhurried=unhurried)

        asked = {"model": address.model, "messages": messages}
        return parse_completion(await self._call(address, config, _CHAT, asked, parameters), address)

    async def decide(self, address: Address, text: str, config: TeacherConfig) -> ChosenLabel:
        """Ask for a decision once, with the API that the config names.

        Raises:
            TeacherMisconfigured, TeacherAway, TeacherFailed: as in `complete`.
            UnreadableAnswer: the answer is no choice.
        """
        api = decision_api(config)
        parameters = no_parameters if config.api == "systemone" else decision_parameters
        asked = {"model": address.model, **decision_request(text, config)}
        body = await self._call(address, config, api.path, asked, parameters)
        return parse_decision(api, body, str(address))

    async def aclose(self) -> None:
        """Close every connection."""
        await self._connections.aclose()

    async def _call(
        self,
        address: Address,
        config: TeacherConfig,
        path: str,
        asked: Mapping[str, Any],
        parameters: Callable[[str, Refused], Parameters],
    ) -> bytes:
        """Call with as many parameters as the endpoint takes; the body of its reply."""
        refused = self._refused.get(address, frozenset())
        key = cache_key(config)
        asking = (address, key)
        sent = parameters(key, refused)
        while True:
            try:
                body = await self._post(address, config, path, {**asked, **sent})
            except openai.APIStatusError as error:
                if error.status_code in _NO_ROOM and SERVICE_TIER in sent:
                    sent = {name: value for name, value in sent.items() if name != SERVICE_TIER}
                    continue
                further = refused_parameters(error, sent, self._taken.get(asking, frozenset()))
                if not further:
                    raise call_failure(error, str(address), config, config.timeout) from error
                refused |= further
                sent = parameters(key, refused)
            else:
                self._taken[asking] = self._taken.get(asking, frozenset()) | sent.keys()
                self._remember(address, refused)
                return body

    async def _post(
        self, address: Address, config: TeacherConfig, path: str, body: Mapping[str, Any]
    ) -> bytes:
        """Call once, in the time that a call may take. A status that is an error is left to the caller."""
        timeout = config.audit_timeout if SERVICE_TIER in body else config.timeout
        try:
            with self._connections.client(address, config) as client:
                async with asyncio.timeout(timeout):
                    response = await client.post(path, cast_to=httpx2.Response, body=body)
        except openai.APIStatusError:
            raise
        except TimeoutError as error:
            raise timed_out(str(address), config, timeout) from error
        except (openai.OpenAIError, UnicodeError) as error:
            raise call_failure(error, str(address), config, timeout) from error
        return response.content

    def _remember(self, address: Address, refused: Refused) -> None:
        new = refused - self._refused.get(address, frozenset())
        if new:
            self._refused[address] = self._refused.get(address, frozenset()) | new
            _log.info("endpoint refuses parameters, left out from now on: %s: %s", address, sorted(new))
