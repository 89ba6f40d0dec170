"""Which requests are audited, and which the teacher is asked about twice: a keyed hash of the id decides, so
that a redelivered request is decided alike.

Without the key nobody can tell, or choose, which of their requests are looked at twice.
"""

import hashlib

from schemas.config import AUTO, Config

# As many of the hash's 64 bits as a float holds exactly: rounding could make a draw of 1.
_SPARE = 11
_RANGE = 1 << 53


class Sampler:
    """Draws a uniform sample of ids.

    Args:
        key: secret shared by all workers, at most 64 bytes are used.
    """

    def __init__(self, key: bytes) -> None:
        self._hash = hashlib.blake2b(key=key[:64], digest_size=8)

    def draw(self, request: str) -> float:
        """The request's number, uniform in [0, 1) over all ids."""
        digest = self._hash.copy()
        digest.update(request.encode())
        return (int.from_bytes(digest.digest(), "little") >> _SPARE) / _RANGE

    def selects(self, request: str, rate: float) -> bool:
        """Whether the request is in the sample; true of a share `rate`, in [0, 1], of all ids."""
        return self.draw(request) < rate

    def selects_repeat(self, request: str, rate: float) -> bool:
        """The same with a number that has nothing to do with the request's other one."""
        return self.selects(f"repeat\0{request}", rate)


def audit_rate(config: Config, certified: bool) -> float:
    """Share of requests that are audited, in [0, 1].

    Args:
        certified: the version that answers is.
    """
    if config.audit_rate != AUTO:
        return config.audit_rate
    return min(config.audit_low, config.audit_high) if certified else config.audit_high
