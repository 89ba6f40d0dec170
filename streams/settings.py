"""Settings of a process, read at start: where Kafka and Redis are, and how to work with them.

Read from `UNDERSTUDY_*` variables (`__` goes a level down), then from the TOML file that
`UNDERSTUDY_SETTINGS` names. Everything under `kafka` is handed to librdkafka, underscores as dots:
`UNDERSTUDY_KAFKA__BOOTSTRAP_SERVERS` is `bootstrap.servers`. What operators tune while it runs is not
here but on the config topic (`schemas.config`).
"""

import os
import re
import socket
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, get_args
from urllib.parse import unquote, urlsplit

from platformdirs import user_data_path
from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
    TomlConfigSettingsSource,
)

from schemas.config import KEY_VARIABLES
from schemas.redis_keys import Keys
from schemas.secrets import remember_secrets
from schemas.topics import DEFAULT_PREFIX, Topics
from schemas.urls import MASK, masked_url
from streams.errors import InvalidSettings
from streams.gateway_settings import GatewaySettings
from streams.latency_settings import PROFILES, Latency, LatencyProfile
from streams.log_settings import LogSettings
from streams.metrics_settings import MetricsSettings

PREFIX = "UNDERSTUDY_"
SETTINGS_FILE = f"{PREFIX}SETTINGS"
# Not settings: those of the test suite, and what Kubernetes sets for a service that is called understudy-*.
_NOT_OURS = re.compile(rf"{PREFIX}(TEST_.*|(\w+_)?(SERVICE_HOST|SERVICE_PORT.*|PORT(_\d.*)?))")

Role = Literal["route", "encode", "teacher", "learn", "certify", "trainer", "gateway"]
ROLES: tuple[Role, ...] = get_args(Role)
WITHOUT_PORT: tuple[Role, ...] = tuple(role for role in ROLES if role != "gateway")
"""Roles that listen on no port, so that any number of them may run on a host."""

PUBLIC_AUDIT_KEY = "understudy"
"""The default of `audit_key`, which everybody can read here: no worker starts with it."""

_SECRET = frozenset({"audit_key", "kafka", "consumer", "producer", "redis"})
"""Settings whose values are never repeated in a message."""
_OPTIONS = frozenset({"kafka", "consumer", "producer", "redis"})
_SECRET_OPTION = re.compile(r"password|secret|token|credential|oauthbearer.config|jaas|\.pem$")


