"""What tests of a page in Chromium share."""

from selenium.common.exceptions import StaleElementReferenceException
from selenium.webdriver import Chrome
from selenium.webdriver.support.ui import WebDriverWait


def waiting(page: Chrome, seconds: float) -> WebDriverWait[Chrome]:
    """Waits on the page; an element that is drawn again meanwhile is looked for again."""
    return WebDriverWait(page, seconds, ignored_exceptions=[StaleElementReferenceException])
