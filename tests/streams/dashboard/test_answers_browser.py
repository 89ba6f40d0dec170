"""One request, one label and one version, as a person looks at them in headless Chromium."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from msgspec import structs
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By

from schemas.messages import Label, Reason
from streams.certify.history import CertificatePoint
from streams.dashboard.tasks.views import TaskView
from tests.page import waiting
from tests.streams.dashboard.accounts import asked
from tests.streams.dashboard.asked import YES, Asked
from tests.streams.dashboard.scripted import BEGAN, HOSTILE, ScriptedReader, certified
from tests.streams.dashboard.test_browser import SECONDS

TABS = ("labels", "versions", "try")


@contextmanager
def shown(
    browser: Chrome, tab: str, made: Asked | None = None, reader: ScriptedReader | None = None
) -> Iterator[Asked]:
    """A task's tab in the browser."""
    asks = made or asked()
    with asks.served(reader) as url:
        browser.get_log("browser")  # what other tests have left there
        browser.get(f"{url}/dashboard/tasks/t?tab={tab}")
        text(browser, ".tabs a[aria-current]")
        yield asks


def until(browser: Chrome, condition: Callable[[], object]) -> None:
    waiting(browser, SECONDS).until(lambda _: condition())


def texts(browser: Chrome, selector: str) -> list[str]:
    """Of all such elements at one moment: the page may draw them anew at any."""
    script = "return [...document.querySelectorAll(arguments[0])].map((one) => one.innerText).filter(Boolean)"
    return [str(one) for one in browser.execute_script(script, selector)]


def text(browser: Chrome, selector: str) -> str:
    """Of the first such element, once there is one with text."""
    until(browser, lambda: texts(browser, selector))
    return texts(browser, selector)[0]


def test_a_text_is_tried(browser: Chrome) -> None:
    with shown(browser, "try"):
        field = browser.find_element(By.ID, "try-text")
        field.send_keys(YES)
        browser.find_element(By.XPATH, "//button[.='Try it']").click()
        assert text(browser, ".opinion .guess") == "yes"
        assert "surrogate answers" in text(browser, ".opinion .badge")
        assert "at or above the threshold 0.7000" in text(browser, ".opinion")
        assert "5.0% of the requests are checked" in text(browser, ".answer")
        browser.find_element(By.XPATH, "//button[.='Look for traces with its words']").click()
        until(browser, lambda: "words in common" in text(browser, ".answer"))
        assert text(browser, ".answer tbody th") == YES
        field.clear()
        field.send_keys("no 0.2 0.1")
        browser.find_element(By.XPATH, "//button[.='Try it']").click()
        until(browser, lambda: "teacher is asked" in text(browser, ".opinion .badge"))
        assert "below the threshold" in text(browser, ".opinion")
        field.clear()
        browser.find_element(By.XPATH, "//button[.='Try it']").click()
        until(browser, lambda: "Type a text first" in text(browser, ".said.refused"))
        assert browser.find_elements(By.CSS_SELECTOR, ".opinion") == [], "no answer of another text is left"
        assert browser.get_log("browser") == []


def test_an_id_in_the_address_is_explained(browser: Chrome) -> None:
    made = asked()
    made.recent.keep(
        Label(
            "r4", "t", "no", "teacher", Reason.LOW_SCORE, BEGAN, BEGAN, score=0.1, threshold=0.7, policy="v2"
        )
    )
    with shown(browser, "try&id=r4", made):
        assert text(browser, ".answer .lead").startswith("It was deferred, since the score 0.1000 is below")
        browser.find_element(By.ID, "request-search").click()
        browser.find_element(By.XPATH, "//button[.='Explain it']").click()
        until(browser, lambda: len(texts(browser, ".opinion")) == 2)
        assert "Nothing has changed: v2 decides it as it did." in text(browser, ".answer:not(:empty)")
        field = browser.find_element(By.ID, "request-id")
        field.clear()
        field.send_keys(HOSTILE)
        browser.find_element(By.XPATH, "//button[.='Explain it']").click()
        until(browser, lambda: "Nothing is at hand" in text(browser, ".answer .lead"))
        assert "understudy consume labels" in text(browser, ".answer code")


