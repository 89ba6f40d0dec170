"""The dashboard of a real gateway tells what the audits on a real Kafka and Redis have proven so far."""

import json
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import httpx2
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By

from infra.harness.waiting import Stalled
from schemas.messages import Request
from tests.browser import browser
from tests.page import waiting
from tests.system.deployment import Deployment
from tests.system.gold import GoldTeacher
from tests.system.test_gateway import started
from tests.system.wishes import TASK, VERSION, answers, publish, wishes

__all__ = ["browser"]

SENT = 600
SECONDS = 240.0


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


def test_an_operator_sees_what_happens_and_what_is_wrong(deployment: Deployment, browser: Chrome) -> None:
    publish(deployment)
    requests = wishes(200, "seen")
    route, learn, _ = (deployment.worker(role) for role in ("route", "learn", "certify"))
    bad = b'{"id": "bad", "task": "%s"}' % TASK.encode()
    producer = deployment.producer()
    producer.produce(deployment.topics.requests, bad, b"bad")
    assert producer.flush(30) == 0
    gold = answers(requests) | {"odd": "track"}
    with GoldTeacher(deployment, gold), closing(started(deployment)) as client:
        deployment.configure(TASK, audit_rate=1.0, target_agreement=0.9)
        deployment.send([*requests, Request("odd", TASK, "zzz qqq 99 <b>")])
        browser.get(f"{client.base_url}/dashboard/tasks/{TASK}?tab=traffic")
        wait = waiting(browser, SECONDS)
        wait.until(lambda _: browser.find_elements(By.CSS_SELECTOR, "rect.surrogate"))

        browser.find_element(By.LINK_TEXT, "Deferred").click()
        wait.until(lambda _: "zzz qqq 99 <b>" in _seen(browser, read_again=True))
        wait.until(lambda _: "needs text, embedding or both" in _seen(browser), "why the bad request is none")
        browser.find_element(By.ID, "why").send_keys("tried again")
        browser.find_element(By.XPATH, "//button[.='Send again']").click()
        wait.until(lambda _: "not sent: it can't be read, and would fail again" in _seen(browser))

        browser.find_element(By.LINK_TEXT, "Events").click()
        wait.until(lambda _: "config applied" in _seen(browser))

        browser.find_element(By.LINK_TEXT, "System").click()
        wait.until(lambda _: "nobody reads it" in _seen(browser), "no teacher of ours has read the deferrals")
        assert {"route", "learn", "certify", "gateway"} <= _workers(browser)
        assert "has counted all audits" in _seen(browser)
        route.kill()
        wait.until(lambda _: "it was killed, hangs, or can't reach Redis" in _seen(browser))
        learn.stop()
        wait.until(lambda _: "learn" not in _workers(browser))
    deployment.stop()


def _seen(page: Chrome, *, read_again: bool = False) -> str:
    """What stands on the page now."""
    if read_again:
        page.find_element(By.XPATH, "//button[.='Read again']").click()
    return str(page.execute_script("return document.querySelector('main').innerText"))


def _workers(page: Chrome) -> set[str]:
    """The roles of the workers that are listed."""
    rows = page.execute_script(
        "const table = document.querySelector('[aria-label^=\"Workers\"] tbody');"
        "return [...table.rows].map((row) => row.cells[0].innerText)"
    )
    return {role for row in rows for role in row.split(", ")}


def told(client: httpx2.Client, path: str) -> Iterator[Any]:
    """The views of a stream, as they come."""
    view: dict[str, Any] = {}
    with client.stream("GET", path, timeout=SECONDS) as answer:
        text = ""
        for part in answer.iter_text():
            text += part
            while "\n\n" in text:
                event, _, text = text.partition("\n\n")
                name, content = event.split("\n")
                if name != "event: problem":
                    view = {**view, **json.loads(content.removeprefix("data: "))}
                    yield view
    raise Stalled(f"the stream of {path} has ended")
