"""Sampling of requests for audits and repeats, by a keyed hash of the id, so that it can be repeated.

A request that is delivered again gets the same decision. Without the key, nobody can know or choose which
requests are audited.
"""

import hashlib

from schemas.config import AUTO, Config

# As many of the hash's 64 bits as a float holds exactly: rounding could make a draw of 1.
_SPARE = 11
_RANGE = 1 << 53


class Sampler:
    """Selects a uniform sample of ids.

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
        """Whether the teacher is asked twice; independent of `selects`."""
        return self.selects(f"repeat\0{request}", rate)


def audit_rate(config: Config, certified: bool) -> float:
    """Share of requests that are audited, in [0, 1].

    Args:
        certified: whether the live version is certified.
    """
    if config.audit_rate != AUTO:
        return config.audit_rate
    return min(config.audit_low, config.audit_high) if certified else config.audit_high
