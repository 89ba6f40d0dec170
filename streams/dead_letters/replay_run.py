"""Runs a replay: reads the letters that are meant, sends what may be sent, and marks what was sent.

A mark is written once the broker has the message. A replay that ends between the two sends these again
next time: a label of the teacher counts once all the same.
"""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from itertools import islice

from streams.dead_letters.letters import (
    DeadLetter,
    LetterFilter,
    LetterIndex,
    index_letters,
    read_letter,
    read_letters,
    replay_mark,
)
from streams.dead_letters.replay import ReplayRules, replay_of
from streams.errors import ReplayRefused
from streams.kafka.batch import Outgoing
from streams.kafka.topic_client import write_messages
from streams.privacy.forgotten import ForgottenRequests
from streams.privacy.mask import load_mask
from streams.settings import Settings
from streams.state.connection import Connection
from streams.state.reply_dedup import ReplyDedup, ReplyPosition

_AT_ONCE = 500

Connect = Callable[[Settings], AbstractAsyncContextManager[Connection]]


@dataclass(frozen=True, slots=True)
class Replay:
    """What becomes of one letter.

    Attributes:
        outgoing: the message to send; None where none is sent.
        refusal: why not; None where another letter of this replay asks for the same request.
    """

    letter: DeadLetter
    outgoing: Outgoing | None
    refusal: str | None = None


def run_replay(
    settings: Settings,
    forgotten: ForgottenRequests,
    connect: Connect,
    wanted: LetterFilter,
    *,
    force: bool,
    send: bool,
) -> Iterator[Replay]:
    """What becomes of each letter that is wanted; letters replayed before count only where they are named.

    It blocks, and runs an event loop of its own: not for a thread that has one.

    Args:
        connect: opens a connection to Redis.
        force: send also what was replayed before or too often, and what has a label.
        send: send it, and mark the letters; otherwise nothing is written.

    Raises:
        InvalidSettings: the mask can't be used.
        KafkaFailed, DeliveryFailed, StateUnavailable: no server, or it refuses.
    """
    mask = None if settings.mask is None else load_mask(settings.mask)
    decisions = _ReplayDecisions(ReplayRules(settings.topics, forgotten, mask, force))
    index = index_letters(settings)
    letters = (
        letter
        for letter in _letters(settings, index, wanted)
        if wanted.suits(letter) and (wanted.positions or letter.position not in index.replayed)
    )
    while some := list(islice(letters, _AT_ONCE)):
        labelled = asyncio.run(_labelled(settings, connect, some))
        replays = [
            decisions.decide(letter, letter.position in index.replayed, has_label)
            for letter, has_label in zip(some, labelled, strict=True)
        ]
        if send:
            _send(settings, replays)
        yield from replays


def _letters(settings: Settings, index: LetterIndex, wanted: LetterFilter) -> Iterator[DeadLetter]:
    """The letters that may be wanted: those that are named, without a further look at all of the topic."""
    if not wanted.positions:
        return read_letters(settings, index)
    found = (read_letter(settings, position) for position in sorted(wanted.positions))
    return (letter for letter in found if letter is not None)


class _ReplayDecisions:
    """Decides letter by letter; remembers which requests are asked again, so that each is asked once."""

    def __init__(self, rules: ReplayRules) -> None:
        self._rules = rules
        self._asked: set[tuple[str | None, str | None]] = set()

    def decide(self, letter: DeadLetter, replayed: bool, has_label: bool) -> Replay:
        try:
            outgoing = replay_of(letter, self._rules)
        except ReplayRefused as refusal:
            return Replay(letter, None, str(refusal))
        if replayed and not self._rules.force:
            return Replay(letter, None, "it was replayed before; --force replays it again")
        if outgoing.topic != self._rules.topics.requests:
            return Replay(letter, outgoing)
        if has_label and not self._rules.force:
            return Replay(letter, None, "its request has a label by now; --force asks again")
        request = (letter.task, letter.request)
        if request in self._asked:
            return Replay(letter, None)
        self._asked.add(request)
        return Replay(letter, outgoing)


def _send(settings: Settings, replays: Sequence[Replay]) -> None:
    done = [replay.letter for replay in replays if replay.refusal is None]
    write_messages(settings, [replay.outgoing for replay in replays if replay.outgoing is not None])
    write_messages(settings, [replay_mark(settings.topics.dead_letters, letter) for letter in done])


async def _labelled(settings: Settings, connect: Connect, letters: Sequence[DeadLetter]) -> list[bool]:
    """For each letter, whether the teacher's label for its request counts already."""
    async with connect(settings) as connection:
        replies = ReplyDedup(connection, settings.keys, settings.reply_memory)
        places = [ReplyPosition(letter.task or "", letter.request or "", 0, 0) for letter in letters]
        return await replies.has_label(places)
