"""URLs as they may be printed or logged: without the secrets in them."""

import re

MASK = "***"
_CREDENTIALS = re.compile(r"//(?:([^/@:\s]*):)?[^\s]*@")
_SECRET_PARAMETER = re.compile(
    r"([?&](?:[^=&#\s]*(?:password|passwd|secret|token|key|signature|credential)[^=&#\s]*|sig|auth)=)[^&#\s]*",
    re.IGNORECASE,
)


def masked_url(url: str) -> str:
    """The URL with `***` for its password, for a user name without one, and for secret query parameters.

    Of a text it masks the URLs: whatever stands between `//` and an `@` without a space counts as a secret.
    """
    plain = _CREDENTIALS.sub(lambda found: f"//{'' if found[1] is None else found[1] + ':'}{MASK}@", url)
    return _SECRET_PARAMETER.sub(rf"\1{MASK}", plain)
