"""Replay of dead letters: decides what is sent again, and where. No text that is to be forgotten or masked.

A letter of `route` goes back as it came. Where the teacher failed, its request is asked again from the
start: what the surrogate may answer by now, it answers, and a mask, a deadline and the sample apply as to
any other request. A reply with a label goes back as it came: the teacher is not paid twice. An audit that
failed stays failed: its client has its answer, and the certificate counts the audit.
"""

from dataclasses import dataclass
from typing import TypeVar

import msgspec
from msgspec.structs import replace

from schemas.codec import DEFERRAL, ENCODING, REPLY, REQUEST, Codec
from schemas.errors import InvalidMessage
from schemas.messages import Deferral, Reply, Request
from schemas.topics import Topics
from schemas.vector_headers import PREFIX as VECTOR_PREFIX
from streams.dead_letters.letters import DeadLetter
from streams.errors import MaskFailed, ReplayRefused
from streams.kafka.batch import Outgoing
from streams.kafka.message import ATTEMPT
from streams.privacy.forgotten import ForgottenRequests
from streams.privacy.mask import Mask, mask_text
from streams.teacher.give_up import HEADER as GIVE_UP_AFTER

MOST_REPLAYS = 3
# How long the client wished to wait is over.
_REPLACED = (ATTEMPT, GIVE_UP_AFTER)

Record = TypeVar("Record", bound=msgspec.Struct)


@dataclass(frozen=True, slots=True)
class ReplayRules:
    """Attributes:
    forgotten: requests whose texts must not be written again.
    mask: applied to texts before they are written; None where texts are written as they come.
    force: replay also what was replayed too often, or has a label.
    """

    topics: Topics
    forgotten: ForgottenRequests
    mask: Mask | None = None
    force: bool = False


def replay_of(letter: DeadLetter, rules: ReplayRules) -> Outgoing:
    """The message to send again, with its number of replays in a header.

    Raises:
        ReplayRefused: none may be sent.
    """
    if letter.attempt >= MOST_REPLAYS and not rules.force:
        raise ReplayRefused(
            f"it failed again after {letter.attempt} replays; --force replays it all the same"
        )
    if letter.value is None:
        raise ReplayRefused(
            "the letter holds no message, because it was too large, or texts are masked: the client has to "
            "send it again"
        )
    topic, value = _destination(letter, rules)
    headers = [header for header in letter.headers if header[0] not in _REPLACED]
    if value is not letter.value:  # the request is encoded again, and its value holds the vector
        headers = [header for header in headers if not header[0].startswith(VECTOR_PREFIX)]
    return Outgoing(topic, letter.key, value, [*headers, (ATTEMPT, str(letter.attempt + 1).encode())])


def _destination(letter: DeadLetter, rules: ReplayRules) -> tuple[str, bytes | None]:
    topics = rules.topics
    if letter.topic == topics.requests:
        request = _decoded(REQUEST, letter)
        _check_not_forgotten(request, letter.requested_at, rules)
        return topics.requests, letter.value if rules.mask is None else _encoded(request, rules)
    if letter.topic == topics.encodings:
        encoding = _decoded(ENCODING, letter)
        if encoding.check is not None:
            _check_as_it_came(encoding.check, rules)
        elif encoding.request is not None:
            _check_not_forgotten(encoding.request, encoding.requested_at, rules)
            _check_is_masked(encoding.request, rules)
        return topics.encodings, letter.value
    if letter.topic == topics.replies:
        return _of_reply(letter, _decoded(REPLY, letter), rules)
    if letter.topic in (topics.deferrals, topics.audits, topics.waiting):
        return _of_deferral(letter, _decoded(DEFERRAL, letter), rules)
    raise ReplayRefused(f"it came from `{letter.topic}`, and a replay writes to no such topic")


def _of_reply(letter: DeadLetter, reply: Reply, rules: ReplayRules) -> tuple[str, bytes | None]:
    deferral = reply.deferral
    if reply.label is None:
        if deferral.audit or deferral.first is not None:
            raise ReplayRefused("it is an audit or a repeated question: no client waits for it")
        return _asked_again(deferral, rules)
    _check_as_it_came(deferral, rules)
    return letter.topic, letter.value


def _of_deferral(letter: DeadLetter, deferral: Deferral, rules: ReplayRules) -> tuple[str, bytes | None]:
    if not deferral.audit and deferral.first is None:
        return _asked_again(deferral, rules)
    _check_as_it_came(deferral, rules)
    return letter.topic, letter.value


def _asked_again(deferral: Deferral, rules: ReplayRules) -> tuple[str, bytes]:
    """The request from the start; its time is that of the replay, so that it is not overdue at once."""
    _check_not_forgotten(deferral.request, deferral.requested_at, rules)
    return rules.topics.requests, _encoded(deferral.request, rules)


def _check_not_forgotten(request: Request, requested_at: int, rules: ReplayRules) -> None:
    if rules.forgotten.covers(request.task, request.id, requested_at):
        raise ReplayRefused("its text is to be forgotten")


def _check_as_it_came(deferral: Deferral, rules: ReplayRules) -> None:
    """Raises ReplayRefused: a text that is not masked must not go to a topic behind `route`."""
    _check_not_forgotten(deferral.request, deferral.requested_at, rules)
    _check_is_masked(deferral.request, rules)


def _check_is_masked(request: Request, rules: ReplayRules) -> None:
    if _masked(request, rules).text != request.text:
        raise ReplayRefused("the mask changes its text, which was written before there was a mask")


def _encoded(request: Request, rules: ReplayRules) -> bytes:
    return REQUEST.encode(_masked(request, rules))


def _masked(request: Request, rules: ReplayRules) -> Request:
    if rules.mask is None or request.text is None:
        return request
    try:
        return replace(request, text=mask_text(rules.mask, request.text))
    except MaskFailed as error:
        raise ReplayRefused(f"its text can't be masked: {error}") from error


def _decoded(codec: Codec[Record], letter: DeadLetter) -> Record:
    try:
        return codec.decode(letter.value, letter.headers)
    except InvalidMessage as error:
        raise ReplayRefused(f"it can't be read, and would fail again: {error}") from error
