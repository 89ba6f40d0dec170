"""up, worker, gateway: run the roles."""

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from infra.console.examples import examples
from infra.console.gateway_options import GatewayPort
from infra.console.logs import configure_logging
from infra.console.output import note
from infra.serve.gateway_address import with_address, with_free_port
from infra.serve.kept_servers import KeptPlace, kept_servers
from infra.serve.process_end import ending_process
from infra.serve.processes import WorkerProcesses, process_settings
from infra.serve.progress import ProgressLog
from infra.serve.server_note import Embedded
from infra.serve.servers import running_settings, servers
from infra.serve.worker import run
from schemas.urls import masked_url
from streams.kafka.clients import check_options
from streams.kafka.topic_admin import create_missing
from streams.log_format import apply_log_settings
from streams.settings import ROLES, Role, Settings, load_settings

commands = typer.Typer()

_STOP_S = 30.0
"""Seconds beyond the drain that a worker has to stop in before it is killed."""
_LAST_PORT = 65_535


@commands.command(epilog=examples("up", "up --data ~/understudy-data", "up --without teacher"))
def up(
    without: Annotated[
        list[str], typer.Option(help="A role to leave out, e.g. `teacher` where you bring your own.")
    ] = [],  # noqa: B006 - typer copies it
    data: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Keep Kafka and Redis in this folder, and go on from there after a stop or a crash. Needs "
            "Java 17 and, once, Maven.",
        ),
    ] = None,
    kafka_port: Annotated[
        int | None,
        typer.Option(
            metavar="PORT", min=1024, max=65535, help="With --data: of Kafka; by default as before."
        ),
    ] = None,
    redis_port: Annotated[
        int | None,
        typer.Option(
            metavar="PORT", min=1024, max=65535, help="With --data: of Redis; by default as before."
        ),
    ] = None,
    kafka_jars: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            exists=True,
            file_okay=False,
            help="With --data: jars of an Apache Kafka (its folder `libs`); by default Maven fetches them.",
        ),
    ] = None,
    port: GatewayPort = None,
) -> None:
    """Run all roles in one process, on your own Kafka and Redis or on embedded ones.

    Embedded servers are for development and keep nothing after the process ends, unless --data says where.
    The gateway listens on 127.0.0.1:8484, or on any free port where another process has that one and you have
    named none.
    """
    configure_logging()
    roles = _known([role for role in ROLES if role not in _known(without)])
    place = _kept_place(data, kafka_port, redis_port, kafka_jars)
    configured = with_free_port(with_address(load_settings(), None, port))
    apply_log_settings(configured.log)
    opened = servers(configured) if place is None else kept_servers(configured, place)
    embedded: Embedded | None = None
    try:
        with opened as (settings, embedded):
            note(_addresses(settings, embedded))
            with ProgressLog(settings):
                run(settings, roles)
    except SystemExit as end:
        if not end.code:
            note(_farewell(embedded))
        raise


@commands.command(epilog=examples("worker route", "worker route --processes 4", "worker teacher learn"))
def worker(
    roles: Annotated[list[str], typer.Argument(help=f"One or more of: {', '.join(ROLES)}.")],
    processes: Annotated[
        int,
        typer.Option(
            metavar="N",
            min=1,
            max=256,
            help="Workers to run on this host, a process each; one that ends by itself is started again.",
        ),
    ] = 1,
) -> None:
    """Run some roles in this process, on your own Kafka and Redis or on those of a running `understudy up`.

    Start more workers to share the work, on this host by --processes. Each takes a slot of its own, and the
    n-th the port of the metrics plus n.
    """
    configure_logging()
    known, settings = _known(roles), running_settings()
    if processes > 1:
        _check_many(settings, known, processes)
    apply_log_settings(settings.log)
    check_options(settings)
    create_missing(settings)
    if processes == 1:
        with ending_process():
            run(settings, known)
    else:
        work = partial(run_one_of_many, roles=known)
        WorkerProcesses(work, processes, settings.drain + _STOP_S).run()


@commands.command(epilog=examples("gateway", "gateway --host 0.0.0.0 --port 8484"))
def gateway(
    host: Annotated[
        str | None, typer.Option(help="Address to listen on; one that others can reach needs keys.")
    ] = None,
    port: GatewayPort = None,
) -> None:
    """Answer requests over HTTP, on your own Kafka and Redis or on those of a running `understudy up`.

    Start more of them to share the work. `understudy keys create` makes a key for each app.
    """
    configure_logging()
    settings = with_address(running_settings(), host, port)
    apply_log_settings(settings.log)
    check_options(settings)
    with ending_process():
        run(settings, ["gateway"])


def run_one_of_many(number: int, roles: list[Role]) -> None:
    """Run one of several workers of this host, in a process of its own."""
    configure_logging()
    settings = process_settings(running_settings(), number)
    apply_log_settings(settings.log)
    with ending_process():
        run(settings, roles)


def _check_many(settings: Settings, roles: list[Role], processes: int) -> None:
    """Refuse what several processes can't share."""
    if "gateway" in roles:
        raise typer.BadParameter(
            "the gateway listens on one port: run it by itself, `understudy gateway --port PORT` for each",
            param_hint="--processes",
        )
    if settings.metrics.port and settings.metrics.port + processes - 1 > _LAST_PORT:
        raise typer.BadParameter(
            f"UNDERSTUDY_METRICS__PORT is {settings.metrics.port}, which leaves no port for each process",
            param_hint="--processes",
        )


def _known(names: list[str]) -> list[Role]:
    unknown = sorted(set(names) - set(ROLES))
    if unknown:
        raise typer.BadParameter(f"no such role: {', '.join(unknown)}; there are {', '.join(ROLES)}")
    return [role for role in ROLES if role in names]


def _kept_place(
    data: Path | None, kafka_port: int | None, redis_port: int | None, kafka_jars: Path | None
) -> KeptPlace | None:
    options = {"--kafka-port": kafka_port, "--redis-port": redis_port, "--kafka-jars": kafka_jars}
    if data is None:
        for option in (option for option, value in options.items() if value is not None):
            raise typer.BadParameter("needs --data", param_hint=option)
        return None
    return KeptPlace(data, kafka_port, redis_port, kafka_jars)


def _addresses(settings: Settings, embedded: Embedded | None) -> str:
    kafka, redis = str(settings.kafka["bootstrap.servers"]), str(settings.redis["url"])
    kind = ""
    if embedded is not None:
        kept = None if embedded.data is None else f" (kept in {embedded.data})"
        kind = kept or " (embedded: in memory, for development only)"
    return f"Kafka: {masked_url(kafka)}{kind}\nRedis: {masked_url(redis)}{kind}"


def _farewell(embedded: Embedded | None) -> str:
    """What is said once a worker and its servers have stopped in good order."""
    if embedded is None:
        return "stopped; what was not answered waits in Kafka"
    if embedded.data is None:
        return "stopped; the embedded servers keep nothing"
    return f"stopped; `understudy up --data {embedded.data}` goes on from here"
