"""A person changes a task on the dashboard of a real gateway: topics, page and command line agree."""

import json
from contextlib import closing

import httpx2
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from infra.harness.waiting import wait_until
from schemas.codec import EVENT
from schemas.events import ConfigChangedDetails, Event, EventKind
from streams.gateway.operator_check import CHANGE_HEADER
from tests.browser import browser
from tests.page import waiting
from tests.system.deployment import Deployment
from tests.system.test_gateway import ask, started
from tests.system.topics import everything
from tests.system.wishes import TASK, publish

__all__ = ["browser"]

SECONDS = 240.0


def test_a_pause_on_the_page_holds_until_it_is_undone(deployment: Deployment, browser: Chrome) -> None:
    publish(deployment)
    deployment.configure(TASK, audit_rate=0.0, audit_early=0.0)
    with closing(started(deployment)) as client:
        wait_until(lambda: source(client, "before") == "surrogate", 30, "an answer")
        browser.get(f"{client.base_url}/dashboard/tasks/{TASK}?tab=changes")
        press(browser, "//button[.='Pause all answers…']")
        confirm(browser, "the prompt is being changed")
        assert source(client, "paused", timeout=1.0) != "surrogate"
        shown = json.loads(deployment.run("config", "get", TASK).stdout)
        assert (shown["paused"], shown["audit_rate"]) == (True, 0.0), "what was set before stays"
        press(browser, "//li//button[.='Undo…']")
        confirm(browser, "it is changed")
        assert source(client, "after") == "surrogate"
        assert json.loads(deployment.run("config", "get", TASK).stdout)["paused"] is False

        why = ("--reason", "by hand", "--by", "ann")
        ended = deployment.run("config", "set", TASK, "target_agreement=0.97", *why)
        assert ended.returncode == 0, ended.stderr
        assert deployment.run("policies", "pin", TASK, "--reason", "release").returncode == 0
        page = client.get(f"/dashboard/read/changes/{TASK}").json()
        assert [(row["change"]["by"], row["change"]["reason"]) for row in page["changes"]] == [
            ("operator", "release"),
            ("ann", "by hand"),
            ("this machine", "it is changed"),
            ("this machine", "the prompt is being changed"),
        ]
        wait_until(lambda: target(client) == 0.97, 30, "the target of the command line on the page")
        told = [ConfigChangedDetails.of(event) for event in events(deployment, EventKind.CONFIG_CHANGED)]
        assert [(one.by, dict(one.before), dict(one.after)) for one in told] == [
            ("this machine", {}, {"paused": True}),
            ("this machine", {"paused": True}, {}),
            ("ann", {}, {"target_agreement": 0.97}),
        ]
        assert len(events(deployment, EventKind.PINNED)) == 1
    deployment.stop()


def test_a_key_needs_the_right_to_operate(deployment: Deployment) -> None:
    publish(deployment)
    deployment.configure(TASK, audit_rate=0.0)
    first = deployment.run("keys", "create", "app", "--json")
    assert "answers nobody without a key" in first.stderr
    reads = json.loads(first.stdout)["key"]
    second = deployment.run("keys", "create", "ann", "--operate", "--task", TASK)
    assert "answers nobody" not in second.stderr
    operates = second.stdout.strip()
    assert "operates" in deployment.run("keys", "list").stdout
    wish = {"what": "config", "fields": {"target_agreement": 0.97}}
    with closing(started(deployment)) as client:
        place = f"/dashboard/change/preview/{TASK}"
        headers = {CHANGE_HEADER: "test", "x-understudy-key": reads}
        assert client.post(place, json={"wish": wish}, headers=headers).status_code == 403
        headers["x-understudy-key"] = operates
        shown = client.post(place, json={"wish": wish}, headers=headers)
        assert shown.status_code == 200, shown.text
        body = {"wish": wish, "reason": "since", "seen": shown.json()["seen"]}
        made = client.post(f"/dashboard/change/apply/{TASK}", json=body, headers=headers)
        assert made.json()["by"] == "ann", made.text
        assert json.loads(deployment.run("config", "get", TASK).stdout)["target_agreement"] == 0.97
    deployment.stop()


def source(client: httpx2.Client, number: str, **body: object) -> str:
    """Who has answered a request."""
    answer = ask(client, number, "please thanks hello where is my parcel", **body)
    return str(answer.headers.get("x-understudy-source", f"nobody: {answer.status_code}"))


def target(client: httpx2.Client) -> float:
    fields = client.get(f"/dashboard/read/changes/{TASK}").json()["fields"]
    return next(float(field["value"]) for field in fields if field["name"] == "target_agreement")


def events(deployment: Deployment, kind: EventKind) -> list[Event]:
    found = [EVENT.decode(message.value()) for message in everything(deployment, deployment.topics.events)]
    return sorted((event for event in found if event.kind is kind), key=lambda event: event.at)


def press(page: Chrome, path: str) -> None:
    waiting(page, SECONDS).until(lambda _: page.find_elements(By.XPATH, path))[0].click()


def confirm(page: Chrome, reason: str) -> None:
    """Give the reason that the dialog asks for, and close it once the change is made."""
    waiting(page, SECONDS).until(lambda _: page.find_elements(By.ID, "reason"))[0].clear()
    page.find_element(By.ID, "reason").send_keys(reason, Keys.ENTER)
    press(page, "//dialog[h2='Changed']//button[.='Close']")
