"""What operators tune, per task or for all (`*`): read from the config topic, merged over the defaults.

A config message is a JSON object with any of the fields of `Config`. The one keyed by the task is laid over
the one keyed `*`, and both over the defaults below. A null puts the default back. A message with a problem
changes nothing; every problem in it is named (`InvalidConfig`).
"""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

from schemas.errors import InvalidConfig
from schemas.messages import TaskName

EVERY_TASK = "*"

Share = Annotated[float, Meta(ge=0.0, le=1.0)]
Probability = Annotated[float, Meta(gt=0.0, lt=1.0)]
Seconds = Annotated[float, Meta(ge=0.0)]
AUTO: Literal["auto"] = "auto"

PROMOTION = r"^(gate|shadow:[1-9][0-9]{0,6}|canary:(0?\.(?=0*[1-9])[0-9]{1,6}|1(\.0+)?))$(?!\n)"


class Refit(Struct, frozen=True, forbid_unknown_fields=True):
    """When the trainer refits.

    Attributes:
        growth: new traces since the last attempt, as a share of the traces it had.
        at_least: and at least so many.
        quiet: seconds that must have passed since the last attempt ended.
        window: newest traces that a fit may use.
        calibration_window: newest sampled traces that may certify; older ones only train. None: all.
        max_age: seconds, before the newest trace, from which on a trace is no longer used; None: any age.
        budget: seconds that a fit may take.
        on_drift: refit, on traces from then on, when requests no longer look like those learned from.
    """

    growth: Annotated[float, Meta(ge=0.0)] = 0.2
    at_least: Annotated[int, Meta(ge=1)] = 200
    quiet: Seconds = 1.0
    window: Annotated[int, Meta(ge=100)] = 100_000
    calibration_window: Annotated[int, Meta(ge=50)] | None = None
    max_age: Annotated[float, Meta(gt=0.0)] | None = None
    budget: Annotated[float, Meta(gt=0.0)] = 600.0
    on_drift: bool = True


class TeacherConfig(Struct, frozen=True, forbid_unknown_fields=True):
    """How the built-in teacher asks.

    Attributes:
        url: base URL of an OpenAI-compatible API, e.g. `http://localhost:8000/v1`.
        model: model name sent to it.
        key_env: name of the environment variable that holds the API key.
        prompt: system prompt; `{labels}` becomes the label set, one a line.
        labels: the only answers allowed; empty allows any short answer.
        concurrency: calls under way at once, per worker.
        timeout: seconds for one call.
        retries: further attempts after a failure that may pass.
        temperature: sampling temperature.
    """

    url: str | None = None
    model: str | None = None
    key_env: str = "OPENAI_API_KEY"
    prompt: str = (
        "Classify the user's message. Answer with exactly one of these labels and nothing else:\n{labels}"
    )
    labels: tuple[Annotated[str, Meta(min_length=1, max_length=256)], ...] = ()
    concurrency: Annotated[int, Meta(ge=1, le=1024)] = 16
    timeout: Annotated[float, Meta(gt=0.0, le=120.0)] = 30.0
    retries: Annotated[int, Meta(ge=0, le=10)] = 4
    temperature: Annotated[float, Meta(ge=0.0, le=2.0)] = 0.0


