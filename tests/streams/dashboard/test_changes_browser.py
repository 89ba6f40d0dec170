"""A person moves the slider, changes the target, takes it back, and switches a label off: in Chromium."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys as Press

from models.artifact import Artifact
from schemas.api_keys import ApiKey
from schemas.redis_keys import Keys
from streams.gateway.keys import create_key
from tests.page import waiting
from tests.streams.dashboard.in_thread import in_thread
from tests.streams.dashboard.operated import CONFIG, TASK, Operated, operated
from tests.streams.dashboard.scripted import HOSTILE
from tests.streams.dashboard.test_browser import SECONDS, text

DIALOG = "dialog[open]"


@contextmanager
def served(
    redis_url: str, keys: Keys, artifact: Artifact, api_keys: Mapping[str, ApiKey] | None = None
) -> Iterator[Operated]:
    with in_thread(operated(redis_url, keys, artifact, api_keys)) as place:
        yield place


def click(page: Chrome, path: str) -> None:
    """The first such element that is shown, once there is one."""
    found = waiting(page, SECONDS).until(
        lambda _: [one for one in page.find_elements(By.XPATH, path) if one.is_displayed()]
    )
    found[0].click()


def apply(page: Chrome, reason: str) -> None:
    """What the dialog shows."""
    waiting(page, SECONDS).until(lambda _: page.find_elements(By.CSS_SELECTOR, f"{DIALOG} #reason"))
    field = page.find_element(By.ID, "reason")
    field.clear()
    field.send_keys(reason, Press.ENTER)
    waiting(page, SECONDS).until(lambda _: text(page, f"{DIALOG} h2") == "Changed")


def test_a_target_is_tried_changed_and_taken_back(
    browser: Chrome, redis_url: str, keys: Keys, artifact: Artifact
) -> None:
    with served(redis_url, keys, artifact) as place:
        browser.get_log("browser")  # what other tests have left there
        browser.get(f"{place.url}/dashboard/tasks/{TASK}?tab=what-if")
        assert text(browser, ".slide output") == "95%"
        assert "requests" in text(browser, ".facts dd")
        slider = browser.find_element(By.ID, "target")
        slider.send_keys(Press.END)
        assert text(browser, ".slide output") == "99.9%"
        assert text(browser, ".facts dd").startswith("nothing")
        slider.send_keys(*[Press.ARROW_LEFT] * 9)
        assert text(browser, ".slide output") == "99%"
        click(browser, "//button[.='Change the target to 99%…']")
        assert text(browser, f"{DIALOG} tbody tr") == "target_agreement 0.95 0.99"
        apply(browser, "month's end")
        assert place.tasks.task(TASK).config.target_agreement == 0.99
        click(browser, "//dialog//button[.='Close']")
        assert "99% is the target in force" in text(browser, ".action p")
        click(browser, "//nav/a[.='Changes']")
        assert text(browser, ".made li p") == "month's end"
        assert text(browser, ".made .line") == "target_agreement: 0.95 → 0.99"
        click(browser, "//li//button[.='Undo…']")
        apply(browser, HOSTILE)
        assert place.tasks.overrides[TASK] == CONFIG
        click(browser, "//dialog//button[.='Close']")
        waiting(browser, SECONDS).until(
            lambda _: len(browser.find_elements(By.CSS_SELECTOR, ".made li")) == 2
        )
        assert text(browser, ".made li p") == HOSTILE
        assert browser.get_log("browser") == []


def test_a_label_is_switched_off_and_a_version_moved(
    browser: Chrome, redis_url: str, keys: Keys, artifact: Artifact
) -> None:
    with served(redis_url, keys, artifact) as place:
        browser.get(f"{place.url}/dashboard/tasks/{TASK}?tab=changes")
        click(browser, "//label[span='yes']")
        click(browser, "//form[@class='labelled']//button[.='Review the change…']")
        assert text(browser, f"{DIALOG} ins") == '["yes"]'
        apply(browser, "it is unclear")
        assert place.tasks.task(TASK).config.never_answer == ("yes",)
        click(browser, "//dialog//button[.='Close']")
        click(browser, "//button[.='Roll back to v1…']")
        assert text(browser, f"{DIALOG} .effects li") == "v2 becomes rolled back"
        apply(browser, "v2 is odd")
        click(browser, "//dialog//button[.='Close']")
        waiting(browser, SECONDS).until(
            lambda _: browser.find_elements(By.XPATH, "//button[.='Promote v2…']")
        )
        field = browser.find_element(By.ID, "field-target_agreement")
        field.clear()
        field.send_keys("95", Press.ENTER)
        assert "target_agreement" in text(browser, f"{DIALOG} [role=alert]")
        click(browser, "//dialog//button[.='Close']")
        assert place.tasks.task(TASK).config.target_agreement == 0.95


def test_what_somebody_else_has_changed_is_looked_at_again(
    browser: Chrome, redis_url: str, keys: Keys, artifact: Artifact
) -> None:
    with served(redis_url, keys, artifact) as place:
        browser.get(f"{place.url}/dashboard/tasks/{TASK}?tab=changes")
        click(browser, "//label[span='yes']")
        click(browser, "//form[@class='labelled']//button[.='Review the change…']")
        place.kafka.unread = CONFIG | {"never_answer": ["no"]}
        waiting(browser, SECONDS).until(lambda _: browser.find_elements(By.CSS_SELECTOR, f"{DIALOG} #reason"))
        browser.find_element(By.ID, "reason").send_keys("it is unclear", Press.ENTER)
        assert "it has changed since it was shown" in text(browser, f"{DIALOG} [role=alert]")
        place.tasks.configure(TASK, place.kafka.unread)
        click(browser, "//dialog//button[.='Look again']")
        checked = "return document.querySelector('.labels label:has(:checked)')?.textContent"
        waiting(browser, SECONDS).until(lambda _: browser.execute_script(checked) == "no")
        click(browser, "//label[span='yes']")
        place.tasks.configure(TASK, CONFIG | {"never_answer": []})
        click(browser, "//form[@class='labelled']//button[.='Review the change…']")
        assert "never_answer" in text(browser, f"{DIALOG} [role=alert]")
        assert place.kafka.written == []


def test_labels_and_versions_are_changed_where_they_are_shown(
    browser: Chrome, redis_url: str, keys: Keys, artifact: Artifact
) -> None:
    with served(redis_url, keys, artifact) as place:
        browser.get(f"{place.url}/dashboard/tasks/{TASK}?tab=labels")
        click(browser, "//button[@aria-label='Switch off no']")
        apply(browser, "a person has to say no")
        assert place.tasks.task(TASK).config.never_answer == ("no",)
        click(browser, "//dialog//button[.='Close']")
        assert text(browser, "tbody .why") == "an operator has switched it off"
        click(browser, "//button[@aria-label='Switch on no']")
        apply(browser, "the surrogate may")
        assert place.tasks.task(TASK).config.never_answer == ()
        click(browser, "//dialog//button[.='Close']")
        click(browser, "//nav/a[.='Versions']")
        click(browser, "//article[@data-version='v1']//button[.='Roll back to v1…']")
        apply(browser, "v2 is odd")
        click(browser, "//dialog//button[.='Undo…']")
        apply(browser, "it is not")
        click(browser, "//dialog//button[.='Close']")
        click(browser, "//button[.='Pin: promote nothing by itself…']")
        apply(browser, "release")
        click(browser, "//dialog//button[.='Close']")
        assert "pinned: release" in text(browser, ".badge.stopped")


def test_a_key_without_the_right_sees_and_changes_nothing(
    browser: Chrome, redis_url: str, keys: Keys, artifact: Artifact
) -> None:
    token, key = create_key("app", ("*",), "serve", 1)
    with served(redis_url, keys, artifact, {key.id: key}) as place:
        browser.get(f"{place.url}/dashboard")
        browser.execute_script("sessionStorage.setItem('understudy-key', arguments[0])", token)
        browser.get(f"{place.url}/dashboard/tasks/{TASK}?tab=changes")
        assert text(browser, ".changes h2") == "Read only"
        panel = browser.find_element(By.CSS_SELECTOR, ".changes")
        assert panel.find_elements(By.TAG_NAME, "button") == []
        fields = panel.find_elements(By.CSS_SELECTOR, "form input:not([type=search])")
        assert {field.is_enabled() for field in fields} == {False}
        for tab, drawn in (("Labels", "tbody th"), ("Versions", "article strong")):
            click(browser, f"//nav/a[.='{tab}']")
            assert text(browser, drawn)
            assert browser.find_elements(By.CSS_SELECTOR, "button.quiet") == []
        browser.execute_script("sessionStorage.clear()")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("tab", ["what-if", "changes"])
def test_axe_finds_nothing_here(
    browser: Chrome, axe: str, redis_url: str, keys: Keys, artifact: Artifact, tab: str, scheme: str
) -> None:
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    with served(redis_url, keys, artifact) as place:
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
        browser.get(f"{place.url}/dashboard/tasks/{TASK}?tab={tab}")
        text(browser, ".facts dd" if tab == "what-if" else ".settings label")
        browser.execute_script(axe)
        found = browser.execute_async_script("axe.run().then(arguments[0])")
        if tab == "changes":
            click(browser, "//button[.='Pause all answers…']")
            text(browser, f"{DIALOG} tbody tr")
            shown = browser.execute_async_script("axe.run('dialog').then(arguments[0])")
            found["violations"] += shown["violations"]
    assert [(one["id"], one["impact"], one["nodes"][0]["html"]) for one in found["violations"]] == []
