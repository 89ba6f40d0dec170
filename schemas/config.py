"""Config of a task: the settings that operators change while the system runs, through the config topic.

A config message is a JSON object with any of the fields of `Config`. Its key is a task, or `*` for all tasks.
A task's own message overrides the one for all tasks, and both override the defaults below. A null restores
the default. A message with a problem changes nothing, and `InvalidConfig` names every problem in it.
"""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

from schemas.call_limits import CallLimits, Price
from schemas.chat import ChatConfig
from schemas.errors import InvalidConfig
from schemas.messages import Share, TaskName

EVERY_TASK = "*"
KEY_VARIABLES = ("OPENAI_API_KEY", "EMBEDDINGS_API_KEY")
"""Environment variables that `teacher.key_env` may name where the settings of a process list no others."""

Probability = Annotated[float, Meta(gt=0.0, lt=1.0)]
Seconds = Annotated[float, Meta(ge=0.0)]
LabelName = Annotated[str, Meta(min_length=1, max_length=256)]
AUTO: Literal["auto"] = "auto"

PROMOTION = r"^(gate|shadow:[1-9][0-9]{0,6}|canary:(0?\.(?=0*[1-9])[0-9]{1,6}|1(\.0+)?))$(?!\n)"


class Refit(Struct, frozen=True, forbid_unknown_fields=True):
    """When the trainer refits.

    Attributes:
        growth: new traces that start a refit, as a share of the traces that the last refit could use.
        at_least: smallest number of new traces that starts a refit, whatever `growth` says.
        quiet: seconds to wait after a refit has ended before the next one may start.
        window: number of traces that a fit may use, the newest ones.
        calibration_window: number of sampled traces that may calibrate the score and test thresholds at the
            gate, the newest ones; older ones only train. None: all of the window.
        calibration_age: greatest age of a trace that may do that, in seconds before the newest trace; None:
            any. Where too few are that young, a refit waits for more.
        recurring: repeated texts are requests of their own and come again as often, so each counts at the
            gate. Else a text counts once: retries and calls that are logged twice prove nothing.
        max_age: greatest age of a trace that a fit may use, in seconds before the newest trace; None: any.
        budget: seconds that a fit may take; one that takes longer is stopped.
        use_feedback: a refit learns the label that people say is right (topic `feedback`) in place of the
            teacher's, on traces that are not sampled. Sampled ones keep the teacher's label: they test how
            often the teacher agrees.
        on_drift: whether drift requests a refit. Only traces from the drift on calibrate it and test its
            thresholds.
    """

    growth: Annotated[float, Meta(ge=0.0)] = 0.2
    at_least: Annotated[int, Meta(ge=1)] = 200
    quiet: Seconds = 1.0
    window: Annotated[int, Meta(ge=100)] = 100_000
    calibration_window: Annotated[int, Meta(ge=50)] | None = 20_000
    calibration_age: Annotated[float, Meta(gt=0.0)] | None = 30 * 86_400.0
    recurring: bool = False
    max_age: Annotated[float, Meta(gt=0.0)] | None = None
    budget: Annotated[float, Meta(gt=0.0)] = 600.0
    use_feedback: bool = False
    on_drift: bool = True


class LabelExample(Struct, frozen=True, forbid_unknown_fields=True):
    """A text and the label that the teacher should give it."""

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


