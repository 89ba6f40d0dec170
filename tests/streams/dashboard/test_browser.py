"""The dashboard as a person meets it, in headless Chromium."""

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest
from msgspec import structs
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import Select

from schemas.events import Event, EventKind, RefitDetails, RefusedDetails
from streams.dashboard.system.recent_events import RecentEvents
from streams.dashboard.tasks.views import TaskView
from streams.gateway.keys import create_key
from streams.state.running_refits import RunningRefit
from tests.page import waiting
from tests.streams.dashboard.in_thread import in_thread
from tests.streams.dashboard.scripted import BEGAN, HOSTILE, NEW, ScriptedReader, certified, running

SECONDS = 20.0
PATHS = (
    "/dashboard",
    "/dashboard/events",
    "/dashboard/system",
    "/dashboard/tasks/tickets",
    "/dashboard/tasks/tickets?tab=traffic",
    "/dashboard/tasks/tickets?tab=deferred",
)
READER = (certified("tickets"), replace(NEW, task=HOSTILE, breaker="agreement fell to 81%"))


EVENTS = (
    *(
        event
        for number in range(14)
        for event in (
            RefitDetails(f"v{number}", 900, 1).event("tickets", BEGAN + 10 * number, "tickets: fitting"),
            RefusedDetails(f"v{number}", ()).event(
                "tickets", BEGAN + 10 * number + 1, "tickets: no target passes"
            ),
        )
    ),
    Event(EventKind.ALARM, "intents", BEGAN + 5, f"intents: agreement fell: {HOSTILE}"),
    Event(EventKind.PROMOTED, "tickets", BEGAN - 90_000_000, "tickets: v1 goes live"),
)


@contextmanager
def served(reader: ScriptedReader, *keys: str) -> Iterator[str]:
    """Address of a dashboard."""
    known = {key.id: key for key in [create_key("app", ("*",), "serve", 1)[1]] if keys}
    events = RecentEvents()
    events.note(EVENTS)
    with in_thread(running(reader, known, events)) as url:
        yield url


@pytest.fixture(autouse=True)
def _fresh_page(browser: Chrome) -> None:
    """The page of the test before asks a server that is gone; what its console says of that is no news."""
    browser.get("about:blank")
    browser.get_log("browser")


def text(page: Chrome, selector: str) -> str:
    """Of the first such element, once there is one with text."""
    found = waiting(page, SECONDS).until(
        lambda _: [one.text for one in page.find_elements(By.CSS_SELECTOR, selector) if one.text]
    )
    return str(found[0])


def test_a_person_goes_from_all_tasks_to_the_certificate_of_one(browser: Chrome) -> None:
    reader = ScriptedReader(*READER)
    reader.refit = RunningRefit(BEGAN, 1_200, "gate")
    with served(reader) as url:
        browser.get(f"{url}/dashboard")
        assert text(browser, "tbody th") == HOSTILE
        assert text(browser, "tbody .badge.stopped").endswith("breaker open: the teacher answers")
        browser.find_element(By.LINK_TEXT, "tickets").click()
        assert text(browser, ".lead").startswith(
            "v2 is certified to agree with the teacher in at least 95.0%"
        )
        assert re.fullmatch(r"A refit on 1,200 traces runs since .+: gate\.", text(browser, ".refit"))
        assert len(browser.find_elements(By.CSS_SELECTOR, "svg .lower")) == 2
        assert len(browser.find_elements(By.CSS_SELECTOR, "svg .mark.lost")) == 1
        before = browser.find_element(By.CSS_SELECTOR, "svg .lower").get_attribute("d")
        browser.find_element(By.XPATH, "//button[.='over time']").click()
        assert browser.find_element(By.CSS_SELECTOR, "svg .lower").get_attribute("d") != before
        newest = text(browser, ".reading")
        browser.find_element(By.CSS_SELECTOR, ".chart svg").send_keys(Keys.HOME)
        assert text(browser, ".reading") != newest
        assert text(browser, ".reading").startswith("v1, ")
        browser.find_element(By.TAG_NAME, "summary").click()
        assert "340" in text(browser, "details tbody tr")
        assert text(browser, "section .badge.stopped").endswith("blocked")
        browser.find_element(By.LINK_TEXT, "Traffic").click()
        assert text(browser, ".bars + .legend")
        assert len(browser.find_elements(By.CSS_SELECTOR, "section:first-child rect.surrogate")) == 59
        assert browser.get_log("browser") == []


def test_a_person_finds_an_event_in_the_time_line(browser: Chrome) -> None:
    with served(ScriptedReader(*READER)) as url:
        browser.get(f"{url}/dashboard/events")
        assert text(browser, ".events .sentence").startswith("14 refits that changed nothing")
        assert len(browser.find_elements(By.CSS_SELECTOR, ".events li")) == 3
        Select(browser.find_element(By.ID, "of-kind")).select_by_value("alarm")
        wait = waiting(browser, SECONDS)
        wait.until(lambda _: len(browser.find_elements(By.CSS_SELECTOR, ".events li")) == 1)
        assert HOSTILE in text(browser, ".events .sentence")
        assert browser.current_url.endswith("?kind=alarm")
        browser.get(f"{url}/dashboard/events?folded=no&task=tickets")
        wait.until(lambda _: len(browser.find_elements(By.CSS_SELECTOR, ".events li")) == 29)
        assert browser.get_log("browser") == []


def test_a_person_sees_what_is_wrong_with_the_system(browser: Chrome) -> None:
    with served(ScriptedReader(*READER)) as url:
        browser.get(f"{url}/dashboard/system")
        assert text(browser, ".tally .badge.stopped").endswith("4 problems")
        assert "start it again" in text(browser, ".checks .problem")
        assert "has said nothing for 2 min" in text(browser, "tbody tr")
        assert browser.get_log("browser") == []


