"""URLs as they may be printed or logged: without the secrets in them."""

import re
from base64 import b64encode
from collections.abc import Iterator
from urllib.parse import unquote

MASK = "***"
_CREDENTIALS = re.compile(r"//(?:([^/@:\s]*):)?[^\s]*@")
_USER_INFO = re.compile(r"//([^\s/?#]*)@")
_SECRET_PARAMETER = re.compile(
    r"([?&](?:[^=&#\s]*(?:password|passwd|secret|token|key|signature|credential)[^=&#\s]*|sig|auth)=)([^&#\s]*)",
    re.IGNORECASE,
)
_HARMLESS = re.compile(r"(?:tokenizer|tokens|version)[^=]*=$", re.IGNORECASE)
"""Parameters that are named like a secret; their values, such as a model's name, are words elsewhere."""


def url_secrets(text: str) -> Iterator[str]:
    """The secrets of the URLs in a text, also as `Authorization: Basic` holds them: servers repeat that."""
    for found in _USER_INFO.finditer(text):
        user, colon, password = found[1].partition(":")
        yield unquote(password if colon else user)
        yield b64encode(f"{unquote(user)}:{unquote(password)}".encode()).decode()
    for found in _SECRET_PARAMETER.finditer(text):
        if not _HARMLESS.search(found[1]):
            yield unquote(found[2])


def masked_url(url: str) -> str:
    """The URL with `***` for its password, for a user name without one, and for secret query parameters.

    Of a text it masks the URLs: whatever stands between `//` and an `@` without a space counts as a secret.
    """
    plain = _CREDENTIALS.sub(lambda found: f"//{'' if found[1] is None else found[1] + ':'}{MASK}@", url)
    return _SECRET_PARAMETER.sub(rf"\1{MASK}", plain)
