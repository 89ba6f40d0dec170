"""Audits of the version that answered count, and nothing else does."""

import itertools
from collections.abc import Sequence

from schemas.messages import Guess
from streams.roles.certify import Certifier
from streams.state.audits import Audit, Audits
from tests.streams.building import TOPICS, message, reasons, trace


class Folded(Audits):
    """Remembers what it was told to count."""

    def __init__(self) -> None:
        self.told: dict[tuple[str, str], list[Audit]] = {}

    async def fold(self, task: str, version: str, audits: Sequence[Audit]) -> None:
        self.told.setdefault((task, version), []).extend(audits)


def guess(label: str = "yes", version: str = "v1") -> Guess:
    return Guess(label, 0.9, 0.1, version)


async def test_only_sampled_audits_of_an_answer_count() -> None:
    for audit, sampled, answered in itertools.product([True, False], repeat=3):
        audits = Folded()
        given = trace(audit=audit, sampled=sampled, guess=guess() if answered else None)
        assert await Certifier(TOPICS, audits).certified([message(given, offset=3)]) == []
        counted = {("t", "v1"): [Audit(0, 3, True)]} if audit and sampled and answered else {}
        assert audits.told == counted


async def test_each_version_of_each_task_is_charged_with_its_own_answers_in_order() -> None:
    audits = Folded()
    sent = [
        trace("a", "yes", audit=True, guess=guess("yes", "v1")),
        trace("b", "yes", audit=True, guess=guess("no", "v1")),
        trace("c", "yes", audit=True, guess=guess("no", "v2")),
        trace("d", "yes", audit=True, guess=guess("yes", "v1"), task="u"),
        trace("e", "yes", audit=True, guess=guess("yes", "v1")),
    ]
    messages = [message(one, offset=place, partition=place % 2) for place, one in enumerate(sent)]
    await Certifier(TOPICS, audits).certified(messages)
    assert audits.told == {
        ("t", "v1"): [Audit(0, 0, True), Audit(1, 1, False), Audit(0, 4, True)],
        ("t", "v2"): [Audit(0, 2, False)],
        ("u", "v1"): [Audit(1, 3, True)],
    }


async def test_a_trace_that_can_not_be_read_is_a_dead_letter_and_the_others_count() -> None:
    audits = Folded()
    messages = [message(b"{}"), message(trace(audit=True, guess=guess()), offset=1)]
    assert len(reasons(await Certifier(TOPICS, audits).certified(messages))) == 1
    assert audits.told == {("t", "v1"): [Audit(0, 1, True)]}
