"""Settings of a task's teacher: which LLM is asked, how, with which labels, and what it may cost."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from schemas.call_limits import CallLimits, Price

Seconds = Annotated[float, Meta(ge=0.0)]
LabelName = Annotated[str, Meta(min_length=1, max_length=256)]


class LabelExample(Struct, frozen=True, forbid_unknown_fields=True):
    """A text and the label that the teacher should give it.

    Attributes:
        text: as a request would bring it.
        label: the right one.
    """

    text: Annotated[str, Meta(min_length=1, max_length=20_000)]
    label: LabelName


class TeacherConfig(Struct, frozen=True, forbid_unknown_fields=True):
    """Settings of the built-in teacher.

    Attributes:
        url: base URL of an OpenAI-compatible API, e.g. `http://localhost:8000/v1`.
        model: name of the model, as the API knows it.
        api: `chat`: chat completions, which most servers have. `decisions` and `systemone`: one choice among
            the labels, with the probability of each, by OpenAI's API or by that of decision models (TypeSafe,
            Ollama); both need 2 to 255 `labels`.
        key_env: name of the environment variable that holds the API key; one of those that
            `UNDERSTUDY_KEY_ENV` lists, by default `OPENAI_API_KEY` and `EMBEDDINGS_API_KEY`. With another one
            nothing is asked.
        prompt: system prompt; `{labels}` in it is replaced by the labels, one a line.
        labels: answers that are allowed; if there are none, any short answer is allowed. They may change
            while a version is live. A label that is taken out is not answered any more and trains nothing.
            For one that is added see `label_added`. Both make another teacher of the built-in one, and so
            another certificate.
        most_labels: how many different labels a task may have whose `labels` are not set. The first so many
            count, and those that the live version answers with; a reply with another one is an error.
        max_text: longest text that the built-in teacher is asked about, in characters; a longer one is an
            error at once, and costs nothing. None: what the endpoint takes.
        labels_renamed: new names of labels, by their old ones. Traces, policies, blocked labels and
            certificates are kept, and clients get the new name at once. Write it into `labels` in the same
            message, and keep the entry as long as traces or versions hold the old name. An old name must not
            be a label any more, nor the new name of another one. Of several old names the first one first.
        label_descriptions: what labels mean, by label; the teacher is told. Those of labels that are not in
            `labels` are left out.
        examples: texts with their labels, as in `[{"text": "money back!", "label": "refund"}]`, at most 200.
            The teacher is shown them before each text; those whose label is not in `labels` are left out. A
            change of these, of the descriptions, `api` or `reasoning_effort` makes another teacher.
        group: consumer group of a teacher of your own. Where it is named, certify reads how far the group has
            committed, and an audit that it has passed by without a reply counts as silent (`alarm_silence`).
            None: that of the built-in teacher where `url` is set; else a missing reply is never held to be
            the teacher's silence.
        concurrency: calls that a worker makes at the same time for requests that clients wait for.
        audit_concurrency: calls that it makes beside them for audits and second questions.
        timeout: seconds that one call may take.
        give_up_after: seconds from the request until a failure of the teacher that may pass becomes its
            error; until then the request waits. A client can wish for less with the header
            `understudy-give-up-after`.
        audit_give_up_after: the same for an audit, for which no client waits. One that is given up counts
            against the certificate, so this is best longer than any outage. Meanwhile many audits of a task
            whose endpoint is away may hold back those of other tasks, but no requests.
        retries: has no effect any more, see `give_up_after`; older config messages may hold it.
        temperature: sampling temperature of the model.
        reasoning_effort: how long a reasoning model thinks: `none`, `minimal`, `low`, `medium`, `high`,
            `xhigh`, or `lowest`, the lowest of these that the model takes. None: the model's own default.
        max_output_tokens: most tokens of an answer, those of its reasoning included; None: no limit. An
            answer that is cut off by it is an error.
        confidence: ask a chat model for the log probabilities of its answer, and keep the probability of the
            label as `confidence` in replies and traces; the other APIs always do. Refits learn less from
            labels that the teacher doubts.
        audit_tier: `flex`: ask for audits and second questions on the provider's cheaper, slower tier; if it
            has no room or the model has no such tier, they are asked like all others. None: like all others.
        audit_timeout: seconds that one call on `audit_tier` may take.
        price: what the tokens of this model cost. Spending is counted with it, and `status` shows it.
        limits: on the calls for this task, those for audits and second questions among them.
        total_limits: on the calls for all tasks together; only the message for `*` may set them.
        at_ceiling: what happens to a request that would need a call once a limit of the day is reached.
            `wait`: it waits for the next day, or until `give_up_after` is over. `error`: it gets an error at
            once. `answer`: the surrogate's guess is its label, with the reason `budget`: it is outside the
            guarantee, and its counts leave it out. Requests without a guess, and those whose guess is
            stopped by an alarm, a block or an operator, wait. Audits wait in any case.
    """

    url: str | None = None
    model: str | None = None
    api: Literal["chat", "decisions", "systemone"] = "chat"
    key_env: str = "OPENAI_API_KEY"
    prompt: str = (
        "Classify the user's message. Answer with exactly one of these labels and nothing else:\n{labels}"
    )
    labels: tuple[LabelName, ...] = ()
    label_descriptions: dict[LabelName, Annotated[str, Meta(min_length=1, max_length=2_000)]] = {}
    examples: Annotated[tuple[LabelExample, ...], Meta(max_length=200)] = ()
    most_labels: Annotated[int, Meta(ge=2, le=20_000)] = 1_000
    max_text: Annotated[int, Meta(ge=1)] | None = None
    labels_renamed: dict[LabelName, LabelName] = {}
    group: Annotated[str, Meta(min_length=1, max_length=249)] | None = None
    concurrency: Annotated[int, Meta(ge=1, le=1024)] = 16
    audit_concurrency: Annotated[int, Meta(ge=1, le=1024)] = 16
    timeout: Annotated[float, Meta(gt=0.0, le=120.0)] = 30.0
    give_up_after: Annotated[float, Meta(ge=1.0, le=7 * 86_400.0)] = 3600.0
    audit_give_up_after: Annotated[float, Meta(ge=1.0, le=7 * 86_400.0)] = 86_400.0
    retries: Annotated[int, Meta(ge=0, le=10)] = 4
    temperature: Annotated[float, Meta(ge=0.0, le=2.0)] = 0.0
    reasoning_effort: Literal["lowest", "none", "minimal", "low", "medium", "high", "xhigh"] | None = None
    max_output_tokens: Annotated[int, Meta(ge=1, le=1_000_000)] | None = None
    confidence: bool = False
    audit_tier: Literal["flex"] | None = None
    audit_timeout: Annotated[float, Meta(gt=0.0, le=900.0)] = 900.0
    price: Price = Price()
    limits: CallLimits = CallLimits()
    total_limits: CallLimits = CallLimits()
    at_ceiling: Literal["wait", "error", "answer"] = "wait"
