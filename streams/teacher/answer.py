"""Parses the model's answer: a label of the set, or an error; never a guess.

A label is recognised as it stands, or else in wrapping that models put around it (white space, quotes, a code
fence, a trailing period), or else whatever the case of its letters. The first of these that fits any label
decides, and has to fit one alone.
"""

import re
from collections.abc import Callable, Sequence

import msgspec

from schemas.secrets import masked_known
from streams.errors import UnreadableAnswer

_LONGEST_LABEL = 256
_LONGEST_QUOTE = 80
_LONGEST_ANSWER = 4096
_FENCE = re.compile(r"```(?:[\w+-]*\r?\n)?(.*?)```", re.DOTALL)
_HALF = re.compile("[\ud800-\udfff]")
_QUOTES = ('""', "''", "``", "“”", "‘’", "«»")  # noqa: RUF001
_WRAPPING = "".join(_QUOTES) + ". "


class _Structured(msgspec.Struct):
    label: str


def parse_answer(said: str, labels: Sequence[str]) -> str:
    """The one label that was meant: from `{"label": ...}` or from plain text.

    With no labels given, any answer on a single line of at most 256 characters is one.

    Raises:
        UnreadableAnswer: nothing was said, or no label, or what fits several.
    """
    if not said.strip():
        raise UnreadableAnswer("the model said nothing")
    if len(said) > _LONGEST_ANSWER:
        raise UnreadableAnswer(f"the model said {quote(said)}, {len(said)} characters where a label was due")
    if _HALF.search(said):
        raise UnreadableAnswer(f"the model said {quote(said)}, which holds half a character")
    if said in labels:
        return said
    structured = _label_in_json(said)
    answer = said if structured is None else structured
    return _matching_label(answer, labels, said) if labels else _short(_unwrap(answer), said)


def quote(said: str) -> str:
    """What was said, in quotes and cut to fit in a message; masked first: nobody knows half a secret."""
    said = masked_known(said)
    cut = said if len(said) <= _LONGEST_QUOTE else f"{said[:_LONGEST_QUOTE]}…"
    return repr(cut)


def _matching_label(answer: str, labels: Sequence[str], said: str) -> str:
    for form in _FORMS:
        meant = form(answer)
        fitting = {label for label in labels if form(label) == meant}
        if len(fitting) == 1:
            return fitting.pop()
        if fitting:
            raise UnreadableAnswer(f"the model said {quote(said)}, which fits {len(fitting)} of the labels")
    raise UnreadableAnswer(f"the model said {quote(said)}, which is none of the {len(set(labels))} labels")


def _short(answer: str, said: str) -> str:
    empty = not answer.strip(_WRAPPING)
    if empty or len(answer) > _LONGEST_LABEL or len(answer.splitlines()) != 1 or answer.startswith("{"):
        raise UnreadableAnswer(
            f"the model said {quote(said)}, which is not one line of at most {_LONGEST_LABEL} characters"
        )
    return answer


def _label_in_json(said: str) -> str | None:
    """The label inside `{"label": ...}`, fenced or not; None where that is not what was said."""
    content = _strip_fence(said.strip())
    if not content.startswith("{"):
        return None
    try:
        return msgspec.json.decode(content, type=_Structured).label
    except (msgspec.DecodeError, RecursionError):
        return None


def _unwrap(text: str) -> str:
    """The text without its wrapping, layer by layer, as long as something remains."""
    while (inner := _unwrap_once(text)) != text:
        text = inner
    return text


def _unwrap_once(text: str) -> str:
    """The text without its outermost layer; the text itself if it has none, or nothing would remain."""
    for layer in _LAYERS:
        inner = layer(text)
        if inner != text and inner.strip():
            return inner
    return text


def _unwrap_and_lower(text: str) -> str:
    return _unwrap(text).casefold()


def _as_it_is(text: str) -> str:
    return text


def _strip_fence(text: str) -> str:
    fenced = _FENCE.fullmatch(text)
    return fenced[1].strip() if fenced else text


def _strip_quotes(text: str) -> str:
    return text[1:-1] if len(text) > 1 and text[0] + text[-1] in _QUOTES else text


def _strip_full_stop(text: str) -> str:
    return text.removesuffix(".")


_LAYERS: tuple[Callable[[str], str], ...] = (str.strip, _strip_fence, _strip_quotes, _strip_full_stop)
_FORMS: tuple[Callable[[str], str], ...] = (_as_it_is, _unwrap, _unwrap_and_lower)
