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

from schemas.chat import ChatConfig
from schemas.errors import InvalidConfig
from schemas.messages import Share, TaskName
from schemas.teacher_config import LabelExample, LabelName, Seconds, TeacherConfig

__all__ = [
    "AUTO",
    "EVERY_TASK",
    "KEY_VARIABLES",
    "NOTHING",
    "Config",
    "LabelExample",
    "Override",
    "Refit",
    "TeacherConfig",
    "config_of",
    "merge_overrides",
    "overlay",
    "parse_override",
    "task_of",
]

EVERY_TASK = "*"
KEY_VARIABLES = ("OPENAI_API_KEY", "EMBEDDINGS_API_KEY")
"""Environment variables that `teacher.key_env` may name where the settings of a process list no others."""

Probability = Annotated[float, Meta(gt=0.0, lt=1.0)]
AUTO: Literal["auto"] = "auto"

_TEXT = "{text}"

PROMOTION = r"^(gate|approve|shadow:[1-9][0-9]{0,6}|canary:(0?\.(?=0*[1-9])[0-9]{1,6}|1(\.0+)?))$(?!\n)"


class Refit(Struct, frozen=True, forbid_unknown_fields=True):
    """When the trainer refits.

    Attributes:
        growth: new traces that start a refit, as a share of the traces that the last refit could use.
        at_least: smallest number of new traces that starts a refit, whatever `growth` says.
        quiet: seconds to wait after a refit has ended before the next one may start.
        window: number of traces that a fit may use, the newest ones. Of more than 100,000 it draws as many
            to learn from.
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
        never_answer: labels that the surrogate never answers with, whatever audits say of them: a request
            whose guess is one of them goes to the teacher. The gate of a refit tests answers with these among
            all others, and audits of answers from before stay in the certificate, which is about all that was
            answered.
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
            it brings; `model2vec:FOLDER`, `onnx:FOLDER`, `endpoint:URL#MODEL`, `probe:URL#MODEL`,
            `decisions:URL#MODEL` or `systemone:URL#MODEL`: a vector that this encoder makes of its text.
            `text+...` reads the text and the vector. `A>B>C` has A answer what it is sure of, then B, then C,
            at most four one after another; a vector is made only where those before do not suffice for an
            answer.
        dimension: length of the vectors; None: that of the live policy.
        probe_prompt: prompt in which a probe's LLM reads the text: `{text}` once, near the end, since servers
            keep the beginning that prompts share; `{labels}` and `{descriptions}` where you like. The vector
            is the state of its last token. None: `teacher.prompt`, what the labels mean, the examples, the
            text and `Label:`. Another prompt is another encoder: everything that needs its vectors is
            deferred until a refit.
        promotion: how a version that passed the gate goes live. `gate`: at once. `approve`: once a person
            approves it (`understudy policies approve`); also one whose trial has passed. `shadow:N`: after a
            trial in which the teacher checks N answers that it would have given. `canary:SHARE`: after a
            trial in which it answers that share of the requests, until enough answers are checked. One whose
            checked answers show that its agreement is below the target does not go live.
        refit: when the trainer refits, and with which traces.
        teacher: which LLM is asked, how, and what it may cost.
        chat: how the gateway treats an app's calls of its LLM.
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
    never_answer: tuple[LabelName, ...] = ()
    label_added: Literal["audit", "defer"] = "audit"
    teacher_change: Literal["keep", "drop"] = "keep"
    threshold: Share | None = None
    paused: bool = False
    embedder: Annotated[str, Meta(min_length=1)] = "text"
    dimension: Annotated[int, Meta(ge=1, le=65_536)] | None = None
    probe_prompt: str | None = None
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
        *_prompt_problems(fields.get("probe_prompt")),
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


def _prompt_problems(prompt: Any) -> list[str]:
    """A sentence where a probe's prompt has no one place for the text."""
    count = prompt.count(_TEXT) if isinstance(prompt, str) else 1
    return [] if count == 1 else [f"`probe_prompt`: expected {_TEXT} once, found it {count} times"]


def _is_record(expected: Any) -> bool:
    return isinstance(expected, type) and issubclass(expected, Struct)
