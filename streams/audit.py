"""Which requests are audited: a keyed hash of the id decides, so that a redelivered request is decided alike.

Without the key nobody can tell, or choose, which of their requests are looked at twice.
"""

import hashlib

_RANGE = 1 << 64


class Auditor:
    """Draws a uniform sample of ids.

    Args:
        key: secret shared by all workers, at most 64 bytes are used.
    """

    def __init__(self, key: bytes) -> None:
        self._hash = hashlib.blake2b(key=key[:64], digest_size=8)

    def draws(self, request: str, rate: float) -> bool:
        """Whether the request is in the sample; true of a share `rate`, in [0, 1], of all ids."""
        digest = self._hash.copy()
        digest.update(request.encode())
        return int.from_bytes(digest.digest(), "little") < rate * _RANGE
