"""The browser in which the dashboard is looked at, and what looks for barriers there.

axe-core is in `.node`, where `make test` installs it, or in the folder that `UNDERSTUDY_TEST_NODE` names.
"""

import os
from pathlib import Path

import pytest

from tests.browser import browser

__all__ = ["axe", "browser"]

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="session")
def axe() -> str:
    """The script of axe-core."""
    folder = Path(os.environ.get("UNDERSTUDY_TEST_NODE") or ROOT / ".node")
    script = folder / "node_modules" / "axe-core" / "axe.min.js"
    if not script.is_file():
        reason = f"axe-core is not in {folder}: `make node` installs it"
        pytest.fail(reason, pytrace=False) if os.environ.get("CI") else pytest.skip(reason)
    return script.read_text()
