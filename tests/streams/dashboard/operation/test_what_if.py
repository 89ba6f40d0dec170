"""The slider's rows are those of `what-if`, at the rate of the labels that the gateway has seen."""

import httpx2
import pytest

from models.artifact import Artifact
from schemas.redis_keys import Keys
from streams.dashboard.operation.what_if_reader import TARGETS, daily_requests
from streams.dashboard.tasks.label_counts import LabelCounts, MinuteCounts
from streams.gateway.keys import create_key
from tests.streams.dashboard.operated import CONFIG, TASK, operated

DAY = 86_400_000


def test_requests_of_a_day_are_counted_from_the_first_minute_with_a_label() -> None:
    minutes = (MinuteCounts(600_000, 5, 5, 0), MinuteCounts(1_140_000, 10, 0, 0))
    assert daily_requests(LabelCounts(20, 0.75, (), minutes), 1_200_000) == 20 * DAY / 600_000
    assert daily_requests(LabelCounts(), 1_200_000) == 0.0
    assert daily_requests(LabelCounts(3, 1.0, (), (MinuteCounts(1_199_000, 3, 0, 0),)), 1_200_000) == 3 * 1440


async def test_all_targets_come_at_once(redis_url: str, keys: Keys, artifact: Artifact) -> None:
    async with operated(redis_url, keys, artifact) as place, httpx2.AsyncClient() as client:
        where = f"{place.url}/dashboard/read/what-if/{TASK}"
        view = (await client.get(where)).json()
        assert view["missing"] == ""
        found = view["found"]
        rows = {row["target"]: row for row in found["outcomes"]}
        assert sorted(rows) == sorted({*TARGETS, 0.95}) == [row["target"] for row in found["outcomes"]]
        assert rows[0.95]["coverage"] > 0.0 == rows[0.999]["coverage"]
        assert (found["target"], found["version"], found["knows_price"]) == (0.95, "v2", False)
        assert rows[0.95]["cost_a_day"] is None
        asked = await client.get(where, params={"price_a_call": 0.01, "requests_a_day": 1000})
        priced = {row["target"]: row for row in asked.json()["found"]["outcomes"]}
        assert priced[0.999]["cost_a_day"] == pytest.approx(10.0)
        assert priced[0.95]["cost_a_day"] < 10.0
        place.tasks.configure(TASK, CONFIG | {"teacher": {"price": {"input": 0.0, "output": 0.0}}})
        free = (await client.get(where)).json()["found"]
        assert (free["knows_price"], free["outcomes"][0]["cost_a_day"]) == (True, 0.0)
        refused = await client.get(where, params={"price_a_call": "nan"})
        assert refused.status_code == 400
        elsewhere = await client.get(where, headers={"sec-fetch-site": "cross-site"})
        assert elsewhere.status_code == 403, "no other page has the gateway compute all the time"


async def test_what_is_missing_is_said(redis_url: str, keys: Keys, artifact: Artifact) -> None:
    async with operated(redis_url, keys, artifact) as place, httpx2.AsyncClient() as client:
        place.tasks.configure("new", {"target_agreement": 0.9})
        view = (await client.get(f"{place.url}/dashboard/read/what-if/new")).json()
        assert view["found"] is None
        assert view["missing"].startswith("No version has passed the gate yet")
        assert await place.registry.publish("quiet", "v1", 1, 0, artifact, 1)
        place.tasks.configure("quiet", {"embedder": "precomputed"})
        view = (await client.get(f"{place.url}/dashboard/read/what-if/quiet")).json()
        assert view["missing"].startswith("No request in the last hour")


async def test_a_key_sees_its_tasks_alone(redis_url: str, keys: Keys, artifact: Artifact) -> None:
    token, key = create_key("app", ("other",), "serve", 1)
    async with operated(redis_url, keys, artifact, {key.id: key}) as place, httpx2.AsyncClient() as client:
        for what in ("what-if", "changes"):
            where = f"{place.url}/dashboard/read/{what}/{TASK}"
            assert (await client.get(where)).status_code == 401
            assert (await client.get(where, headers={"x-understudy-key": token})).status_code == 403
