"""up, worker: run the roles."""

from typing import Annotated

import typer

from infra.console.examples import examples
from infra.console.logs import configure_logging
from infra.console.output import note
from infra.serve.progress import ProgressLog
from infra.serve.servers import Embedded, running_settings, servers
from infra.serve.worker import run
from schemas.urls import masked_url
from streams.kafka.clients import check_options
from streams.kafka.topic_admin import create_missing
from streams.settings import ROLES, Role, Settings, load_settings

commands = typer.Typer()


@commands.command(epilog=examples("up", "up --without teacher"))
def up(
    without: Annotated[
        list[str], typer.Option(help="A role to leave out, e.g. `teacher` where you bring your own.")
    ] = [],  # noqa: B006 - typer copies it
) -> None:
    """Run all roles in one process, on your own Kafka and Redis or on embedded ones.

    Embedded servers are for development: they keep nothing after the process ends.
    """
    configure_logging()
    roles = _known([role for role in ROLES if role not in _known(without)])
    with servers(load_settings()) as (settings, embedded):
        note(_addresses(settings, embedded))
        with ProgressLog(settings):
            run(settings, roles)


@commands.command(epilog=examples("worker route", "worker teacher learn"))
def worker(
    roles: Annotated[list[str], typer.Argument(help=f"One or more of: {', '.join(ROLES)}.")],
) -> None:
    """Run some roles in this process, on your own Kafka and Redis or on those of a running `understudy up`.

    Start more workers to share the work.
    """
    configure_logging()
    known, settings = _known(roles), running_settings()
    check_options(settings)
    create_missing(settings)
    run(settings, known)


def _known(names: list[str]) -> list[Role]:
    unknown = sorted(set(names) - set(ROLES))
    if unknown:
        raise typer.BadParameter(f"no such role: {', '.join(unknown)}; there are {', '.join(ROLES)}")
    return [role for role in ROLES if role in names]


def _addresses(settings: Settings, embedded: Embedded | None) -> str:
    kafka, redis = str(settings.kafka["bootstrap.servers"]), str(settings.redis["url"])
    kind = " (embedded: in memory, for development only)" if embedded else ""
    return f"Kafka: {masked_url(kafka)}{kind}\nRedis: {masked_url(redis)}{kind}"
