"""Dockerfile and compose.yml name commands, settings and ports that exist. No container engine runs here."""

import json
import re
import shlex
from pathlib import Path
from typing import Any

import msgspec
import pytest

from infra.cli import load_command
from streams.gateway_settings import DEFAULT_PORT
from streams.settings import PUBLIC_AUDIT_KEY, ROLES, Settings, load_settings
from tests.infra.deploy.test_prometheus_rules import DEPLOY, ROOT, read

COMPOSE = read(DEPLOY / "compose.yml")
LINES = (DEPLOY / "Dockerfile").read_text().replace("\\\n", " ").splitlines()
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = {name: service for name, service in SERVICES.items() if service["image"].startswith("understudy:")}
EXAMPLE = (DEPLOY / "env.example").read_text()


def instructions(kind: str) -> list[str]:
    return [line.split(maxsplit=1)[1] for line in LINES if line.startswith(f"{kind} ")]


def image_settings() -> dict[str, str]:
    """The variables that the Dockerfile sets for our settings."""
    pairs = (word.partition("=") for line in instructions("ENV") for word in shlex.split(line))
    return {name: value for name, _, value in pairs if name.startswith("UNDERSTUDY_")}


def settings_of(service: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> Settings:
    """What a process in the service's container reads, with `secret` for what has to be given."""
    given = {name: re.sub(r"\$\{[^}]*\}", "secret", value) for name, value in service["environment"].items()}
    for name, value in (image_settings() | given).items():
        monkeypatch.setenv(name, value)
    return load_settings()


@pytest.mark.parametrize("name", OURS)
def test_a_service_runs_a_command_with_settings_that_exist(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    command, *arguments = OURS[name]["command"]
    context = load_command(command).make_context(command, list(arguments))
    assert set(context.params.get("roles") or ["gateway"]) == {name}
    settings = settings_of(OURS[name], monkeypatch)
    assert settings.kafka == {"bootstrap.servers": "kafka:9092"}
    assert settings.redis == {"url": "redis://:secret@redis:6379/0"}
    assert settings.audit_key.get_secret_value() not in {"", PUBLIC_AUDIT_KEY}
    assert any(volume.endswith(f":{settings.data}") for volume in OURS[name]["volumes"])


def test_every_role_has_a_service() -> None:
    assert set(OURS) == set(ROLES)


def test_secrets_have_to_be_given() -> None:
    """No service starts with a key or a password that everybody can read here."""
    text = (DEPLOY / "compose.yml").read_text()
    wanted = set(re.findall(r"\$\{(\w+):\?", text))
    assert wanted == {"UNDERSTUDY_AUDIT_KEY", "REDIS_PASSWORD", "GRAFANA_PASSWORD"}
    named = wanted | set(re.findall(r"\$\{(\w+):-\}", text))
    lines = [line for line in EXAMPLE.splitlines() if not line.startswith("#")]
    assert sorted(lines) == sorted(f"{name}=" for name in named)


def test_ports_agree(monkeypatch: pytest.MonkeyPatch) -> None:
    metrics = settings_of(OURS["route"], monkeypatch).metrics
    assert (metrics.host, metrics.port) == ("0.0.0.0", 9464)  # noqa: S104 - in a container of its own
    assert instructions("EXPOSE") == [f"{DEFAULT_PORT} {metrics.port}"]
    assert f"http://127.0.0.1:{metrics.port}/health/live" in instructions("HEALTHCHECK")[0]
    assert SERVICES["gateway"]["ports"] == [f"127.0.0.1:{DEFAULT_PORT}:{DEFAULT_PORT}"]
    (job,) = read(DEPLOY / "prometheus" / "prometheus.yml")["scrape_configs"]
    assert job["job_name"] == "understudy"
    (found,) = job["dns_sd_configs"]
    assert (set(found["names"]), found["port"]) == (set(OURS), metrics.port)
    published = [port for service in SERVICES.values() for port in service.get("ports", [])]
    assert all(port.startswith("127.0.0.1:") for port in published)


def test_what_is_mounted_is_there() -> None:
    for name, service in SERVICES.items():
        for volume in service["volumes"]:
            source = volume.split(":")[0]
            there = (DEPLOY / source).is_file() if source.startswith("./") else source in COMPOSE["volumes"]
            assert there, (name, volume)
        assert "healthcheck" in service or name in OURS
        for other in service.get("depends_on", {}):
            assert other in SERVICES


def test_the_image_is_made_of_what_is_here_and_runs_as_nobody_special() -> None:
    for line in instructions("COPY"):
        *sources, _ = [word for word in line.split() if not word.startswith("--from=")]
        assert all(source.startswith("/") or (ROOT / source).exists() for source in sources)
    assert instructions("USER") == ["10001:10001"]
    assert json.loads(instructions("ENTRYPOINT")[0]) == ["understudy"]
    assert any("--constraint infra/constraints.txt" in line for line in instructions("RUN"))
    extras = msgspec.toml.decode((ROOT / "pyproject.toml").read_bytes())["project"]["optional-dependencies"]
    (installed,) = re.findall(r"'\.\[([\w,]+)\]'", " ".join(instructions("RUN")))
    assert set(installed.split(",")) <= set(extras)


def test_the_version_of_the_image_is_one_that_we_support() -> None:
    versions = {line.split()[0] for line in instructions("FROM")}
    assert versions == {"python:3.11-slim-bookworm"}


def test_nothing_secret_lies_here() -> None:
    assert not list(Path(DEPLOY).rglob(".env"))
