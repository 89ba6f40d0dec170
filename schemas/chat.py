"""How the gateway treats an app's chat completions: forwards and records them, or answers for the LLM."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

Mode = Literal["record", "shadow", "serve"]
MODES: tuple[Mode, ...] = ("record", "shadow", "serve")
"""What the gateway may do for an app, from least to most."""

ANY_PROMPT = "*"

ANSWER_PREFIX = "chatcmpl-understudy-"
"""How the id of a chat completion begins that the surrogate has answered."""

CallHash = Annotated[str, Meta(pattern=r"^[0-9a-f]{12}$(?!\n)")]
PromptHash = Annotated[str, Meta(pattern=r"^([0-9a-f]{12}|\*)$(?!\n)")]
Path = Annotated[str, Meta(min_length=1, max_length=500)]
Pattern = Annotated[str, Meta(min_length=1, max_length=2_000)]


class ChatConfig(Struct, frozen=True, forbid_unknown_fields=True):
    """Settings of a task's chat completions.

    Attributes:
        mode: `record`: each call is forwarded to `teacher.url`, and becomes a trace. `shadow`: the same, and
            a header says what the surrogate would have answered. `serve`: the surrogate answers what it may.
        text: regular expression (RE2) that finds the text to classify in the user's message: its group
            `text`, or its first one. None: the whole message. The rest of the message belongs to the prompt,
            less what groups find whose names begin with `ignored`: name so what changes from call to call.
        text_path: path (RFC 9535) of the text in a user's message that is JSON, as `$.ticket.body`: names and
            indexes only. With `text` too, that is applied to what the path finds.
        text_in: what `text_path` looks through: the user's message, or the whole body of a chat completion,
            as `$.messages[-1].content`, so that examples may stand in earlier turns. Then all other messages,
            and the rest of the field that the path names, belong to the prompt.
        ignored_paths: with `text_path`, paths of further values that are no part of the prompt.
        label: the same for the label in a plain reply. None: the reply is the label.
        reply: plain reply that the surrogate gives; `{label}` in it is replaced.
        field: of a JSON reply, the field that holds the label. None: the only one whose schema lists the
            labels; replies to a call without a schema are not read then.
        spans: what spans of calls are that come over OTLP. `train`: traces that only train. `sample`: a
            uniform sample of the task's calls, so that they may certify a version, too. Say so only if the
            app, and all between it and the gateway, drop spans by chance alone, whatever is in them. Spans of
            the surrogate's own answers are left out, which are known by the model or the id of the response:
            where a key or a header names the task, let the instrumentation record one of them, or export no
            spans of calls that go through the gateway.
        calls: hashes of calls that belong to the task although they do not name it: of their instructions and
            the form that they ask for (`understudy tasks accept`).
        prompts: hashes of prompts that the live version stands for although its traces do not name them, as
            after `seed` or `policies import`; `*`: any prompt. An answer's header `x-understudy-prompt` says
            the hash to who asks for details.
    """

    mode: Mode = "record"
    text: Pattern | None = None
    text_path: Path | None = None
    text_in: Literal["message", "body"] = "message"
    ignored_paths: Annotated[tuple[Path, ...], Meta(max_length=50)] = ()
    label: Pattern | None = None
    reply: Annotated[str, Meta(max_length=2_000, pattern=r"\{label\}")] = "{label}"
    field: Annotated[str, Meta(min_length=1, max_length=256)] | None = None
    spans: Literal["train", "sample"] = "train"
    calls: Annotated[tuple[CallHash, ...], Meta(max_length=1_000)] = ()
    prompts: Annotated[tuple[PromptHash, ...], Meta(max_length=1_000)] = ()
