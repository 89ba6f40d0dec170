"""URLs as they may be printed or logged: without the secrets in them."""

import re
from collections.abc import Mapping
from typing import Any

MASK = "***"
_CREDENTIALS = re.compile(r"//(?:([^/@:\s]*):)?[^\s]*@")
_SECRET_PARAMETER = re.compile(
    r"([?&][^=&#\s]*(?:password|secret|token|key)[^=&#\s]*=)[^&#\s]*", re.IGNORECASE
)


def masked_url(url: str) -> str:
    """The URL with `***` for its password, for a user name without one, and for secret query parameters.

    Of a text it masks the URLs: whatever stands between `//` and an `@` without a space counts as a secret.
    """
    plain = _CREDENTIALS.sub(lambda found: f"//{'' if found[1] is None else found[1] + ':'}{MASK}@", url)
    return _SECRET_PARAMETER.sub(rf"\1{MASK}", plain)


def masked_values(value: Any) -> Any:
    """The same JSON value with the URLs in its texts masked."""
    if isinstance(value, str):
        return masked_url(value)
    if isinstance(value, Mapping):
        return {name: masked_values(each) for name, each in value.items()}
    return [masked_values(each) for each in value] if isinstance(value, list | tuple) else value
