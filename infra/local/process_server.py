"""A server on this machine that is a process of its own."""

from infra.local.child import Child
from infra.local.server import LocalServer


class ProcessServer(LocalServer):
    """Attributes:
    pid: process id of the server, for tests that pause or kill it.
    """

    def __init__(self, child: Child) -> None:
        self._child = child
        self.pid = child.pid

    @property
    def ended(self) -> bool:
        """Whether the process has ended, by itself or because it was stopped."""
        return self._child.ended

    def stop(self) -> None:
        """End the server; its data is gone unless it is kept in a folder."""
        self._child.stop()
