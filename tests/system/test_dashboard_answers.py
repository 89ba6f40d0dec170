"""On a real stack a person tries a text, finds out why one was deferred, and looks at labels and versions."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Any

import httpx2
import redis
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By

from infra.harness.waiting import wait_until
from tests.browser import browser
from tests.page import waiting
from tests.system.deployment import Deployment
from tests.system.gold import GoldTeacher
from tests.system.test_gateway import ask, started
from tests.system.topics import everything
from tests.system.wishes import TASK, VERSION, answers, publish, wishes

__all__ = ["browser"]
ODD, SECONDS = "zzz qqq 99", 240.0
Kept = tuple[dict[str, int], set[bytes]]


def test_a_person_finds_out_why(deployment: Deployment, redis_url: str, browser: Chrome) -> None:
    publish(deployment)
    deployment.configure(TASK, audit_rate=1.0, audit_early=0.0, repeat_rate=0.0)
    requests = wishes(80, "seen")
    right = answers(requests) | {"odd": "refund"}
    wrong = requests[0].id
    given = right | {wrong: next(label for label in right.values() if label != right[wrong])}
    deployment.worker("learn", "certify")
    with GoldTeacher(deployment, given), closing(started(deployment)) as client:
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda one: ask(client, one.id, one.text or ""), requests))
        deferred = ask(client, "odd", ODD, timeout=60.0)
        assert deferred.json()["source"] == "teacher", deferred.text
        traces = deployment.topics.traces
        wait_until(lambda: len(everything(deployment, traces)) == 81, SECONDS, "all traces")
        wait_until(lambda: _labels(client)["labels"][0]["audits"] is not None, SECONDS, "audits of labels")

        before = _at_rest(deployment, redis_url)
        known = requests[1]
        tried = _read(client, "try", text=known.text)
        assert (tried["live"]["answered"], tried["live"]["label"]) == (True, right[known.id])
        odd = _read(client, "request", id="odd", search=True)
        assert odd["sentence"].startswith("It was deferred, since ")
        assert (odd["text"], odd["teacher"], odd["now"]["answered"]) == (ODD, "refund", False)
        assert odd["now"]["reason"] == odd["then"]["reason"]
        assert odd["difference"] == f"Nothing has changed: {VERSION} decides it as it did."
        suspects = _read(client, "suspects")
        assert [one["id"] for one in suspects["suspects"]] == [wrong]
        assert suspects["traces"] == 81
        assert _labels(client)["labels"][0]["label"] == right[wrong], "most disagreements first"
        (version,) = _read(client, "versions")["rows"]
        assert (version["version"], version["stage"], version["kept"]) == (VERSION, "live", True)
        report = client.get(f"/dashboard/read/report/{TASK}?version={VERSION}", timeout=60.0)
        assert report.status_code == 200, report.text
        assert "rows that it was given" in report.text
        assert _all_that_is_kept(deployment, redis_url) == before, "nothing was changed by it"

        _click_through(browser, str(client.base_url).rstrip("/"), known.text or "", right[known.id])
    deployment.stop()


def _click_through(page: Chrome, url: str, text: str, label: str) -> None:
    def shown(selector: str) -> str:
        script = "return [...document.querySelectorAll(arguments[0])].map((one) => one.innerText).join(' ')"
        return str(page.execute_script(script, selector))

    def wait(condition: Callable[[], object]) -> None:
        waiting(page, SECONDS).until(lambda _: condition())

    page.get(f"{url}/dashboard")
    wait(lambda: TASK in shown("tbody th"))
    page.find_element(By.LINK_TEXT, TASK).click()
    wait(lambda: VERSION in shown(".lead"))
    page.find_element(By.LINK_TEXT, "Try a text").click()
    page.find_element(By.ID, "try-text").send_keys(text)
    page.find_element(By.XPATH, "//button[.='Try it']").click()
    wait(lambda: "surrogate answers" in shown(".opinion"))
    assert label in shown(".opinion .guess")
    page.find_element(By.ID, "request-id").send_keys("odd")
    page.find_element(By.XPATH, "//button[.='Explain it']").click()
    wait(lambda: "It was deferred, since" in shown(".answer .lead"))
    page.find_element(By.LINK_TEXT, "Labels").click()
    wait(lambda: "refund" in shown("tbody th"))
    page.find_element(By.XPATH, "//button[.='Look for them']").click()
    wait(lambda: "1 of these disagree" in shown(".answer"))
    page.find_element(By.CSS_SELECTOR, "[aria-label='Switch off refund']").click()
    wait(lambda: "never_answer" in shown("dialog"))
    page.find_element(By.ID, "reason").send_keys("refunds are for people")
    page.find_element(By.XPATH, "//dialog//button[.='Apply']").click()
    wait(lambda: "Changed" in shown("dialog h2"))
    page.find_element(By.XPATH, "//dialog//button[.='Close']").click()
    wait(lambda: "an operator has switched it off" in shown(".why"))
    page.find_element(By.LINK_TEXT, "Versions").click()
    wait(lambda: VERSION in shown(".entry .guess"))
    href = page.find_element(By.CSS_SELECTOR, ".entry a").get_attribute("href")
    page.get(str(href))
    wait(lambda: "Understudy report" in shown(".masthead"))
    assert page.execute_script("return self.origin") == "null", "the report is no page of the gateway"


def _read(client: httpx2.Client, noun: str, **body: Any) -> Any:
    path = f"/dashboard/read/{noun}/{TASK}"
    answer = client.post(path, json=body) if body else client.get(path)
    assert answer.status_code == 200, answer.text
    return answer.json()


def _labels(client: httpx2.Client) -> Any:
    return _read(client, "labels")


def _at_rest(deployment: Deployment, redis_url: str) -> Kept:
    """What is kept once nothing more comes of what was asked."""
    seen = [_all_that_is_kept(deployment, redis_url)]

    def is_still() -> bool:
        time.sleep(2.0)
        seen.append(_all_that_is_kept(deployment, redis_url))
        return seen[-1] == seen[-2]

    wait_until(is_still, SECONDS, "nothing more to be written")
    return seen[-1]


def _all_that_is_kept(deployment: Deployment, redis_url: str) -> Kept:
    """Messages in each topic, and the keys in Redis."""
    names = deployment.topics.all()
    with redis.Redis.from_url(redis_url) as store:
        keys = set(store.keys(f"{deployment.settings.prefix}:*{TASK}*"))
    return {name: len(everything(deployment, name)) for name in names}, keys
