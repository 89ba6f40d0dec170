"""The teacher's prompt: a pure function of the text and the task's teacher settings."""

from collections.abc import Sequence

from openai.types.chat import ChatCompletionMessageParam
from openai.types.shared_params import ResponseFormatJSONSchema

from schemas.config import TeacherConfig
from streams.errors import NothingToAsk, TeacherMisconfigured

LABELS = "{labels}"

Messages = tuple[ChatCompletionMessageParam, ...]


def messages(text: str | None, config: TeacherConfig) -> Messages:
    """The system prompt with `{labels}` filled in, every other brace left alone, and the text as it is.

    Raises:
        NothingToAsk: there is no text, only a vector.
        TeacherMisconfigured: the prompt lists labels, and there are none.
    """
    if text is None:
        raise NothingToAsk(
            "the request has no `text`, and the built-in teacher can't be asked about a vector: "
            "send `text` beside `embedding`, or answer this task's deferrals with a teacher of your own"
        )
    if LABELS in config.prompt and not config.labels:
        raise TeacherMisconfigured(
            f"`teacher.labels` is empty but `teacher.prompt` lists them: set `teacher.labels`, "
            f"or for free answers a prompt without {LABELS}"
        )
    return (
        {"role": "system", "content": config.prompt.replace(LABELS, _as_lines(config.labels))},
        {"role": "user", "content": text},
    )


def with_reminder(asked: Messages, said: str, labels: Sequence[str]) -> Messages:
    """The same question once more, after an answer that was no label."""
    rule = (
        f"Answer with exactly one of these labels, letter for letter, and nothing else:\n{_as_lines(labels)}"
        if labels
        else "Answer with one short label on a single line and nothing else."
    )
    reminder: Messages = ({"role": "user", "content": f"That is not an answer that can be used. {rule}"},)
    spoken: Messages = ({"role": "assistant", "content": said},) if said.strip() else ()
    return (*asked, *spoken, *reminder)


def answer_format(labels: Sequence[str]) -> ResponseFormatJSONSchema | None:
    """JSON Schema of `{"label": ...}` with one of the labels; None where any short answer is allowed."""
    if not labels:
        return None
    schema: dict[str, object] = {
        "type": "object",
        "properties": {"label": {"type": "string", "enum": _distinct(labels)}},
        "required": ["label"],
        "additionalProperties": False,
    }
    return {"type": "json_schema", "json_schema": {"name": "answer", "strict": True, "schema": schema}}


def _as_lines(labels: Sequence[str]) -> str:
    return "\n".join(_distinct(labels))


def _distinct(labels: Sequence[str]) -> list[str]:
    return list(dict.fromkeys(labels))
