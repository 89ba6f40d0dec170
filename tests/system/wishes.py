"""A small task that is easily learnt, and a policy for it, so that a test need not wait for a trainer."""

import random
from collections.abc import Sequence
from functools import cache

import numpy as np

from infra.harness.policies import publish_policy
from models.artifact import Artifact
from models.features import Features
from models.fit import TrainingSet, fit
from schemas.messages import Request
from tests.system.deployment import Deployment

TASK = "wishes"
VERSION = "v1"

_WISHES = {
    "track": ("where is my parcel", "when does my parcel come", "has my parcel been sent"),
    "refund": ("I want my money back", "please refund my payment", "give me a refund now"),
    "address": ("I have moved house", "please change my address", "my new street is not known"),
}
_EXTRAS = ("please", "thanks", "hello", "it is urgent", "order 1234", "since Monday", "again", "asap")
LABELS = tuple(_WISHES)


def wishes(count: int, name: str = "w", task: str = TASK) -> list[Request]:
    """Requests `<name>0`, `<name>1`, ...; the same name always gives the same ones."""
    drawn = random.Random(name)
    return [Request(id=f"{name}{number}", task=task, text=_drawn(drawn)) for number in range(count)]


def meant(text: str | None) -> str:
    """The label that a perfect teacher gives."""
    return next(label for label, said in _WISHES.items() if any(phrase in (text or "") for phrase in said))


def answers(requests: Sequence[Request]) -> dict[str, str]:
    """What is meant by each, by its id."""
    return {request.id: meant(request.text) for request in requests}


def publish(deployment: Deployment, task: str = TASK) -> None:
    """Make the policy the active one of a task."""
    assert publish_policy(deployment.settings, task, policy(task))


@cache
def policy(task: str) -> Artifact:
    texts = [request.text or "" for request in wishes(600, "training")]
    training = TrainingSet(
        Features(texts=texts), [meant(text) for text in texts], np.ones(600, dtype=np.bool_)
    )
    result = fit(training, task=task, version=VERSION, embedder="text", targets=(0.95,))
    assert result.artifact is not None, result.refused
    return result.artifact


def _drawn(drawn: random.Random) -> str:
    return " ".join([*drawn.sample(_EXTRAS, 3), drawn.choice(_WISHES[drawn.choice(LABELS)])])
