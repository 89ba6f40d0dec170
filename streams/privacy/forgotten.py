"""Requests to forget: no role trains on their texts, or writes these to `traces` again.

The topic `forgotten` names them. Its records outlive the traces, and are read from the start by every worker,
so that a request stays forgotten whatever happens to Redis or to a trainer.
"""

from hashlib import sha256

from schemas.messages import Forgotten, Trace


def request_digest(task: str, request: str) -> str:
    """Stands for a request on the topic `forgotten`: the list of whom to forget does not name them."""
    return sha256(f"{task}\0{request}".encode("utf-8", "surrogatepass")).hexdigest()


def forgotten_request(task: str, request: str, at: int) -> Forgotten:
    """Says that one request is to be forgotten, if it was made by `at` (Unix milliseconds)."""
    return Forgotten(task, at, request_digest(task, request))


class ForgottenRequests:
    """All that is to be forgotten, as far as it has been read. Used on the event loop only."""

    def __init__(self) -> None:
        self._tasks: dict[str, int] = {}
        self._requests: dict[str, dict[str, int]] = {}

    def add(self, forgotten: Forgotten) -> None:
        """Take a record of the topic into account; reading one again changes nothing."""
        if forgotten.request is None:
            self._tasks[forgotten.task] = max(forgotten.at, self._tasks.get(forgotten.task, 0))
        else:
            requests = self._requests.setdefault(forgotten.task, {})
            requests[forgotten.request] = max(forgotten.at, requests.get(forgotten.request, 0))

    def covers(self, task: str, request: str, requested_at: int) -> bool:
        """Whether this request is to be forgotten.

        Args:
            requested_at: Unix milliseconds. A request with the same id, made after it was asked to forget
                it, is another one.
        """
        if requested_at <= self._tasks.get(task, -1):
            return True
        requests = self._requests.get(task)
        return requests is not None and requested_at <= requests.get(request_digest(task, request), -1)

    def covers_trace(self, trace: Trace) -> bool:
        return self.covers(trace.task, trace.id, trace.requested_at)
