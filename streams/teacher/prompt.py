"""The teacher's prompt: a pure function of the text and the task's teacher settings."""

from collections.abc import Sequence

from openai.types.chat import ChatCompletionMessageParam
from openai.types.shared_params import ResponseFormatJSONSchema

from schemas.config import TeacherConfig
from streams.errors import TeacherMisconfigured
from streams.teacher.known_labels import distinct, known_descriptions, known_examples

LABELS = "{labels}"

Messages = tuple[ChatCompletionMessageParam, ...]


def messages(text: str, config: TeacherConfig) -> Messages:
    """The system prompt, the examples as earlier questions and answers, and the text as it is.

    All calls of a task begin alike, so that a provider's cache can serve their beginning.

    Raises:
        TeacherMisconfigured: the prompt lists labels, and there are none.
    """
    shown: list[ChatCompletionMessageParam] = []
    for one in known_examples(config):
        shown.append({"role": "user", "content": one.text})
        shown.append({"role": "assistant", "content": one.label})
    described = known_descriptions(config)
    meanings = "".join(f"\n{label}: {description}" for label, description in described.items())
    system = instructions(config) + (f"\n\nWhat the labels mean:{meanings}" if meanings else "")
    return ({"role": "system", "content": system}, *shown, {"role": "user", "content": text})


def instructions(config: TeacherConfig) -> str:
    """The prompt with `{labels}` filled in, every other brace left alone.

    Raises:
        TeacherMisconfigured: the prompt lists labels, and there are none.
    """
    if LABELS in config.prompt and not config.labels:
        raise TeacherMisconfigured(
            f"`teacher.labels` is empty but `teacher.prompt` lists them: set `teacher.labels`, "
            f"or for free answers a prompt without {LABELS}"
        )
    return config.prompt.replace(LABELS, _as_lines(config.labels))


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
        "properties": {"label": {"type": "string", "enum": distinct(labels)}},
        "required": ["label"],
        "additionalProperties": False,
    }
    return {"type": "json_schema", "json_schema": {"name": "answer", "strict": True, "schema": schema}}


def _as_lines(labels: Sequence[str]) -> str:
    return "\n".join(distinct(labels))
