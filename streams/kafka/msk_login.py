"""Login at Amazon MSK by IAM: short-lived tokens, signed with the AWS credentials of this process.

Needs the extra `msk`. A client asks for a token at its start and before it ends, on a thread of its own;
the credentials are found as by every AWS client (variables, a pod's service account, the host's role).
"""

import logging
import os
import threading
import time
from collections.abc import Callable
from typing import Any

from aws_msk_iam_sasl_signer import MSKAuthTokenProvider

from schemas.secrets import remember_secrets

log = logging.getLogger(__name__)

_MILLISECONDS = 1_000.0
_CREDENTIALS = ("AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")


class MskTokens:
    """Tokens for the clients of this process: one serves all, until half of its time is over.

    Args:
        clock: seconds since the epoch, as the time at which a token ends.
    """

    def __init__(self, region: str, clock: Callable[[], float] = time.time) -> None:
        self._region = region
        self._clock = clock
        self._lock = threading.Lock()
        self._token, self._ends, self._good_until = "", 0.0, 0.0

    def get(self, _: str) -> tuple[str, float]:
        """A token, and when it ends. The argument is librdkafka's `sasl.oauthbearer.config`."""
        with self._lock:
            now = self._clock()
            if now >= self._good_until:
                self._sign(now)
            return self._token, self._ends

    def _sign(self, now: float) -> None:
        try:
            self._token, ends = MSKAuthTokenProvider.generate_auth_token(self._region)
        except Exception as error:  # librdkafka, which tries again, does not say what was wrong
            log.error("no token for Amazon MSK, will retry: %s, region=%s", error, self._region)
            raise
        self._ends = ends / _MILLISECONDS
        self._good_until = (now + self._ends) / 2


def login_options(region: str) -> dict[str, Any]:
    """Options of Kafka clients that log in to a cluster in this AWS region."""
    remember_secrets(os.environ.get(name, "") for name in _CREDENTIALS)
    return {
        "security.protocol": "SASL_SSL",
        "sasl.mechanisms": "OAUTHBEARER",
        "oauth_cb": MskTokens(region).get,
    }
