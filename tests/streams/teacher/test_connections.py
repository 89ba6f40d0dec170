"""Calls share clients, and many calls to one endpoint are spread over several."""

from contextlib import ExitStack
from typing import Any

import pytest
from msgspec.structs import replace

from schemas.config import TeacherConfig
from streams.errors import TeacherMisconfigured
from streams.teacher.address import Address
from streams.teacher.connections import Connections
from streams.teacher.key_variables import KeyVariables

ADDRESS = Address("http://localhost:1/v1", "m")
CONFIG = TeacherConfig(key_env="KEY")
NAMES = ("KEY", "OTHER", "UNSET")


async def test_many_calls_are_spread_and_clients_used_again() -> None:
    connections = Connections(KeyVariables({}, NAMES))
    with ExitStack() as calls:
        first = [calls.enter_context(connections.client(ADDRESS, CONFIG)) for _ in range(100)]
    shares = [sum(one is client for one in first) for client in {id(one): one for one in first}.values()]
    assert sorted(shares) == [4, 32, 32, 32]
    with connections.client(ADDRESS, CONFIG) as again:
        assert again is first[0]
    await connections.aclose()
    assert all(client.is_closed() for client in first)


async def test_another_key_or_address_has_a_client_of_its_own() -> None:
    connections = Connections(KeyVariables({"KEY": "one", "OTHER": "two"}, NAMES))
    with ExitStack() as calls:
        clients: list[Any] = [
            calls.enter_context(connections.client(ADDRESS, CONFIG)),
            calls.enter_context(connections.client(ADDRESS, replace(CONFIG, key_env="OTHER"))),
            calls.enter_context(connections.client(Address("http://localhost:2/v1", "m"), CONFIG)),
        ]
    assert [client.api_key for client in clients] == ["one", "two", "one"]
    assert len({id(client) for client in clients}) == 3
    await connections.aclose()


async def test_a_failed_call_leaves_no_trace() -> None:
    connections = Connections(KeyVariables({"KEY": "sk-é"}, NAMES))
    with pytest.raises(TeacherMisconfigured, match="KEY"), connections.client(ADDRESS, CONFIG):
        pass
    fine = replace(CONFIG, key_env="UNSET")
    with pytest.raises(RuntimeError), connections.client(ADDRESS, fine):
        raise RuntimeError
    with ExitStack() as calls:
        clients = {id(calls.enter_context(connections.client(ADDRESS, fine))) for _ in range(32)}
    assert len(clients) == 1, "the failed call holds no place"
    await connections.aclose()
