"""Three tasks that are easily learnt: what is sent, and the label that a teacher gives to it.

One request in sixty gets another label than its words say, so that audits also disagree.
"""

import random
import zlib

TEXT, VECTORS, SLOW = "text", "vectors", "slow"
TASKS = (TEXT, VECTORS, SLOW)
"""Read by their text, by a vector that the request brings, and with an endpoint that takes its time."""
LABELS = ("track", "refund", "address", "other")
DIMENSION = 16
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
    wish = drawn.choice(LABELS)
    words = [f"order {drawn.randrange(10_000)}", *drawn.sample(_EXTRAS, 3), drawn.choice(_WISHES[wish])]
    request: dict[str, object] = {"id": f"{task}-{number}", "task": task, "text": " ".join(words)}
    if task == VECTORS:
        request["embedding"] = vector_of(str(request["text"]))
    return request


def label_of(text: str) -> str:
    """The teacher's label of a text."""
    odd = zlib.crc32(text.encode())
    return LABELS[odd // _ODD % len(LABELS)] if odd % _ODD == 0 else _wish_of(text)


def vector_of(text: str) -> list[float]:
    """A vector near that of what the text says."""
    drawn, centre = random.Random(text), LABELS.index(_wish_of(text))
    return [round(float(place == centre) + drawn.gauss(0.0, _NOISE), 4) for place in range(DIMENSION)]


def _wish_of(text: str) -> str:
    return next((wish for wish, said in _WISHES.items() if any(one in text for one in said)), "other")
