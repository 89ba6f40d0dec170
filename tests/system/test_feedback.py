"""Feedback over HTTP on a real Kafka and Redis counts once, whatever dies, and goes with its request."""

import json
from typing import Any

import httpx2

from infra.harness.waiting import wait_until
from tests.system.deployment import Deployment
from tests.system.test_gateway import started
from tests.system.wishes import LABELS, TASK, answers, publish, wishes


def accuracy(deployment: Deployment) -> Any:
    return json.loads(deployment.run("status", "--json").stdout)["accuracy"].get(TASK)


def give(client: httpx2.Client, number: str, label: str) -> int:
    body = {"task": TASK, "id": number, "label": label}
    return int(client.post("/v1/feedback", json=body).status_code)


def test_feedback_counts_once_over_kills_and_is_forgotten(deployment: Deployment) -> None:
    publish(deployment)
    deployment.configure(TASK, audit_rate=0.0, audit_early=0.0, teacher={"labels": list(LABELS)})
    asked = wishes(6)
    truths = answers(asked)
    wrong = next(label for label in LABELS if label != truths[asked[0].id])
    with started(deployment, UNDERSTUDY_GATEWAY__ACK="kafka") as client:
        for one in asked:
            answer = client.post("/v1/classify", json={"task": TASK, "id": one.id, "text": one.text})
            assert answer.json()["source"] == "surrogate"
        assert give(client, asked[0].id, truths[asked[0].id]) == 200
        assert [give(client, one.id, truths[one.id]) for one in asked[1:5]] == [200] * 4
        assert give(client, asked[5].id, "a typing error") == 422
    deployment.workers[-1].kill()
    with started(deployment) as client:
        wait_until(lambda: give(client, asked[4].id, truths[asked[4].id]) == 200, 30, "the labels of before")
        found = accuracy(deployment)
        assert (found["surrogate"], found["surrogate_right"], found["unknown"]) == (5, 5, 0)
        assert give(client, asked[0].id, wrong) == 200
        found = accuracy(deployment)
        assert (found["surrogate"], found["surrogate_right"]) == (5, 4)

        assert deployment.run("forget", "--id", asked[0].id, "--task", TASK).returncode in (0, 1)
        found = accuracy(deployment)
        assert (found["surrogate"], found["surrogate_right"]) == (4, 4)
        wait_until(lambda: give(client, asked[0].id, wrong) == 404, 30, "the request to be forgotten")
        assert json.loads(deployment.run("forget", "--task", TASK, "--json").stdout)["feedback"] == 4
        assert accuracy(deployment) is None
    deployment.stop()
