"""doctor: look at everything that workers rely on, and say what is wrong and what to do."""

import asyncio
import os

import typer

from infra.console.examples import examples
from infra.console.output import AsJson, line, note, result
from infra.doctor.encoders import absent_encoder_findings, encoder_findings
from infra.doctor.kafka import kafka_findings
from infra.doctor.process import disk_findings, settings_findings
from infra.doctor.teachers import teacher_findings
from infra.serve.config_topic import read_overrides
from infra.serve.servers import client_settings
from schemas.config import EVERY_TASK, Config, config_of
from streams.clock import unix_ms
from streams.errors import KafkaFailed, StateUnavailable
from streams.settings import Settings
from streams.state.connection import Connection
from streams.state.workers import HeardWorker, WorkerStore
from streams.status.certify_findings import certify_findings
from streams.status.finding import Finding, Level, worst
from streams.status.redis_findings import redis_findings
from streams.teacher.key_variables import KeyVariables

commands = typer.Typer()

_SIGNS = {Level.OK: "ok      ", Level.WARNING: "warning ", Level.PROBLEM: "PROBLEM "}


@commands.command(epilog=examples("doctor", "doctor --json"))
def doctor(json: AsJson = False) -> None:
    """Look at Kafka, Redis, settings, disk, LLMs and encoders behind an address, and say what to do.

    It looks from this host, with this environment, and changes nothing. Each encoder behind an address makes
    one vector; of those in folders it says what workers say. Exit status 1: something does not work.
    """
    settings = client_settings()
    configs = _configs(settings)
    waits = [config.teacher.give_up_after for config in configs.values()]
    redis, heard = asyncio.run(_redis(settings))
    findings = [
        *kafka_findings(settings, max(waits)),
        *redis,
        *settings_findings(settings, configs, os.environ),
        *disk_findings(settings.data),
        *teacher_findings(configs, KeyVariables.of_process(settings.key_env)),
        *encoder_findings(configs),
        *absent_encoder_findings(configs, heard, unix_ms()),
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


async def _redis(settings: Settings) -> tuple[list[Finding], list[HeardWorker]]:
    """What is found at Redis, and what workers say of themselves there."""
    connection = Connection(**settings.redis)
    try:
        found = await redis_findings(connection)
        if found[0].level is Level.PROBLEM:
            return found, []
        found += await certify_findings(connection, settings.keys)
        return found, await WorkerStore(connection, settings.keys).read()
    except StateUnavailable as error:
        return [*found, Finding(Level.PROBLEM, "redis", f"nobody knows what workers say: {error}")], []
    finally:
        await connection.aclose()
