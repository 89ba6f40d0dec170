"""The dashboard of a real gateway tells what the audits on a real Kafka and Redis have proven so far."""

import json
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import httpx2

from infra.harness.waiting import Stalled
from tests.system.deployment import Deployment
from tests.system.gold import GoldTeacher
from tests.system.test_gateway import started
from tests.system.wishes import TASK, VERSION, answers, publish, wishes

SENT = 600
SECONDS = 60.0


def test_the_page_follows_a_certificate(deployment: Deployment) -> None:
    publish(deployment)
    deployment.configure(TASK, audit_rate=1.0, target_agreement=0.9)
    requests = wishes(SENT, "seen")
    deployment.worker("route", "learn", "certify")
    with GoldTeacher(deployment, answers(requests)), closing(started(deployment)) as client:
        assert "dashboard.js" in client.get("/dashboard").text
        deployment.send(requests)
        views = told(client, f"/dashboard/stream/{TASK}")
        certified = next(view for view in views if view["row"]["state"] == "certified")
        assert certified["sentence"].startswith(f"{VERSION} is certified")
        history = certified["history"][0]
        assert [point[1] for point in history] == [VERSION] * len(history)
        assert history[-1][2] > history[0][2], "audits grow"
        overview = next(told(client, "/dashboard/stream"))
        assert [row["task"] for row in overview["rows"]] == [TASK]
    deployment.stop()


def told(client: httpx2.Client, path: str) -> Iterator[Any]:
    """The views of a stream, as they come."""
    with client.stream("GET", path, timeout=SECONDS) as answer:
        text = ""
        for part in answer.iter_text():
            text += part
            while "\n\n" in text:
                event, _, text = text.partition("\n\n")
                name, content = event.split("\n")
                if name == "event: view":
                    yield json.loads(content.removeprefix("data: "))
    raise Stalled(f"the stream of {path} has ended")
