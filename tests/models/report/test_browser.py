"""A report as a reader meets it, in headless Chromium."""

from dataclasses import replace
from itertools import product
from pathlib import Path

import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import Select

from models.report import content, render
from models.study import CurvePoint, LabelStats

from .subjects import complete
from .test_page import HOSTILE


@pytest.fixture
def opened(browser: Chrome, tmp_path: Path) -> Chrome:
    file = tmp_path / "report.html"
    file.write_text(render(complete(HOSTILE)), encoding="utf-8")
    browser.get(file.as_uri())
    return browser


def shown_labels(page: Chrome) -> list[str]:
    rows = page.find_elements(By.CSS_SELECTOR, "#label-table tbody tr")
    return [row.find_element(By.TAG_NAME, "th").text for row in rows if row.is_displayed()]


def test_charts_need_no_connection(opened: Chrome) -> None:
    for chart in ("flow-chart", "frontier-chart", "reliability-chart", "curve-chart"):
        assert len(opened.find_elements(By.CSS_SELECTOR, f"#{chart} svg path")) > 3, chart
    assert opened.get_log("browser") == []
    assert opened.execute_script("return performance.getEntriesByType('resource').length") == 0


def test_labels_can_be_searched_and_sorted(opened: Chrome) -> None:
    assert len(shown_labels(opened)) == 3
    box = opened.find_element(By.ID, "label-search")
    box.send_keys("REFU")
    assert shown_labels(opened) == ["refund"]
    assert opened.find_element(By.ID, "label-count").text == "1 label"
    box.send_keys(Keys.BACKSPACE * 4)
    assert len(shown_labels(opened)) == 3
    heading = opened.find_element(By.XPATH, "//table[@id='label-table']//th[button='Traces']")
    for order, first in (("descending", HOSTILE), ("ascending", "address")):
        heading.find_element(By.TAG_NAME, "button").click()
        assert heading.get_attribute("aria-sort") == order
        assert opened.find_element(By.CSS_SELECTOR, "#label-table tbody th").text[:5] == first[:5]


def test_the_saving_follows_the_assumptions(opened: Chrome) -> None:
    def told(name: str) -> str:
        return opened.find_element(By.ID, f"cost-{name}").text

    def enter(name: str, value: str) -> None:
        field = opened.find_element(By.ID, f"cost-{name}")
        field.clear()
        field.send_keys(value)

    before = told("year"), told("day"), told("audits")
    assert before == ("$26,828 a year", "$73.50", "1,500")
    opened.execute_script("bill()")
    assert (told("year"), told("day"), told("audits")) == before
    enter("price", "0.01")
    enter("audit", "50")
    assert (told("day"), told("audits")) == ("$375.00", "37,500")
    Select(opened.find_element(By.ID, "cost-target")).select_by_visible_text("95\xa0%")
    assert (told("day"), told("answered")) == ("$250.00", "50,000")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_is_readable_in_both_schemes(opened: Chrome, scheme: str) -> None:
    feature = {"name": "prefers-color-scheme", "value": scheme}
    opened.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [feature]})
    inks = "ink", "soft", "surrogate", "teacher", "novel", "blocked", "good", "bad"
    for ink, paper in product(inks, ("paper", "raised", "sunken")):
        assert contrast(colour(opened, ink), colour(opened, paper)) >= 4.5, (ink, paper)


@pytest.mark.parametrize("width", [390, 500, 1200])
def test_no_table_is_cut_off(opened: Chrome, width: int) -> None:
    size = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": width < 600}
    opened.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    opened.execute_script("document.querySelectorAll('details').forEach((each) => { each.open = true; })")
    assert opened.execute_script("return document.documentElement.scrollWidth") <= width
    if width >= 500:
        script = (
            "return [...document.querySelectorAll('.scroll')].filter((each) => each.scrollWidth > "
            "each.clientWidth).map((each) => each.getAttribute('aria-label'))"
        )
        assert opened.execute_script(script) == []
    opened.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


@pytest.mark.parametrize(("points", "joined"), [(2, False), (3, True)])
def test_two_points_of_a_curve_are_not_joined(
    browser: Chrome, tmp_path: Path, points: int, joined: bool
) -> None:
    curve = tuple(CurvePoint(100 * place, {"0.9": 0.25 * place}) for place in range(1, points + 1))
    report = complete()
    assert report.study is not None
    file = tmp_path / "report.html"
    file.write_text(render(replace(report, study=replace(report.study, curve=curve))), encoding="utf-8")
    browser.get(file.as_uri())
    series = browser.execute_script("return shown.get('curve-chart').getOption().series")
    assert [len(each["data"]) for each in series] == [points]
    assert series[0]["showSymbol"] is not False
    assert series[0]["symbolSize"] > 0
    assert (series[0]["lineStyle"]["width"] > 0) == joined


def test_disagreements_are_saved_as_csv(opened: Chrome) -> None:
    opened.execute_script(
        "URL.createObjectURL = (blob) => { window.saved = blob; return '#saved'; };"
        "HTMLAnchorElement.prototype.click = function () { window.savedAs = this.download; };"
    )
    opened.find_element(By.ID, "disagreements-save").click()
    text = opened.execute_async_script("window.saved.text().then(arguments[0])")
    assert opened.execute_script("return window.savedAs") == "disagreements.csv"
    report = content(complete(HOSTILE))
    assert report.disagreements == 9
    assert text == report.disagreements_csv


def test_the_worst_label_is_marked(opened: Chrome, tmp_path: Path) -> None:
    stats = (LabelStats("fine", 50, 50, 50, 0.92, 1.0), LabelStats("poor", 50, 50, 25, 0.35, 0.65))
    file = tmp_path / "marked.html"
    report = complete()
    assert report.study is not None
    page = render(replace(report, study=replace(report.study, label_stats=stats)))
    file.write_text(page, encoding="utf-8")
    opened.get(file.as_uri())
    assert shown_labels(opened) == ["poor\nbelow target", "fine"]
    assert len(opened.find_elements(By.CSS_SELECTOR, "tr.below")) == 1


def colour(page: Chrome, name: str) -> list[int]:
    script = "return getComputedStyle(document.documentElement).getPropertyValue('--' + arguments[0]).trim()"
    digits = page.execute_script(script, name).removeprefix("#")
    return [int(digits[place : place + 2], 16) for place in (0, 2, 4)]


def contrast(one: list[int], other: list[int]) -> float:
    """Ratio of luminances as WCAG 2 defines it, from 1 to 21."""
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def luminance(channels: list[int]) -> float:
    shares = [channel / 255 for channel in channels]
    linear = [share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4 for share in shares]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
