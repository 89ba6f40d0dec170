"""A server that is started again when it ends by itself: killed for memory, or crashed.

Its data must be kept in a folder, else it would come back empty. Clients wait for it meanwhile.
"""

import logging
import threading
from collections.abc import Callable

from infra.local.errors import LocalServerError
from infra.local.process_server import ProcessServer
from infra.local.server import LocalServer
from streams.outage import Outage

log = logging.getLogger(__name__)

_LOOK_S = 0.5
_LONGEST_PAUSE_S = 30.0


class RestartedServer(LocalServer):
    """Args:
    name: for the log.
    start: starts the server, and returns once it answers.

    Raises:
        LocalServerError: it does not start the first time.
    """

    def __init__(self, name: str, start: Callable[[], ProcessServer]) -> None:
        self._name = name
        self._start = start
        self._server = start()
        self._outage = Outage(
            log, "a server has ended by itself and is started again", "the server answers again", server=name
        )
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._watch, name=f"restarts {name}", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the server. One that is just starting ends with this process."""
        self._stopping.set()
        self._thread.join(_LOOK_S * 4)
        self._server.stop()

    def _watch(self) -> None:
        pause = _LOOK_S
        while not self._stopping.wait(pause):
            if not self._server.ended:
                pause = _LOOK_S
                continue
            pause = _LOOK_S if self._restart() else min(pause * 2, _LONGEST_PAUSE_S)

    def _restart(self) -> bool:
        """Start it again; returns whether it answers."""
        self._server.stop()  # closes its files
        self._outage.note_failure("its process is gone")
        try:
            self._server = self._start()
        except LocalServerError as error:
            self._outage.note_failure(error)
            return False
        self._outage.note_success()
        return True
