"""Background thread of the checker: runs while its context is open."""

import threading
from abc import ABC, abstractmethod
from typing import Self


class BackgroundThread(ABC):
    """Runs `_run`, which ends soon after `_stopping` is set; then `_close` lets go of what it used."""

    def __init__(self, name: str) -> None:
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._thread.join()
        self._close()

    @abstractmethod
    def _run(self) -> None: ...

    @abstractmethod
    def _close(self) -> None: ...
