"""Connections to the endpoints: clients that are shared by calls, each by not too many at once.

What a client's pool does for each call grows with its connections, so many calls to one endpoint are spread
over several clients.
"""

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import httpx2
import openai

from schemas.config import TeacherConfig
from schemas.urls import masked_url
from streams.errors import TeacherMisconfigured
from streams.teacher.address import Address, api_key
from streams.teacher.answer import quote
from streams.teacher.key_variables import KeyVariables

_CALLS_EACH = 32
_LIMITS = httpx2.Limits(max_connections=None, max_keepalive_connections=_CALLS_EACH, keepalive_expiry=3.0)
"""Those who ask limit the calls; a limit here would be a second queue, whose wait is taken for a timeout.
Idle connections are closed before common servers do it (5 s): a call on one that they close is lost."""


@dataclass(slots=True)
class _SharedClient:
    """A client and the number of calls that use it now."""

    client: openai.AsyncOpenAI
    calls: int = 0


class Connections:
    """The clients of every endpoint in use.

    Args:
        keys: where API keys are looked up.
    """

    def __init__(self, keys: KeyVariables) -> None:
        self._keys = keys
        self._clients: dict[tuple[str, str], list[_SharedClient]] = {}
        self._trusted: ssl.SSLContext | None = None

    @contextmanager
    def client(self, address: Address, config: TeacherConfig) -> Iterator[openai.AsyncOpenAI]:
        """A client for one call.

        Raises:
            TeacherMisconfigured: the key is missing, or it or the URL can't be right.
        """
        clients = self._clients.setdefault((address.url, config.key_env), [])
        shared = next((one for one in clients if one.calls < _CALLS_EACH), None)
        if shared is None:
            shared = _SharedClient(self._open(address, config))
            clients.append(shared)
        shared.calls += 1
        try:
            yield shared.client
        finally:
            shared.calls -= 1

    async def aclose(self) -> None:
        """Close every connection."""
        clients = [shared.client for some in self._clients.values() for shared in some]
        self._clients.clear()
        for client in clients:
            await client.close()

    def _open(self, address: Address, config: TeacherConfig) -> openai.AsyncOpenAI:
        key = api_key(address, config, self._keys)
        self._trusted = self._trusted or httpx2.create_ssl_context()
        try:
            return openai.AsyncOpenAI(
                base_url=address.url,
                api_key=key,
                timeout=None,
                max_retries=0,
                http_client=openai.DefaultAsyncHttpxClient(limits=_LIMITS, verify=self._trusted),
            )
        except httpx2.InvalidURL as error:
            raise TeacherMisconfigured(
                f"`teacher.url`: {quote(masked_url(address.url))} is not a URL: {error}"
            ) from error
