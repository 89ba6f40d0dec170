"""Secrets as they may be printed, logged or written: masked by what they are, and by how they look.

A process remembers the secrets of its settings, of its environment and of the URLs in config messages when
it reads them; wherever one comes back, as in the error of an endpoint that repeats its key, it is masked.
Secrets of others (a caller's bearer token, a key of an app) are known by their form alone.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any
from urllib.parse import quote

from schemas.urls import MASK, masked_url, url_secrets

_SHORTEST = 8
"""Characters; a shorter one would be found in half of all words."""
_SCHEMES = re.compile(r"\b((?i:bearer|basic))\s+(?=[^\s'\"]*(?:[0-9=+/_]|[a-z][A-Z]))[A-Za-z0-9+/=._~-]{8,}")
_HEADER = re.compile(
    r"""((?:authorization|x-api-key|api-key|x-understudy-key)['"]?\s*[:,=]\s*)(['"][^'"]*['"]|(?!(?:bearer|basic)\s)\S+)""",
    re.IGNORECASE,
)
_KEYS = re.compile(r"\b(?:sk-|us_[0-9a-f]{8}_)[A-Za-z0-9_-]{8,}")
_NAMED = re.compile(
    r"""((?:password|passwd|secret|api[_-]?key|access[_-]?token|audit_key)(?:=|['"]:\s*))(['"][^'"]*['"]|[^\s,;&'"}\])]+)""",
    re.IGNORECASE,
)


class _Known:
    """The secrets of this process."""

    def __init__(self) -> None:
        self._values: set[str] = set()
        self._found: re.Pattern[str] | None = None

    def add(self, values: Iterable[str]) -> None:
        """Remember them, as they are and as a URL writes them."""
        new = {value.strip() for value in values} - self._values
        new = {value for value in new if len(value) >= _SHORTEST}
        if new:
            self._values = self._values | new  # another thread may be reading the set that was there
            forms = {form for value in self._values for form in (value, quote(value, safe=""), quote(value))}
            self._found = re.compile(
                "|".join(re.escape(form) for form in sorted(forms, key=len, reverse=True))
            )

    def mask(self, text: str) -> str:
        return self._found.sub(MASK, text) if self._found is not None else text


_known = _Known()
remember_secrets = _known.add
masked_known = _known.mask
"""The text with `***` for each secret that is remembered, and nothing else changed."""


def masked_by(secrets: Iterable[str], raw: bytes) -> bytes:
    """A body with `***` for these secrets alone, and for those of them that can only be keys.

    A placeholder such as `not-needed` is a word, and may be one of an answer.
    """
    for secret in secrets:
        if len(secret) >= _SHORTEST and any(letter.isdigit() for letter in secret):
            raw = raw.replace(secret.encode("latin-1", "replace"), MASK.encode())
    return raw


def remember_config_secrets(fields: Mapping[str, Any]) -> None:
    """Remember the secrets of the URLs in a config message: endpoints repeat those too."""
    teacher = fields.get("teacher")
    urls = fields.get("embedder"), teacher.get("url") if isinstance(teacher, Mapping) else None
    remember_secrets(secret for url in urls if isinstance(url, str) for secret in url_secrets(url))


def masked(text: str) -> str:
    """The text with `***` for secrets: those remembered, of URLs, of headers, and what looks like a key."""
    plain = _HEADER.sub(rf"\1{MASK}", masked_url(masked_known(text)))
    plain = _KEYS.sub(MASK, _SCHEMES.sub(rf"\1 {MASK}", plain))
    return _NAMED.sub(rf"\1{MASK}", plain)


def masked_values(value: Any, mask: Callable[[str], str] | None = None) -> Any:
    """The same JSON value with the secrets in its texts masked.

    Programs read it: a text without a space may be a label or an id that looks like a key, so there only
    what is known to be a secret is masked.

    Args:
        mask: in place of that, for all texts alike.
    """
    if isinstance(value, str):
        return (mask or _masked_value)(value)
    if isinstance(value, Mapping):
        return {name: masked_values(each, mask) for name, each in value.items()}
    return [masked_values(each, mask) for each in value] if isinstance(value, list | tuple) else value


def _masked_value(text: str) -> str:
    return masked(text) if len(text.split()) > 1 else masked_url(masked_known(text))
