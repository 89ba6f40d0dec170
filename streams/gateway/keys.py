"""Keys of apps: made, read out of a call's headers, and compared in constant time.

A key is `us_<id>_<secret>`. The secret has 256 random bits, so a plain SHA-256 of it can be neither guessed
nor looked up.
"""

import hashlib
import hmac
import re
import secrets
from collections.abc import Mapping, Sequence

from schemas.api_keys import ApiKey
from schemas.chat import Mode

PREFIX = "us_"
HEADER = "x-understudy-key"
_KEY = re.compile(r"us_([0-9a-f]{8})_([A-Za-z0-9_-]{43})")
_NOBODY = hashlib.sha256(b"nobody").hexdigest()
"""What an unknown id's secret is compared with, so that it takes as long as a known one's."""


def create_key(
    name: str, tasks: Sequence[str], mode: Mode, now: int, *, operate: bool = False
) -> tuple[str, ApiKey]:
    """A new key: what the app is given, which nobody can find out later, and what is kept of it."""
    number, secret = secrets.token_hex(4), secrets.token_urlsafe(32)
    kept = ApiKey(number, name, _hash(secret), tuple(tasks), mode, now, operate)
    return f"{PREFIX}{number}_{secret}", kept


def key_in(headers: Mapping[str, str]) -> str | None:
    """The key that a call brings: in `x-understudy-key`, or as a bearer token that looks like one of ours.

    Any other bearer token is the app's own for its LLM.
    """
    own = headers.get(HEADER)
    if own is not None:
        return own
    scheme, _, token = headers.get("authorization", "").partition(" ")
    token = token.strip()
    return token if scheme.lower() == "bearer" and token.startswith(PREFIX) else None


def find_key(token: str, keys: Mapping[str, ApiKey]) -> ApiKey | None:
    """The key that the token is, by its id in `keys`; None for any other token."""
    parts = _KEY.fullmatch(token)
    number, secret = parts.groups() if parts else ("", "")
    found = keys.get(number)
    is_same = hmac.compare_digest(_hash(secret), found.hash if found else _NOBODY)
    return found if is_same else None


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
