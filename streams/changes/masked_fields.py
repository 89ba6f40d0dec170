"""Refuses config texts that hold a mask in place of a secret, as `config get` prints them.

Written back, the mask would replace the secret. A prompt may hold three stars of its own, so a mask counts
only where a secret is masked: in a URL, after a word such as `password=`, or where a text that is set now is
printed with more masks than it has.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from schemas.config import Override
from schemas.errors import InvalidConfig
from schemas.secrets import masked, masked_values
from schemas.urls import MASK

_STAND_IN = "x1x1x1x1x1x1"
"""Masked only for its place: by itself it looks like no key."""
_URLS = frozenset({"embedder", "teacher.url"})


def refuse_masked(fields: Override, present: Mapping[str, Override]) -> None:
    """Raises InvalidConfig: a text is as `config get` prints it, without its secrets.

    Args:
        fields: that are to be set.
        present: what each task sets now; texts may come from another one.
    """
    printed = [text for override in present.values() for text in _texts(override)]
    problems = [
        f"`{path}`: `{MASK}` stands for a secret that is not printed: write the whole {_kind(path)}"
        for path, text in _texts(fields)
        if MASK in text and _is_masked(path, text, [other for at, other in printed if at == path])
    ]
    if problems:
        raise InvalidConfig(list(dict.fromkeys(problems)))


def _is_masked(path: str, text: str, present: list[str]) -> bool:
    masks = text.count(MASK)
    if path in _URLS or masked(text.replace(MASK, _STAND_IN)).count(_STAND_IN) < masks:
        return True
    return any(other.count(MASK) < min(masks, str(masked_values(other)).count(MASK)) for other in present)


def _kind(path: str) -> str:
    return "URL" if path in _URLS else "text"


def _texts(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Each text with the dotted name of its field; entries of lists have the list's."""
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, Mapping):
        for name, each in value.items():
            yield from _texts(each, f"{path}.{name}" if path else name)
    elif isinstance(value, list | tuple):
        for each in value:
            yield from _texts(each, path)
