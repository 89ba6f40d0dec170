"""Alert rules speak of metrics that exist, say what to do, and fire when they should."""

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.infra.deploy.queries import mistakes

ROOT = Path(__file__).parents[3]
DEPLOY = ROOT / "infra" / "deploy"
RULES = DEPLOY / "prometheus" / "rules.yml"
TRIALS = Path(__file__).with_name("alerts_test.yml")


def read(file: Path) -> Any:
    return msgspec.yaml.decode(file.read_bytes())


ALERTS = [rule for group in read(RULES)["groups"] for rule in group["rules"]]
NAMES = [alert["alert"] for alert in ALERTS]


def promtool() -> str:
    """Where promtool is; `make test` puts it into `.tools`."""
    found = shutil.which("promtool") or shutil.which(ROOT / ".tools" / "promtool")
    if found is None:
        problem = "promtool is not installed: `make promtool` fetches it on Debian"
        pytest.fail(problem) if os.environ.get("CI") else pytest.skip(problem)
    return found


@pytest.mark.parametrize("alert", ALERTS, ids=NAMES)
def test_an_alert_speaks_of_metrics_that_exist(alert: dict[str, Any]) -> None:
    assert mistakes(alert["expr"]) == []


@pytest.mark.parametrize(
    ("query", "mistake"),
    [
        ("max(understudy_certifed)", "there is no metric understudy_certifed"),
        ("sum by (task) (rate(understudy_aborts_total[5m]))", "understudy_aborts_total has no label task"),
        ('understudy_decisions_total{source="x"}', "understudy_decisions_total has no label source"),
        ("up unless on (task) understudy_certified", "up has no label task"),
        ("rate(understudy_label_seconds_total[5m])", "there is no metric understudy_label_seconds_total"),
    ],
)
def test_mistakes_are_found(query: str, mistake: str) -> None:
    assert mistakes(query) == [mistake]


@pytest.mark.parametrize("alert", ALERTS, ids=NAMES)
def test_an_alert_says_what_it_means_and_what_to_do(alert: dict[str, Any]) -> None:
    assert alert["labels"]["severity"] in {"critical", "warning"}
    assert all(len(alert["annotations"][part]) > 20 for part in ("summary", "description", "runbook"))
    assert f"| `{alert['alert']}` | {alert['labels']['severity']} |" in (DEPLOY / "README.md").read_text()


def test_each_alert_is_tried_both_silent_and_firing() -> None:
    tried = {trial["name"]: trial["promql_expr_test"] for trial in read(TRIALS)["tests"]}
    assert sorted(tried) == sorted(NAMES)
    for name, looks in tried.items():
        assert [len(look["exp_samples"]) for look in looks] == [0, 1], name
        assert all(look["expr"] == f'ALERTS{{alertname="{name}",alertstate="firing"}}' for look in looks)


def test_alerts_fire_when_they_should() -> None:
    for arguments in (("check", "rules", RULES), ("test", "rules", TRIALS)):
        done = subprocess.run(
            [promtool(), *arguments], capture_output=True, text=True, check=False, timeout=120
        )
        assert done.returncode == 0, done.stdout + done.stderr