class Settings(BaseSettings):
    """Settings of a process. Printed, they show no password.

    Attributes:
    kafka: librdkafka options for every client, dots or underscores.
    consumer, producer: further ones for either kind.
    msk_region: the AWS region of an Amazon MSK cluster: Kafka clients log in by IAM; needs the extra `msk`.
    redis: `url`, and any further keyword of redis-py's client.
    prefix: what all topics, groups and Redis keys begin with.
    delivery: `exactly_once` needs a broker with transactions; `at_least_once` may repeat outputs.
    latency: `low` for the soonest label, `throughput` for the most a second, `balanced` between them. The
        next two, and options of the Kafka clients, follow from it where they are not set by themselves
        (`streams.latency_settings`).
    commit_interval: longest time between commits under load, seconds.
    drain: seconds that a stop waits for the batch in hand.
    batch: messages that a role is handed at once, at most.
    data: folder for copies of policies and for worker slots.
    slot: name of this worker among those of its role; stays the same over a restart, so that the
        restarted worker fences its predecessor. None takes the first free number on this host.
    audit_key: secret that decides which requests are audited; the same for all workers. What answers requests
        does not start without one of its own; embedded servers have one.
    key_env: the environment variables that config may name in `teacher.key_env`; in the environment with
        commas between. No other variable is ever sent to a teacher's URL, which is config too.
    poll: seconds between looks at Redis for new policies.
    lease: seconds that a dead trainer's lease outlives it.
    reply_memory: seconds for which a second reply to a request is recognised.
    policies_kept: versions of a task's policy that the registry keeps.
    mask: `module:function`, a function from text to text that `route` applies before anything else is done
        with a text (`streams.privacy.mask`); the same for all workers. None writes texts as they come.
    traces_retention: days for which `traces` keeps the texts, at least; None for ever. Applied when the topic
        is created, and by `understudy topics create` to one that is there.
    audit_lane: audits and second questions go to a topic of their own, `audits`. Off for a teacher of one's
        own that reads `deferrals` alone. The same for all workers.
    unknown_tasks: tasks that are not configured and have no policy, of which a router or gateway answers so
        many different ones from its start on. Requests of others are refused: a dead letter, or status 422.
    partitions, replication: of topics that are created.
    topic_ids: ask the broker for the identity of topics, so that one which was deleted and made again is
        known to be another; the same for all workers. Off for brokers that do not answer that.
    roles: the roles of `faust -A streams.app worker`; in the environment with commas between. The gateway
        opens a port, so it runs only where it is named.
    gateway: of the gateway role, see `GatewaySettings`.
    metrics: where metrics and health are read, see `MetricsSettings`.
    log: form and level of the log, see `LogSettings`.
    tracing: `otlp` sends spans to where OpenTelemetry's variables `OTEL_*` say; needs the extra `otel`.
    """

    model_config = SettingsConfigDict(env_prefix=PREFIX, env_nested_delimiter="__", extra="forbid")

    kafka: dict[str, Any] = {}
    consumer: dict[str, Any] = {}
    producer: dict[str, Any] = {}
    msk_region: Annotated[str, Field(pattern="^[a-z0-9-]+$")] | None = None
    redis: dict[str, Any] = {}
    prefix: Annotated[str, Field(pattern="^[a-zA-Z0-9._-]{1,100}$")] = DEFAULT_PREFIX
    delivery: Literal["exactly_once", "at_least_once"] = "exactly_once"
    latency: Latency = Latency.BALANCED
    commit_interval: Annotated[float, Field(gt=0, le=60)] = PROFILES[Latency.BALANCED].commit_interval
    drain: Annotated[float, Field(ge=0, le=600)] = 20.0
    batch: Annotated[int, Field(ge=1, le=100_000)] = PROFILES[Latency.BALANCED].batch
    data: Path = user_data_path("understudy")
    slot: str | None = None
    audit_key: SecretStr = SecretStr(PUBLIC_AUDIT_KEY)
    key_env: Annotated[tuple[str, ...], NoDecode] = KEY_VARIABLES
    poll: Annotated[float, Field(gt=0, le=3600)] = 2.0
    lease: Annotated[float, Field(ge=1, le=3600)] = 6.0
    reply_memory: Annotated[int, Field(ge=60)] = 7 * 24 * 3600
    policies_kept: Annotated[int, Field(ge=2)] = 5
    mask: Annotated[str, Field(pattern=r"^\w+(\.\w+)*:\w+$")] | None = None
    traces_retention: Annotated[float, Field(ge=1, le=36_500)] | None = None
    unknown_tasks: Annotated[int, Field(ge=0, le=1_000_000)] = 1_000
    partitions: Annotated[int, Field(ge=1)] = 4
    replication: Annotated[int, Field(ge=-1)] = -1
    audit_lane: bool = True
    topic_ids: bool = True
    roles: Annotated[tuple[Role, ...], NoDecode] = WITHOUT_PORT
    gateway: GatewaySettings = GatewaySettings()
    metrics: MetricsSettings = MetricsSettings()
    log: LogSettings = LogSettings()
    tracing: Literal["none", "otlp"] = "none"

    @model_validator(mode="before")
    @classmethod
    def _derive_from_latency(cls, given: dict[str, Any]) -> dict[str, Any]:
        name = given.get("latency")
        if name not in tuple(Latency):
            return given
        profile = PROFILES[Latency(name)]
        return {"commit_interval": profile.commit_interval, "batch": profile.batch, **given}

    @field_validator("kafka", "consumer", "producer")
    @classmethod
    def _dotted(cls, options: dict[str, Any]) -> dict[str, Any]:
        return dict(_flat(options))

    @field_validator("roles", "key_env", mode="before")
    @classmethod
    def _listed(cls, names: Any) -> Any:
        return [name.strip() for name in names.split(",")] if isinstance(names, str) else names

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - the signature is pydantic's
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        file = os.environ.get(SETTINGS_FILE)
        toml = (TomlConfigSettingsSource(settings_cls, Path(file)),) if file else ()
        return (init_settings, env_settings, *toml)

    def __repr_args__(self) -> Iterator[tuple[str | None, Any]]:
        for name, value in super().__repr_args__():
            yield name, masked_options(value) if name in _OPTIONS else value

    def model_post_init(self, _: Any) -> None:
        remember_secrets(secrets_of(self))

    @property
    def topics(self) -> Topics:
        return Topics(self.prefix, self.audit_lane)

    @property
    def keys(self) -> Keys:
        return Keys(self.prefix)

    @property
    def latency_profile(self) -> LatencyProfile:
        return PROFILES[self.latency]

    @property
    def host(self) -> str:
        return socket.gethostname()


