"""Finds the records that a broker refuses for what they are: their size or their form.

A broker refuses a whole batch of records for one of them, and a transaction with it, without a word of which
message is at fault. So the outputs of messages are tried again in smaller and smaller parts, until each part
is accepted, or refused and of one message alone. What fails for another reason is nobody's fault.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from streams.errors import DeliveryFailed
from streams.kafka.batch import Outgoing

RECORD_ERRORS = frozenset(
    {
        KafkaError.MSG_SIZE_TOO_LARGE,
        KafkaError.RECORD_LIST_TOO_LARGE,
        KafkaError.INVALID_RECORD,
        KafkaError._INVALID_DIFFERENT_RECORD,
    }
)
"""Errors of a record, or of one in its batch. All others, such as a quota's, are no record's fault."""

_PROMPTLY = 10.0
_POLL = 0.01
_TRIES = 4
"""After a refusal the broker refuses the next part too, until the producer has begun another epoch."""

Outputs = Sequence[Outgoing]


@dataclass(slots=True)
class Trial:
    """What the broker says of some messages' outputs, each by its number.

    Attributes:
        left: records of each message of which nothing is said yet.
        errors: the first of each message.
    """

    left: list[int]
    errors: dict[int, KafkaError] = field(default_factory=dict)

    def report(self, number: int, error: KafkaError | None) -> None:
        self.left[number] -= 1
        if error is not None:
            self.errors.setdefault(number, error)

    @property
    def refused(self) -> list[int]:
        return [number for number, error in self.errors.items() if error.code() in RECORD_ERRORS]

    @property
    def is_accepted(self) -> bool:
        return not self.errors and not any(self.left)

    @property
    def suspects(self) -> list[int]:
        """Those that are not known to be accepted."""
        return [number for number, left in enumerate(self.left) if left or number in self.errors]

    @property
    def problem(self) -> str:
        return next((error.str() for error in self.errors.values()), "no answer in time")


@dataclass(slots=True)
class Sifted:
    """Attributes:
    parts: numbers of messages whose outputs the broker accepts together, in their order.
    refused: why the broker refuses a message's outputs, by its number.
    """

    parts: list[list[int]] = field(default_factory=list)
    refused: dict[int, str] = field(default_factory=dict)


def sift(messages: Sequence[Outputs], attempt: Callable[[Sequence[Outputs]], Trial]) -> Sifted:
    """Which outputs the broker accepts together, and which it refuses alone.

    Args:
        messages: the outputs of each.
        attempt: tries outputs, of which nothing becomes visible.

    Raises:
        DeliveryFailed: the broker accepts and refuses nothing.
    """
    sifted, open_parts = Sifted(), [list(range(len(messages)))]
    while open_parts:
        part = open_parts.pop()
        trial = _attempt_again([messages[number] for number in part], attempt)
        if trial.is_accepted:
            sifted.parts.append(part)
            continue
        if len(part) == 1:
            sifted.refused[part[0]] = trial.problem
            continue
        suspects = [part[place] for place in trial.suspects]
        accepted = [number for number in part if number not in set(suspects)]
        if accepted:
            sifted.parts.append(accepted)
        half = (len(suspects) + 1) // 2
        open_parts += [rest for rest in (suspects[half:], suspects[:half]) if rest]
    return sifted


def _attempt_again(messages: Sequence[Outputs], attempt: Callable[[Sequence[Outputs]], Trial]) -> Trial:
    """The first trial that says something of the records themselves."""
    for _ in range(_TRIES):
        trial = attempt(messages)
        if trial.is_accepted or trial.refused:
            return trial
        if not trial.errors:
            break
    raise DeliveryFailed(f"outputs can't be delivered: {trial.problem}")


def produce_and_wait(producer: Producer, messages: Sequence[Outputs]) -> Trial:
    """Produce the outputs, and wait until the broker has accepted all, or refused one."""
    trial = Trial([len(outputs) for outputs in messages])
    for number, outputs in enumerate(messages):
        for output in outputs:
            _produce(producer, output, number, trial)
    until = time.monotonic() + _PROMPTLY
    while any(trial.left) and not trial.errors and time.monotonic() < until:
        producer.poll(_POLL)
    return trial


def _produce(producer: Producer, output: Outgoing, number: int, trial: Trial) -> None:
    def report(error: KafkaError | None, _: Message) -> None:
        trial.report(number, error)

    topic, key, value, headers = output
    while not trial.errors:
        try:
            producer.produce(topic, value, key, headers=headers or [], on_delivery=report)
        except BufferError:
            producer.poll(_POLL)
        except KafkaException as error:
            trial.report(number, error.args[0])
        else:
            return
