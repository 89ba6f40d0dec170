"""The chart runs commands with settings that exist; its pods take slots that last.

`helm` is looked for on the PATH. It takes minutes to build, so `make test` does not fetch it: without it the
rendered chart is not looked at.
"""

import shutil
import subprocess
from typing import Any

import msgspec
import pytest

from infra.cli import load_command
from streams.app import create_app
from streams.gateway_settings import DEFAULT_PORT
from streams.kafka.group_member import GroupMember
from streams.settings import ROLES, WITHOUT_PORT, Role, load_settings
from tests.infra.deploy.test_prometheus_rules import DEPLOY, read

CHART = DEPLOY / "helm" / "understudy"
VALUES = read(CHART / "values.yaml")


def rendered(*settings: str) -> list[dict[str, Any]]:
    helm = shutil.which("helm")
    if helm is None:
        pytest.skip("helm is not on the PATH: the rendered chart is not looked at")
    options = [word for setting in ("existingSecret=s", *settings) for word in ("--set", setting)]
    command = [helm, "template", "u", str(CHART), *options]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr
    parts = done.stdout.removeprefix("---\n").split("\n---\n")
    return [part for part in map(msgspec.yaml.decode, parts) if part]


def test_values_name_every_role_once() -> None:
    assert tuple(VALUES["roles"]) == WITHOUT_PORT
    schema = msgspec.json.decode((CHART / "values.schema.json").read_bytes())
    assert set(schema["properties"]) - {"global"} == set(VALUES)
    assert set(schema["properties"]["roles"]["properties"]) == set(VALUES["roles"])


def test_values_are_settings_that_exist(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in VALUES["environment"].items():
        monkeypatch.setenv(name, value)
    assert load_settings().kafka == {"bootstrap.servers": "kafka:9092"}
    assert VALUES["gateway"]["port"] == DEFAULT_PORT
    assert VALUES["existingSecret"] == "", "no secret is public"


@pytest.mark.parametrize("keeps", ["true", "false"])
def test_pods_run_commands_that_exist(keeps: str, monkeypatch: pytest.MonkeyPatch) -> None:
    pods = [
        (part["kind"], part["spec"]["template"]["spec"])
        for part in rendered(f"persistence.enabled={keeps}")
        if part["kind"] in {"StatefulSet", "Deployment"}
    ]
    assert {pod["containers"][0]["name"] for _, pod in pods} == set(ROLES)
    for kind, pod in pods:
        (container,) = pod["containers"]
        command, *arguments = container["args"]
        context = load_command(command).make_context(command, arguments)
        assert set(context.params.get("roles") or ["gateway"]) == {container["name"]}
        assert (kind == "StatefulSet") == (command == "worker"), (
            "what has transactions needs a name that lasts"
        )
        for variable in container["env"]:
            monkeypatch.setenv(variable["name"], variable.get("value", "pod-0"))
        settings = load_settings()
        assert settings.slot == "pod-0"
        assert {"name": "metrics", "containerPort": settings.metrics.port} in container["ports"]
        assert container["envFrom"] == [{"secretRef": {"name": "s"}}]


@pytest.mark.parametrize("role", ["route", "encode", "teacher", "learn"])
def test_autoscaling_goes_by_what_the_role_reads(role: Role, monkeypatch: pytest.MonkeyPatch) -> None:
    own = "autoscaling.enabled=true", "environment.UNDERSTUDY_PREFIX=p", f"roles.{role}.replicas=3"
    scaling = f"autoscaling.roles.{role}.max=2", f"autoscaling.roles.{role}.lag=2000000"
    parts = {(part["kind"], part["metadata"]["name"]): part for part in rendered(*own, *scaling)}
    spec = parts["ScaledObject", f"u-{role}"]["spec"]
    target = spec["scaleTargetRef"]
    assert "replicas" not in parts[target["kind"], target["name"]]["spec"], (
        "an upgrade would undo the scaling"
    )
    assert (spec["minReplicaCount"], spec["maxReplicaCount"]) == (3, 3)
    monkeypatch.setenv("UNDERSTUDY_PREFIX", "p")
    monkeypatch.setenv("UNDERSTUDY_AUDIT_KEY", "a secret")
    members = [one for one in create_app(load_settings(), [role]).services if isinstance(one, GroupMember)]
    read = [trigger["metadata"] for trigger in spec["triggers"]]
    assert {(one["consumerGroup"], one["topic"]) for one in read} == {
        (f"p.{member.role}", member.topic) for member in members
    }
    for one in read:
        assert (one["bootstrapServers"], one["lagThreshold"]) == ("kafka:9092", "2000000")
        assert all(isinstance(value, str) for value in one.values()), "KEDA takes nothing else"


def test_autoscaling_is_off_unless_asked_for() -> None:
    parts = rendered()
    assert not [part for part in parts if part["kind"] == "ScaledObject"]
    assert all("replicas" in part["spec"] for part in parts if part["kind"] == "StatefulSet")
