"""doctor: look at everything that workers rely on, and say what is wrong and what to do."""

import asyncio
import os

import typer

from infra.console.examples import examples
from infra.console.output import AsJson, line, note, result
from infra.doctor.encoders import encoder_findings
from infra.doctor.kafka import kafka_findings
from infra.doctor.process import disk_findings, settings_findings
from infra.doctor.teachers import teacher_findings
from infra.serve.config_topic import read_overrides
from infra.serve.servers import client_settings
from schemas.config import EVERY_TASK, Config, config_of
from streams.errors import KafkaFailed
from streams.settings import Settings
from streams.state.connection import Connection
from streams.status.certify_findings import certify_findings
from streams.status.finding import Finding, Level, worst
from streams.status.redis_findings import redis_findings
from streams.teacher.key_variables import KeyVariables

commands = typer.Typer()

_SIGNS = {Level.OK: "ok      ", Level.WARNING: "warning ", Level.PROBLEM: "PROBLEM "}


@commands.command(epilog=examples("doctor", "doctor --json"))
def doctor(json: AsJson = False) -> None:
    """Look at Kafka, Redis, settings, disk, LLMs and encoders behind an address, and say what to do.

    It looks from this host, with this environment, and changes nothing. Each encoder makes one vector. Exit
    status 1 means that something does not work.

    """
    settings = client_settings()
    configs = _configs(settings)
    waits = [config.teacher.give_up_after for config in configs.values()]
    findings = [
        *kafka_findings(settings, max(waits)),
        *asyncio.run(_redis(settings)),
        *settings_findings(settings, configs, os.environ),
        *disk_findings(settings.data),
        *teacher_findings(configs, KeyVariables.of_process(settings.key_env)),
        *encoder_findings(configs),
    ]
    if json:
        result({"findings": [found._asdict() for found in findings]})
    else:
        for found in findings:
            line(f"{_SIGNS[found.level]}{found.about}: {found.text}")
    if worst(findings) is Level.PROBLEM:
        raise typer.Exit(1)


def _configs(settings: Settings) -> dict[str, Config]:
    """The config of each task that has one, and of `*`; the defaults where Kafka does not say."""
    try:
        overrides = read_overrides(settings)
    except KafkaFailed as error:
        note(f"the config can't be read, so its defaults are judged: {error}")
        overrides = {}
    return {task: config_of(task, overrides) for task in {EVERY_TASK, *overrides}}


async def _redis(settings: Settings) -> list[Finding]:
    connection = Connection(**settings.redis)
    try:
        found = await redis_findings(connection)
        if found[0].level is not Level.PROBLEM:
            found += await certify_findings(connection, settings.keys)
        return found
    finally:
        await connection.aclose()
