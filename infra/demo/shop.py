"""Shop of the demo: messages of its customers and answers of a good teacher, before and after drift."""

import random
from dataclasses import replace

from infra.demo.answers import Answers
from infra.demo.drift import NEW_INTENTS, NEW_MEANINGS, NEW_SHARE
from infra.demo.intents import INTENTS
from infra.demo.traffic import Traffic, Utterance


class Shop:
    """Repeatable. One thread draws and strikes; `label` may be called from another.

    Attributes:
        labels: all that the teacher may ever answer.
    """

    def __init__(self, *, drifts: bool) -> None:
        """
        Args:
            drifts: whether drift may strike.
        """
        intents = {**INTENTS, **NEW_INTENTS} if drifts else INTENTS
        self.labels = tuple(intents)
        self._customers, self._new_customers = Traffic(seed=0), Traffic(1, NEW_INTENTS)
        self._random = random.Random(2)
        self._answers = Answers(intents)
        self._drifted = False

    def strike(self) -> None:
        """Let drift begin; it does not end."""
        self._drifted = True

    def draw(self) -> Utterance:
        """The next message, and the label that the teacher has for it now."""
        new = self._drifted and self._random.random() < NEW_SHARE
        utterance = (self._new_customers if new else self._customers).draw()
        self._answers.remember(utterance)
        return replace(utterance, intent=self._meaning(utterance.intent))

    def label(self, text: str) -> str:
        """The label that a good teacher gives now."""
        return self._meaning(self._answers.label(text))

    def _meaning(self, intent: str) -> str:
        return NEW_MEANINGS.get(intent, intent) if self._drifted else intent