def load_settings(**overrides: Any) -> Settings:
    """Settings of this process.

    Raises:
        InvalidSettings: naming every problem at once.
    """
    file = os.environ.get(SETTINGS_FILE)
    if file and not Path(file).is_file():
        raise InvalidSettings([f"{SETTINGS_FILE} names {file}, which is not a file"])
    problems = [f"{name}: there is no such setting" for name in _unknown()]
    try:
        settings = Settings(**overrides)
    except ValidationError as error:
        problems += [_sentence(problem) for problem in error.errors()]
        raise InvalidSettings(problems) from error
    except SettingsError as error:
        raise InvalidSettings([*problems, f"{error}: {error.__cause__}"]) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InvalidSettings([*problems, f"{file} is not TOML: {error}"]) from error
    if problems:
        raise InvalidSettings(problems)
    return settings


def masked_options(options: Mapping[str, Any]) -> dict[str, Any]:
    """Options of Kafka's or Redis' client without their secrets."""
    return {name: _masked(name, value) for name, value in options.items()}


def _masked(name: str, value: Any) -> Any:
    if _SECRET_OPTION.search(name.lower()):
        return MASK
    if isinstance(value, Mapping):
        return masked_options(value)
    return masked_url(value) if isinstance(value, str) else value


def _unknown() -> list[str]:
    """Variables that look like ours and are not: a typing error must not pass for a default."""
    known = {f"{PREFIX}{field.upper()}" for field in Settings.model_fields} | {SETTINGS_FILE}
    return sorted(
        name
        for name in map(str.upper, os.environ)
        if name.startswith(PREFIX) and name.split("__")[0] not in known and not _NOT_OURS.fullmatch(name)
    )


def _flat(options: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    """Options by their names with dots: TOML makes tables of those, and the environment has underscores."""
    for name, value in options.items():
        dotted = above + name.replace("_", ".")
        if isinstance(value, Mapping):
            yield from _flat(value, f"{dotted}.")
        else:
            yield dotted, value


def _sentence(problem: Any) -> str:
    place = "__".join(str(part) for part in problem["loc"])
    given = "" if problem["loc"][0] in _SECRET else f", not {problem['input']!r}"
    return f"`{place}` (UNDERSTUDY_{place.upper()}): {problem['msg']}{given}"


def secrets_of(settings: Settings) -> Iterator[str]:
    """What no output may repeat: keys and passwords of the settings, and those that the environment holds."""
    key = settings.audit_key.get_secret_value()
    if key != PUBLIC_AUDIT_KEY:
        yield key
    for name in {*settings.key_env, *KEY_VARIABLES}:
        yield os.environ.get(name, "")
    for options in (settings.kafka, settings.consumer, settings.producer, settings.redis):
        yield from (str(value) for name, value in options.items() if _SECRET_OPTION.search(name))
    try:
        yield unquote(urlsplit(str(settings.redis.get("url", ""))).password or "")
    except ValueError:  # whoever connects says what is wrong with it
        return