class Config(Struct, frozen=True):
    """Settings of one task.

    Attributes:
        target_agreement: least share of locally answered requests on which the teacher must agree.
        delta: probability with which a certified claim may be wrong. Changed while a version is live it
            changes at once what the same audits prove, and no count: a smaller one may take a certificate
            back, a larger one may give it. The promise is for a delta chosen without a look at the counts. A
            policy that was fitted with a larger delta answers nothing until a refit has passed at the new.
        reserve: share of the allowed disagreements that the gate leaves unused: fewer requests are answered,
            and audits prove the promise sooner. With .4 it aims at .97 where .95 is promised.
        audit_rate: share of all requests that the teacher answers whatever the surrogate says; `auto` for
            `audit_high` until the live version has been certified, and `audit_low` from then on.
        audit_low, audit_high: the bounds of `auto`.
        audit_overdue: seconds after which an audit without a reply counts as a disagreement until it comes.
            More than a teacher may take: one that is away for longer opens the breaker.
        repeat_rate: share of the sampled requests about which the teacher is asked a second time, to see how
            often it contradicts itself. A cache before the teacher makes it look steadier than it is.
        alarm_run_length: audits, at least, on average, between false alarms at an agreement on target.
        label_floor: a label whose audits prove its agreement to be below this is deferred; 0 blocks none.
        teacher_change: whether refits `keep` or `drop` the traces of a teacher that was changed.
        threshold: acceptor threshold set by hand in place of the certified one; None for the certified one.
        paused: defer everything.
        embedder: what turns a request into features: `text`; `precomputed` for a vector that it brings; or
            an encoder of its text: `model2vec:FOLDER`, `onnx:FOLDER`, `endpoint:URL#MODEL`,
            `probe:URL#MODEL`. `text+...` reads both; `text>...` reads the vector only of what the text
            leaves open.
        dimension: length of the vectors; None for that of the live policy.
        promotion: how a version that passed the offline gate goes live: `gate` at once; `shadow:N` after
            N would-be answers that the teacher has checked; `canary:SHARE` after it has answered that
            share of the requests without falling below the target.
    """

    target_agreement: Probability = 0.95
    delta: Probability = 0.05
    reserve: Annotated[float, Meta(ge=0.0, le=0.9)] = 0.0
    audit_rate: Share | Literal["auto"] = 0.02
    audit_low: Share = 0.01
    audit_high: Share = 0.05
    audit_overdue: Annotated[float, Meta(gt=0.0)] = 3600.0
    repeat_rate: Share = 0.02
    alarm_run_length: Annotated[float, Meta(ge=100.0)] = 10_000.0
    label_floor: Share = 0.8
    teacher_change: Literal["keep", "drop"] = "keep"
    threshold: Share | None = None
    paused: bool = False
    embedder: Annotated[str, Meta(min_length=1)] = "text"
    dimension: Annotated[int, Meta(ge=1, le=65_536)] | None = None
    promotion: Annotated[str, Meta(pattern=PROMOTION)] = "gate"
    refit: Refit = Refit()
    teacher: TeacherConfig = TeacherConfig()

    @property
    def aim(self) -> float:
        """The agreement that thresholds are certified for before a version goes live."""
        return round(1.0 - (1.0 - self.target_agreement) * (1.0 - self.reserve), 6)


Override = Mapping[str, Any]
NOTHING: Override = MappingProxyType({})


def task_of(key: str | bytes | None) -> str:
    """The task that a config message is for, from its key; `*` stands for all.

    Raises:
        InvalidConfig: the key is no task's name.
    """
    name = key.decode(errors="replace") if isinstance(key, bytes) else key or ""
    try:
        return name if name == EVERY_TASK else msgspec.convert(name, TaskName)
    except msgspec.ValidationError as error:
        raise InvalidConfig([f"key: `{name}` is neither a task's name nor `*`"]) from error


def parse_override(
    raw: bytes | None, further: Callable[[Mapping[str, Any]], Sequence[str]] = lambda _fields: ()
) -> Override:
    """The fields that one config message sets; a tombstone (no value) sets none.

    Args:
        further: names problems of the fields that can't be known here.

    Raises:
        InvalidConfig: with every problem, each named by its field.
    """
    if raw is None:
        return NOTHING
    try:
        fields = msgspec.json.decode(raw, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidConfig([f"not a JSON object: {error}"]) from error
    problems = [*_problems(fields, Config, ""), *further(fields)]
    if problems:
        raise InvalidConfig(problems)
    return MappingProxyType(fields)


def merged(*overrides: Override) -> Config:
    """Overrides laid over the defaults, later ones over earlier ones, nested fields one by one."""
    fields: dict[str, Any] = {}
    for override in overrides:
        fields = laid_over(fields, override)
    return msgspec.convert(fields, Config)


def config_of(task: str, overrides: Mapping[str, Override]) -> Config:
    """The config of a task, given the newest message for each key."""
    return merged(overrides.get(EVERY_TASK, NOTHING), overrides.get(task, NOTHING))


def laid_over(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of both, those of `above` where both have one; a null takes the field out."""
    result = dict(below)
    for name, value in above.items():
        if value is None:
            result.pop(name, None)
        elif isinstance(value, Mapping) and isinstance(result.get(name), Mapping):
            result[name] = laid_over(result[name], value)
        else:
            result[name] = laid_over({}, value) if isinstance(value, Mapping) else value
    return result


def _problems(fields: Mapping[str, Any], record: type[Struct], path: str) -> list[str]:
    found = []
    known = {field.name: field for field in msgspec.structs.fields(record)}
    for name, value in fields.items():
        if name not in known:
            found.append(f"`{path}{name}`: there is no such setting; there are {', '.join(sorted(known))}")
        elif value is None:
            continue
        elif _is_record(known[name].type) and isinstance(value, Mapping):
            found.extend(_problems(value, known[name].type, f"{path}{name}."))
        else:
            found.extend(_problem(value, known[name].type, f"{path}{name}"))
    return found


def _problem(value: Any, expected: Any, name: str) -> list[str]:
    try:
        msgspec.convert(value, expected)
    except msgspec.ValidationError as error:
        return [f"`{name}`: {error}"]
    return []


def _is_record(expected: Any) -> bool:
    return isinstance(expected, type) and issubclass(expected, Struct)