def test_labels_are_told_with_what_contradicts_them(browser: Chrome) -> None:
    with shown(browser, "labels"):
        assert text(browser, "tbody th") == "refund_not_showing_up"
        assert "audits speak against it" in text(browser, "tbody .why")
        assert HOSTILE in texts(browser, "tbody th")
        switches = [
            one.get_attribute("aria-label") for one in browser.find_elements(By.CSS_SELECTOR, "td button")
        ]
        assert switches[0] == "Switch off refund_not_showing_up"
        browser.find_element(By.XPATH, "//button[.='Look for them']").click()
        until(browser, lambda: len(texts(browser, ".answer table")) == 2)
        assert text(browser, ".answer tbody th").startswith(HOSTILE)
        assert "4 of this one, 3 of them audits" in text(browser, ".answer")


def test_versions_are_told_with_frontier_trial_and_refusals(browser: Chrome) -> None:
    with shown(browser, "versions"):
        assert text(browser, ".opinion").startswith("v3, in shadow since")
        assert texts(browser, ".entry .guess") == ["v3", "v2", "v1"]
        assert len(browser.find_elements(By.CSS_SELECTOR, ".entry svg.frontier")) == 3
        assert "Promote v3…" in text(browser, "[data-version=v3]")
        assert "Promote" not in text(browser, "[data-version=v2]")
        assert "it has passed our battery (ann" in text(browser, "[data-version=v2]")
        assert HOSTILE in text(browser, ".moves")
        browser.find_element(By.CSS_SELECTOR, "[data-version=v2] summary").click()
        assert "less coverage" in text(browser, "[data-version=v2] details")
        link = browser.find_element(By.CSS_SELECTOR, "[data-version=v2] a")
        assert str(link.get_attribute("href")).endswith("/dashboard/read/report/t?version=v2")
        assert browser.get_log("browser") == []


def test_what_can_not_be_read_is_said_and_comes_back(browser: Chrome) -> None:
    made = asked()
    made.accounts.is_away = True
    with shown(browser, "versions", made):
        assert "Redis is away" in text(browser, ".said.refused")
        made.accounts.is_away = False
        assert text(browser, ".entry .guess") == "v3"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("tab", TABS)
def test_axe_finds_nothing(browser: Chrome, axe: str, tab: str, scheme: str) -> None:
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
    with shown(browser, tab):
        if tab == "try":
            browser.find_element(By.ID, "try-text").send_keys(YES)
            browser.find_element(By.XPATH, "//button[.='Try it']").click()
            text(browser, ".opinion")
        elif tab == "labels":
            browser.find_element(By.XPATH, "//button[.='Look for them']").click()
            text(browser, ".answer table")
        else:
            text(browser, ".entry .guess")
        browser.execute_script(axe)
        found = browser.execute_async_script("axe.run().then(arguments[0])")
    assert [(one["id"], one["impact"], one["nodes"][0]["html"]) for one in found["violations"]] == []
    assert len(found["passes"]) > 10


def test_another_teacher_begins_a_new_segment(browser: Chrome) -> None:
    def points(certificate: int, first: int) -> list[CertificatePoint]:
        return [
            CertificatePoint(
                BEGAN + at * 1_000, "v2", at - first + 1, 0, 0.5, 0.95, "not_yet", 0.0, certificate
            )
            for at in range(first, first + 40)
        ]

    class TwoTeachers(ScriptedReader):
        async def task(self, name: str) -> TaskView:
            return structs.replace(
                await super().task(name), history=[[*points(1, 0), *points(2, 40)]], moves=[]
            )

    with shown(browser, "proof", reader=TwoTeachers(certified("t"))):
        text(browser, ".reading")
        assert len(browser.find_elements(By.CSS_SELECTOR, "svg path.lower")) == 2
        assert len(browser.find_elements(By.CSS_SELECTOR, "svg .move.anew")) == 1
        browser.find_element(By.TAG_NAME, "summary").click()
        assert "v2, counted anew" in text(browser, "details tbody")
