"""The Faust application: a worker of some roles, with their agents and services in order.

    faust -A streams.app worker     runs the roles of UNDERSTUDY_ROLES, by default all

Agents start first, then what they rely on (config, policies), then the sources, so that no request is judged
by a config or a policy that is out of date. A trainer's traces come last: reading them may take a while. All
stop in the opposite order.

A role's module is imported only where the role runs: a router needs neither scikit-learn nor an LLM's client.
"""

from collections.abc import Callable, Iterable
from importlib import import_module

import faust
from faust.app.base import BootStrategy

from streams.assembly.metrics import metrics_services, show_tasks
from streams.assembly.parts import WorkerParts
from streams.gc_tuning import freeze_startup_objects
from streams.kafka.late_start import LateStart
from streams.log_format import apply_log_settings
from streams.roles import config
from streams.roles.config_copy import ConfigCopy
from streams.settings import ROLES, Role, Settings, load_settings

_HONOUR_FORGOTTEN: frozenset[Role] = frozenset({"route", "encode", "teacher", "learn", "trainer", "gateway"})


class NoKafkaBoot(BootStrategy):
    """Faust's own Kafka clients and web server stay off: the sources move the bytes."""

    enable_kafka = False
    enable_web = False


class Understudy(faust.App):
    """A worker of some roles.

    Attributes:
        services: started in this order once the agents run.
    """

    BootStrategy = NoKafkaBoot

    def __init__(self, settings: Settings, roles: Iterable[Role]) -> None:
        super().__init__(settings.prefix, web_enabled=False, autodiscover=False, datadir=settings.data)
        self._log_settings = settings.log
        wanted = frozenset(roles)
        # An app's calls go on while Kafka is away; all other roles work for nobody then.
        late_start = LateStart() if wanted == {"gateway"} else None
        parts = WorkerParts(self, settings, late_start, tuple(role for role in ROLES if role in wanted))
        self.services, self._process_health = parts.services, parts.health
        show_tasks(parts.metrics, parts.tasks)
        self.services[:0] = metrics_services(settings.metrics, parts.metrics, parts.health)
        channel, copy = parts.tail(settings.topics.config), None
        if late_start is not None:
            copy = ConfigCopy(settings.data / "config" / f"{settings.prefix}.json", parts.tasks)
            late_start.expect(settings.topics.config, copy.note_read, copy.restore)
        config.install_reader(self, channel, parts.tasks, copy)
        if wanted & _HONOUR_FORGOTTEN:
            parts.read_forgotten()
        for role in ROLES:
            if role in wanted:
                _assembly(role)(parts)

    async def on_started_init_extra_services(self) -> None:
        await super().on_started_init_extra_services()
        for service in self.services:
            await self.add_runtime_dependency(service)
        self._process_health.has_started = True
        freeze_startup_objects()
        # Faust's own command line has set the log up after this module was imported.
        apply_log_settings(self._log_settings)


def _assembly(role: Role) -> Callable[[WorkerParts], None]:
    """The function that adds a role to a worker; imports the role's module."""
    add: Callable[[WorkerParts], None] = import_module(f"streams.assembly.{role}").add
    return add


def create_app(settings: Settings, roles: Iterable[Role] | None = None) -> Understudy:
    """The application that runs `roles`, by default those of the settings."""
    return Understudy(settings, settings.roles if roles is None else roles)


def __getattr__(name: str) -> Understudy:
    """`streams.app:app`, made from this process's settings when Faust's command line asks for it."""
    if name == "app":
        return create_app(load_settings())
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