def test_a_person_reads_why_requests_were_deferred(browser: Chrome) -> None:
    with served(ScriptedReader(*READER)) as url:
        browser.get(f"{url}/dashboard/tasks/tickets")
        text(browser, ".lead")
        browser.find_element(By.LINK_TEXT, "Deferred").click()
        assert HOSTILE in text(browser, "tbody tr")
        Select(browser.find_element(By.ID, "of-reason")).select_by_value("low_score")
        assert "where is my parcel" in text(browser, "tbody tr")
        assert "too long" in browser.find_elements(By.TAG_NAME, "table")[1].text
        assert "x-understudy-decision-id" in text(browser, ".apps code")
        assert [
            one.text for one in browser.find_elements(By.CSS_SELECTOR, "td code") if one.text == "max_text"
        ]
        assert "1 of them names no task" in browser.find_element(By.TAG_NAME, "main").text
        assert browser.get_log("browser") == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("path", PATHS)
def test_axe_finds_nothing(browser: Chrome, axe: str, path: str, scheme: str) -> None:
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    with served(ScriptedReader(*READER)) as url:
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
        browser.get(url + path)
        text(browser, ".events .sentence" if path.endswith("events") else "tbody th, details, .legend")
        browser.execute_script(axe)
        found = browser.execute_async_script("axe.run().then(arguments[0])")
    assert [(one["id"], one["impact"], one["nodes"][0]["html"]) for one in found["violations"]] == []
    assert len(found["passes"]) > 10


def test_an_outage_is_red_and_ends(browser: Chrome) -> None:
    reader = ScriptedReader(*READER)
    with served(reader) as url:
        browser.get(f"{url}/dashboard")
        text(browser, ".pulse.live")
        reader.is_away = True
        assert "Redis is away" in text(browser, ".pulse.stale")
        assert text(browser, "tbody th") == HOSTILE, "what was known is still shown"
        reader.is_away = False
        text(browser, ".pulse.live")


def test_what_a_person_reads_stays_when_more_is_told(browser: Chrome) -> None:
    reader = ScriptedReader(certified("tickets"))
    with served(reader) as url:
        browser.get(f"{url}/dashboard/tasks/tickets")
        text(browser, ".pulse.live")
        browser.find_element(By.CSS_SELECTOR, ".chart svg").send_keys(Keys.HOME, Keys.ARROW_RIGHT)
        read = text(browser, ".reading")
        reader.statuses = (replace(certified("tickets"), traces=9_999),)
        waiting(browser, SECONDS).until(lambda _: "9,999" in text(browser, ".facts"))
        assert text(browser, ".reading") == read
        browser.switch_to.active_element.send_keys(Keys.HOME)
        assert text(browser, ".reading") != read


def test_a_screen_reader_is_told_of_changes_alone(browser: Chrome) -> None:
    reader = ScriptedReader(*READER)
    with served(reader) as url:
        browser.get(f"{url}/dashboard")
        text(browser, ".pulse.live")
        browser.execute_script(
            "window.said = 0; new MutationObserver(() => window.said++).observe("
            "document.querySelector('[role=status]'), {childList: true, subtree: true, characterData: true})"
        )
        reads = reader.reads
        waiting(browser, SECONDS).until(lambda _: reader.reads > reads + 3)
        assert browser.execute_script("return window.said") == 0
        reader.is_away = True
        text(browser, ".pulse.stale")
        assert browser.execute_script("return window.said") > 0


def test_bars_of_the_last_hour_move_on_where_nothing_is_labelled(browser: Chrome) -> None:
    class Later(ScriptedReader):
        at = BEGAN

        async def task(self, name: str) -> TaskView:
            return structs.replace(await super().task(name), at=self.at)

    reader = Later(certified("tickets"))
    with served(reader) as url:
        browser.get(f"{url}/dashboard/tasks/tickets?tab=traffic")
        text(browser, ".bars + .legend")
        place = "return document.querySelector('svg rect.surrogate').getAttribute('x')"
        before = browser.execute_script(place)
        reader.at += 60_000 * 10
        waiting(browser, SECONDS).until(lambda _: browser.execute_script(place) != before)


def test_a_hidden_tab_reads_nothing(browser: Chrome) -> None:
    reader = ScriptedReader(*READER)
    with served(reader) as url:
        browser.get(f"{url}/dashboard")
        text(browser, ".pulse.live")
        _hide(browser, is_hidden=True)
        waiting(browser, SECONDS).until(lambda _: _is_still(reader))
        _hide(browser, is_hidden=False)
        reads = reader.reads
        waiting(browser, SECONDS).until(lambda _: reader.reads > reads + 1)


def test_a_gateway_with_keys_asks_for_one(browser: Chrome) -> None:
    with served(ScriptedReader(*READER), "with keys") as url:
        browser.get(f"{url}/dashboard")
        assert text(browser, "#key h1") == "This gateway asks for a key"
        assert browser.find_elements(By.TAG_NAME, "tbody") == []


def _hide(page: Chrome, *, is_hidden: bool) -> None:
    """What a browser says of a tab that is not seen."""
    page.execute_script(
        "Object.defineProperty(document, 'hidden', {value: arguments[0], configurable: true});"
        "document.dispatchEvent(new Event('visibilitychange'))",
        is_hidden,
    )


def _is_still(reader: ScriptedReader) -> bool:
    """Nothing is read for a while, in which much would be."""
    reads = reader.reads
    threading.Event().wait(0.5)
    return reader.reads == reads
