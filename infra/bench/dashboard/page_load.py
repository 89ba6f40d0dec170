"""Loads of the page in headless Chromium: requests, bytes over the wire, time to the first paint and data."""

import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from tempfile import TemporaryDirectory
from typing import Any

from infra.bench.process import print_progress
from infra.bench.report import Figure, figure

try:
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service
except ModuleNotFoundError:
    _HAS_SELENIUM = False
else:
    _HAS_SELENIUM = True

_BROWSERS = ("chromium", "chromium-browser", "google-chrome")
_FLAGS = ("headless", "no-sandbox", "disable-gpu", "disable-dev-shm-usage", "disable-background-networking")
_ROUND_TRIP_MS = 50
_PATIENCE = 30.0
_SETTLED = 0.5
"""Seconds after the first data, in which the paint is noted."""
_NOTE_FIRST_DATA = """
const look = new MutationObserver(() => {
  if (document.getElementById("state")?.textContent === "live") {
    window.firstData = performance.now();
    look.disconnect();
  }
});
look.observe(document, { childList: true, subtree: true, characterData: true });
"""
_COUNT = """
const all = [...performance.getEntriesByType("navigation"), ...performance.getEntriesByType("resource")];
const sum = (name) => all.reduce((whole, one) => whole + one[name], 0);
return {
  requests: all.length, wire: sum("transferSize"), plain: sum("decodedBodySize"),
  paint: performance.getEntriesByName("first-contentful-paint")[0]?.startTime, data: window.firstData,
};
"""

Load = dict[str, float]


def page_figures(url: str, runs: int) -> list[Figure]:
    """Of the page at an address, without its stream; none where there is no selenium or no Chromium."""
    binary = next(filter(None, map(shutil.which, _BROWSERS)), None)
    driver = shutil.which("chromedriver")
    if not _HAS_SELENIUM or binary is None or driver is None:
        print_progress("the page is not loaded: selenium, chromium or chromedriver is missing")
        return []
    print_progress("loads of the page in Chromium")
    with _browser(binary, driver) as browser:
        near = [_load(browser, url, 0, is_known=False) for _ in range(runs)]
        far = [_load(browser, url, _ROUND_TRIP_MS, is_known=False) for _ in range(runs)]
        again = [_load(browser, url, _ROUND_TRIP_MS, is_known=True) for _ in range(runs)]
    way = f"{_ROUND_TRIP_MS} ms away"
    return [
        figure("requests of the page", [load["requests"] for load in near], ""),
        figure("bytes over the wire", [load["wire"] / 1e3 for load in near], "kB"),
        figure("the same unpacked", [load["plain"] / 1e3 for load in near], "kB"),
        figure("bytes over the wire, known already", [load["wire"] / 1e3 for load in again], "kB"),
        *_times("first paint", "paint", near, far, again, way),
        *_times("first data", "data", near, far, again, way),
    ]


def _times(
    what: str, name: str, near: list[Load], far: list[Load], again: list[Load], way: str
) -> list[Figure]:
    return [
        figure(what, [load[name] for load in near], "ms"),
        figure(f"{what}, {way}", [load[name] for load in far], "ms"),
        figure(f"{what}, {way}, known already", [load[name] for load in again], "ms"),
    ]


@contextmanager
def _browser(binary: str, driver: str) -> Iterator[Any]:
    with TemporaryDirectory(prefix="understudy-bench-") as folder:
        options = webdriver.ChromeOptions()
        options.binary_location = binary
        for flag in (*_FLAGS, f"user-data-dir={folder}"):
            options.add_argument(f"--{flag}")
        opened = webdriver.Chrome(options, Service(driver))
        try:
            opened.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": _NOTE_FIRST_DATA})
            yield opened
        finally:
            opened.quit()


def _load(browser: Any, url: str, latency: int, *, is_known: bool) -> Load:
    """One load; unless the page is known, nothing of it is in the browser's cache."""
    browser.get("about:blank")
    if not is_known:
        browser.execute_cdp_cmd("Network.clearBrowserCache", {})
    browser.set_network_conditions(latency=latency, download_throughput=-1, upload_throughput=-1)
    browser.get(url)
    until = time.monotonic() + _PATIENCE
    while browser.execute_script("return window.firstData") is None:
        if time.monotonic() > until:
            raise AssertionError(f"the page shows no data within {_PATIENCE:g} s")
        time.sleep(0.05)
    time.sleep(_SETTLED)
    found: Load = browser.execute_script(_COUNT)
    return found
