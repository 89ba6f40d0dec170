"""Reads the topics into the scoreboard, in a thread of its own."""

import threading
import time

from infra.demo.scoreboard import Scoreboard
from infra.serve.topic_client import Reader
from schemas.codec import EVENT, LABEL, REPLY
from streams.kafka.message import as_bytes
from streams.settings import Settings


class TopicWatcher:
    """Keeps the scoreboard up to date between `start` and `stop`. The board is this thread's to write."""

    def __init__(self, settings: Settings, board: Scoreboard) -> None:
        topics = settings.topics
        self._board = board
        self._labels = Reader(settings, topics.labels, from_start=True)
        self._replies = Reader(settings, topics.replies, from_start=True)
        self._events = Reader(settings, topics.events, from_start=True)
        self._stopping = threading.Event()
        self._began = time.monotonic()
        self._thread = threading.Thread(target=self._watch, name="demo-watcher", daemon=True)

    def __enter__(self) -> "TopicWatcher":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._thread.join()
        for reader in (self._labels, self._replies, self._events):
            reader.close()

    def _watch(self) -> None:
        ticked = 0
        while not self._stopping.is_set():
            second = time.monotonic() - self._began
            self._look(second)
            if int(second) > ticked:
                ticked = int(second)
                self._board.tick(ticked)
        self._look(time.monotonic() - self._began)

    def _look(self, second: float) -> None:
        for message in self._labels.next(0.1):
            self._board.label(LABEL.decode(as_bytes(message.value())), second)
        for message in self._replies.next(0.0):
            self._board.reply(REPLY.decode(as_bytes(message.value())))
        for message in self._events.next(0.0):
            self._board.event(EVENT.decode(as_bytes(message.value())))