class Config(Struct, frozen=True):
    """Settings of one task.

    Attributes:
        target_agreement: lowest agreement that is acceptable: the share of the requests answered by the
            surrogate for which the teacher gives the same label.
        delta: highest probability that a certified claim is wrong; also, that a threshold passes the gate
            although it misses the target. If it is changed while a version is live, the audits are kept
            and judged by the new value at once, so a certificate may be lost or gained. The guarantee holds
            for a delta that is chosen without looking at the audits. A policy that was fitted with a larger
            delta answers nothing until a refit passes the gate with the new one.
        reserve: share of the allowed disagreements that the gate leaves unused. A larger reserve lets the
            surrogate answer fewer requests, and audits prove the target sooner. With `target_agreement` .95
            and `reserve` .4 a threshold has to pass the gate at .97.
        audit_rate: share of all requests that the teacher labels even if the surrogate answers; or `auto`:
            `audit_high` until the live version is certified, and `audit_low` from then on. It follows the
            version, not the service: a new version is the one that may be bad. All audits count at any rate;
            certificates are about the average over the answers, each weighted with the rate at its time.
        audit_early: share of all requests that the teacher labels while fewer than `audit_enough` traces may
            certify the next refit, where that is more than `audit_rate`. 0: `audit_rate` from the start.
        audit_enough: sampled traces from which on `audit_rate` alone decides. So about this many calls of the
            teacher are spent on `audit_early`, and again only once traces are too old to certify or an alarm,
            drift or another teacher has ruled them out.
        audit_low: audit rate of `auto` once the live version is certified.
        audit_high: audit rate of `auto` until the live version is certified.
        audit_overdue: seconds after which an audit without a reply counts against the claim that the replies
            so far still prove the target, until its reply comes. So a teacher that is away for longer may
            suspend certificates. It raises no alarm by that.
        guard_staleness: seconds for which audits may go uncounted, because `certify` or Redis is away or
            behind; from then on everything is deferred with the reason `unguarded`, since no alarm could be
            raised. Already after a minute nothing counts as certified. `never`: answers go on, however long
            nobody watches them.
        alarm_silence: share of the audits that may stay without a label, because the teacher failed on them
            or passed them by, before the alarm counts what is more as disagreements. Up to that share they
            are left out of the alarm. 0: all of them count; 1: none does.
        repeat_rate: share of the sampled requests that the teacher labels a second time, to measure how often
            it contradicts itself. A cache in front of the teacher hides its contradictions.
        alarm_run_length: number of audits between two false alarms, at least and on average, while agreement
            is at least the target.
        deferral_drift: whether deferred requests are watched. Where the teacher agrees with their guesses
            less often than their scores say, an event of kind `drift` says so, a refit is requested (if
            `refit.on_drift`), and `audit_early` of the requests are audited for up to 1,000 audits. It stops
            no answer.
        label_floor: lowest acceptable agreement of one label. The surrogate stops answering with a label once
            audits prove that the label's agreement is below this; 0 blocks no label.
        label_added: what happens while `teacher.labels` has a label that the live version can't know, because
            it was added after the version's traces. Nothing is certified until a refit has gone live that has
            seen the label: its traces hold it, or the built-in teacher could have given it to 3,000 sampled
            ones. `audit`: the version goes on answering, and `audit_early` of the requests are audited where
            that is more than the rate in force. `defer`: it answers nothing. A rare label would then cost all
            savings until the teacher gives it, so the default is `audit`.
        teacher_change: whether refits `keep` or `drop` the earlier traces when the teacher changes.
        threshold: score from which on the surrogate answers, set by hand; it has not passed the gate. None:
            the threshold that passed the gate.
        paused: whether all requests of the task go to the teacher.
        embedder: what the features of a request are made of. `text`: its text; `precomputed`: a vector that
            it brings; `model2vec:FOLDER`, `onnx:FOLDER`, `endpoint:URL#MODEL` or `probe:URL#MODEL`: a vector
            that this encoder makes of its text. `text+...` reads the text and the vector; `text>...` reads
            the vector only where the text alone does not suffice for an answer.
        dimension: length of the vectors; None: that of the live policy.
        promotion: how a version that passed the gate goes live. `gate`: at once. `shadow:N`: after a trial
            in which the teacher checks N answers that it would have given. `canary:SHARE`: after a trial in
            which it answers that share of the requests, until enough answers are checked. A version whose
            checked answers show that its agreement is below the target does not go live.
    """

    target_agreement: Probability = 0.95
    delta: Probability = 0.05
    reserve: Annotated[float, Meta(ge=0.0, le=0.9)] = 0.0
    audit_rate: Share | Literal["auto"] = 0.02
    audit_early: Share = 0.2
    audit_enough: Annotated[int, Meta(ge=0)] = 4000
    audit_low: Share = 0.01
    audit_high: Share = 0.05
    audit_overdue: Annotated[float, Meta(gt=0.0)] = 3600.0
    guard_staleness: Annotated[float, Meta(ge=1.0)] | Literal["never"] = 600.0
    alarm_silence: Share = 0.1
    repeat_rate: Share = 0.02
    alarm_run_length: Annotated[float, Meta(ge=100.0)] = 10_000.0
    deferral_drift: bool = True
    label_floor: Share = 0.8
    label_added: Literal["audit", "defer"] = "audit"
    teacher_change: Literal["keep", "drop"] = "keep"
    threshold: Share | None = None
    paused: bool = False
    embedder: Annotated[str, Meta(min_length=1)] = "text"
    dimension: Annotated[int, Meta(ge=1, le=65_536)] | None = None
    promotion: Annotated[str, Meta(pattern=PROMOTION)] = "gate"
    refit: Refit = Refit()
    teacher: TeacherConfig = TeacherConfig()
    chat: ChatConfig = ChatConfig()

    @property
    def aim(self) -> float:
        """The target at which a threshold has to pass the gate: `target_agreement` with the `reserve`."""
        return round(1.0 - (1.0 - self.target_agreement) * (1.0 - self.reserve), 6)


Override = Mapping[str, Any]
NOTHING: Override = MappingProxyType({})


