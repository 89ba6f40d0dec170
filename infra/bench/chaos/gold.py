"""Three tasks that are easily learnt: what is sent, and the label that a teacher gives to it.

Three requests in ten say two things, so that a surrogate can't be sure and defers them. One in sixty gets
another label than its words say, so that audits also disagree.
"""

import random
import zlib

TEXT, VECTORS, SLOW = "text", "vectors", "slow"
TASKS = (TEXT, VECTORS, SLOW)
"""Read by their text, by a vector that the request brings, and by one that a slow endpoint makes."""
LABELS = ("track", "refund", "address", "other")
DIMENSION = 16
_UNSURE = 0.3
_ODD = 60
_NOISE = 0.15
_WISHES = {
    "track": ("where is my parcel", "when does my parcel come", "has my parcel been sent"),
    "refund": ("I want my money back", "please refund my payment", "give me a refund now"),
    "address": ("I have moved house", "please change my address", "my new street is not known"),
    "other": ("what are your hours", "do you sell shoes", "can I speak to a person"),
}
_EXTRAS = ("please", "thanks", "hello", "it is urgent", "since Monday", "again", "asap", "as I said before")


def request_of(task: str, number: int) -> dict[str, object]:
    """The request of that number; always the same one."""
    drawn = random.Random(f"{task} {number}")
    wishes = drawn.sample(LABELS, 2 if drawn.random() < _UNSURE else 1)
    said = [drawn.choice(_WISHES[wish]) for wish in wishes]
    text = " ".join([f"order {drawn.randrange(10_000)}", *drawn.sample(_EXTRAS, 3), *said])
    request: dict[str, object] = {"id": f"{task}-{number}", "task": task, "text": text}
    if task == VECTORS:
        request["embedding"] = vector_of(text)
    return request


def label_of(text: str) -> str:
    """The teacher's label of a text: of two wishes one or the other."""
    checksum = zlib.crc32(text.encode())
    choices = LABELS if checksum % _ODD == 0 else _wishes_of(text)
    return choices[checksum // _ODD % len(choices)]


def vector_of(text: str) -> list[float]:
    """A vector near that of what the text says; between two where it says two things."""
    drawn, said = random.Random(text), _wishes_of(text)
    centre = [float(wish in said) / len(said) for wish in LABELS] + [0.0] * (DIMENSION - len(LABELS))
    return [round(value + drawn.gauss(0.0, _NOISE), 4) for value in centre]


def _wishes_of(text: str) -> tuple[str, ...]:
    return tuple(wish for wish, said in _WISHES.items() if any(one in text for one in said)) or LABELS
