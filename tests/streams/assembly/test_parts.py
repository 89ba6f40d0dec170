"""Roles of one worker share what it has once."""

from unittest.mock import Mock

from streams.assembly.parts import WorkerParts
from streams.settings import load_settings


async def test_roles_share_one_budget() -> None:
    """Two would number their calls alike, so that the end of one call would end another's."""
    parts = WorkerParts(Mock(), load_settings())
    assert parts.budget() is parts.budget()
    assert parts.services.count(parts.spending()) == 1