def task_of(key: str | bytes | None) -> str:
    """The task of a config message, which is its key; `*` stands for all tasks.

    Raises:
        InvalidConfig: the key is not a valid name of a task.
    """
    name = key.decode(errors="replace") if isinstance(key, bytes) else key or ""
    try:
        return name if name == EVERY_TASK else msgspec.convert(name, TaskName)
    except msgspec.ValidationError as error:
        raise InvalidConfig([f"key of the message: expected a task's name or `*`, got `{name}`"]) from error


def parse_override(
    raw: bytes | None,
    further: Callable[[Mapping[str, Any]], Sequence[str]] = lambda _fields: (),
    key: str = EVERY_TASK,
) -> Override:
    """The fields that one config message sets; a tombstone (no value) sets none.

    Args:
        key: the task that the message is for, or `*`.
        further: checks the fields once more, and returns a sentence for each problem that it finds.

    Raises:
        InvalidConfig: with all problems, each with the name of its field.
    """
    if raw is None:
        return NOTHING
    try:
        fields = msgspec.json.decode(raw, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidConfig([f"not a JSON object: {error}"]) from error
    problems = [
        *_problems(fields, Config, ""),
        *_renaming_problems(fields.get("teacher")),
        *_total_problems(fields.get("teacher"), key),
        *_calls_problems(fields.get("chat"), key),
        *further(fields),
    ]
    if problems:
        raise InvalidConfig(problems)
    return MappingProxyType(fields)


def merge_overrides(*overrides: Override) -> Config:
    """The config with these overrides of the defaults; a later override wins, field by nested field."""
    fields: dict[str, Any] = {}
    for override in overrides:
        fields = overlay(fields, override)
    return msgspec.convert(fields, Config)


def config_of(task: str, overrides: Mapping[str, Override]) -> Config:
    """The config of a task, given the newest message for each key."""
    return merge_overrides(overrides.get(EVERY_TASK, NOTHING), overrides.get(task, NOTHING))


def overlay(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of both; where both have a field, that of `above`. A null in `above` removes the field."""
    result = dict(below)
    for name, value in above.items():
        if value is None:
            result.pop(name, None)
        elif isinstance(value, Mapping) and isinstance(result.get(name), Mapping):
            result[name] = overlay(result[name], value)
        else:
            result[name] = overlay({}, value) if isinstance(value, Mapping) else value
    return result


def _problems(fields: Mapping[str, Any], record: type[Struct], path: str) -> list[str]:
    problems = []
    known = {field.name: field for field in msgspec.structs.fields(record)}
    for name, value in fields.items():
        if name not in known:
            names = ", ".join(sorted(known))
            problems.append(f"`{path}{name}`: there is no such setting; expected one of {names}")
        elif value is None:
            continue
        elif _is_record(known[name].type) and isinstance(value, Mapping):
            problems.extend(_problems(value, known[name].type, f"{path}{name}."))
        else:
            problems.extend(_problem(value, known[name].type, f"{path}{name}"))
    return problems


def _problem(value: Any, expected: Any, name: str) -> list[str]:
    try:
        msgspec.convert(value, expected)
    except msgspec.ValidationError as error:
        return [f"`{name}`: {error}"]
    return []


def _renaming_problems(teacher: Any) -> list[str]:
    """A sentence for each old name in `teacher.labels_renamed` that would still be in use."""
    fields = teacher if isinstance(teacher, Mapping) else {}
    renamed, labels = fields.get("labels_renamed"), fields.get("labels")
    if not isinstance(renamed, Mapping):
        return []
    new = [name for name in renamed.values() if isinstance(name, str)]
    listed = labels if isinstance(labels, list) else []
    return [
        f"`teacher.labels_renamed`: `{old}` is an old name, so it can't be the new name of another label; "
        "give each old name the newest one"
        for old in renamed
        if old in new
    ] + [
        f"`teacher.labels_renamed`: `{old}` is an old name, so it can't be in `teacher.labels`; put "
        f"`{renamed[old]}` there"
        for old in renamed
        if old in listed
    ]


def _total_problems(teacher: Any, key: str) -> list[str]:
    """A sentence where one task would limit all of them."""
    if key == EVERY_TASK or not isinstance(teacher, Mapping) or "total_limits" not in teacher:
        return []
    where = "only the message for `*` can set it; for this task alone set `teacher.limits`"
    return [f"`teacher.total_limits`: it limits all tasks together, so {where}"]


def _calls_problems(chat: Any, key: str) -> list[str]:
    """A sentence where calls that name no task would belong to all of them."""
    if key != EVERY_TASK or not isinstance(chat, Mapping) or not chat.get("calls"):
        return []
    return ["`chat.calls`: calls belong to one task, so the message for `*` can't set it"]


def _is_record(expected: Any) -> bool:
    return isinstance(expected, type) and issubclass(expected, Struct)
