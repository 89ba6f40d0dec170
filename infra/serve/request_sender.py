"""Sends requests one by one, at a limited rate, and writes down their ids."""

import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import IO

import msgspec

from infra.console.output import customers_data, note
from infra.errors import InvalidFile, UnusableOutput
from infra.files.client_requests import ClientRequest
from infra.files.formats import STANDARD_INPUT
from schemas.codec import REQUEST
from schemas.messages import Request
from streams.kafka.batch import Outgoing
from streams.settings import Settings


class IdListing:
    """Id, row and text of each request that was sent, a JSON object a line.

    Args:
        file: `-` for standard output.
        stack: closes the file.

    Raises:
        UnusableOutput: the file can't be written to.
    """

    def __init__(self, file: Path, stack: ExitStack) -> None:
        self._file: IO[str] | None = None
        if file != STANDARD_INPUT:
            try:
                self._file = stack.enter_context(file.open("w", encoding="utf-8"))
            except OSError as error:
                raise UnusableOutput(f"{file}: can't be written to: {error.strerror}") from error

    def add(self, sent: ClientRequest) -> None:
        entry = {"id": sent.request.id, "row": sent.row, "text": sent.request.text}
        if self._file is None:
            customers_data(entry)
        else:
            self._file.write(msgspec.json.encode(entry).decode() + "\n")


class RequestSender:
    """Requests on their way to the topic.

    Args:
        rate: requests a second, at most; None for as fast as they come.

    Attributes:
        sent: so far.
        without_id: of these, requests that got an id here.
        problem: why sending ended early; None where it did not.
    """

    def __init__(
        self,
        settings: Settings,
        requests: Iterable[ClientRequest],
        rate: float | None,
        listing: IdListing | None,
    ) -> None:
        self._settings = settings
        self._requests = requests
        self._interval = 0.0 if rate is None else 1.0 / rate
        self._listing = listing
        self.sent = 0
        self.without_id = 0
        self.problem: InvalidFile | None = None

    def outgoing(self) -> Iterator[Outgoing]:
        """The messages, each when it is due; ends at Ctrl-C, and at a row that is no request."""
        began = time.monotonic()
        try:
            for one in self._requests:
                time.sleep(max(0.0, began + self.sent * self._interval - time.monotonic()))
                yield request_message(self._settings, one.request)
                self._count(one)
        except KeyboardInterrupt:
            note("stopped")
        except InvalidFile as problem:
            self.problem = problem

    def _count(self, one: ClientRequest) -> None:
        self.sent += 1
        self.without_id += not one.has_own_id
        if self._listing is not None:
            self._listing.add(one)


def request_message(settings: Settings, request: Request) -> Outgoing:
    """A request as it goes on its topic, keyed by its id."""
    return Outgoing(settings.topics.requests, request.id.encode(), REQUEST.encode(request))
