"""A server on this machine: it runs from its construction until it is stopped."""

from abc import ABC, abstractmethod
from types import TracebackType
from typing import Self


class LocalServer(ABC):
    """A running server. Leaving its context stops it."""

    @abstractmethod
    def stop(self) -> None:
        """End the server; its data is gone unless it is kept in a folder. A second call does nothing."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
