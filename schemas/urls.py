"""URLs as they may be printed or logged: without the secrets in them."""

import re

_MASK = "***"
_CREDENTIALS = re.compile(r"//(?:([^/@:\s]*):)?[^\s]*@")
_SECRET_PARAMETER = re.compile(
    r"([?&][^=&#\s]*(?:password|secret|token|key)[^=&#\s]*=)[^&#\s]*", re.IGNORECASE
)


def masked_url(url: str) -> str:
    """The URL with `***` for its password, for a user name without one, and for secret query parameters."""
    plain = _CREDENTIALS.sub(lambda found: f"//{'' if found[1] is None else found[1] + ':'}{_MASK}@", url)
    return _SECRET_PARAMETER.sub(rf"\1{_MASK}", plain)
