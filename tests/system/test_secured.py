"""The whole loop over TLS with passwords: Kafka by SASL_SSL and SCRAM-SHA-512, Redis by an ACL user.

Both servers grant what the README says that workers need, and no more.
"""

import json
import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.demo.simulated_teacher import SimulatedTeacher, TeacherBehaviour
from infra.harness.waiting import wait_until
from infra.local.errors import LocalServerError
from tests.conftest import _unavailable
from tests.system.deployment import Deployment
from tests.system.secured import secured_deployment
from tests.system.wishes import LABELS, TASK, meant, publish, wishes

WELL = TeacherBehaviour(latency=0.0, wrong=0.0, throttled=0.0, failing=0.0)
ROLES = ("route", "encode", "teacher", "learn", "certify", "trainer")
KAFKA_SECRET, REDIS_SECRET = secrets.token_hex(16), secrets.token_hex(16)


@pytest.fixture
def secured(tmp_path: Path) -> Iterator[Deployment]:
    try:
        with secured_deployment(tmp_path, KAFKA_SECRET, REDIS_SECRET) as made:
            yield made
    except LocalServerError as problem:
        _unavailable(problem)


def test_the_loop_runs_over_tls_with_passwords(secured: Deployment) -> None:
    said, (asked,) = list[str](), wishes(1, "asked")

    def run(*arguments: str, status: int = 0, **variables: str) -> str:
        before, secured.environment = secured.environment, secured.environment | variables
        done = secured.run(*arguments)
        secured.environment = before
        said.append(done.stdout + done.stderr)
        assert done.returncode == status, done.stdout + done.stderr
        return done.stdout

    run("topics", "create")
    publish(secured)
    with SimulatedTeacher(meant, LABELS, WELL) as teacher:
        labels = ",".join(LABELS)
        teaching = (f"teacher.url={teacher.url}", "teacher.model=m", f"teacher.labels={labels}")
        run("config", "set", TASK, *teaching, "threshold=0.5")
        worker = secured.worker(*ROLES)
        ask = ("ask", "--task", TASK, "--json")
        known = json.loads(run(*ask, asked.text or ""))
        assert (known["label"], known["source"]) == (meant(asked.text), "surrogate")
        run("config", "set", TASK, "paused=true")
        wait_until(
            lambda: json.loads(run(*ask, "give me a refund now"))["source"] == "teacher", 60, "the teacher"
        )
        assert TASK in run("status")
        assert "grants no transactions" not in run("doctor")
    problem = run("doctor", status=1, UNDERSTUDY_KAFKA__SASL_PASSWORD=f"not-{KAFKA_SECRET}")
    assert "does not answer" in problem
    url = secured.environment["UNDERSTUDY_REDIS__URL"].replace(REDIS_SECRET, f"not-{REDIS_SECRET}")
    assert "does not answer" in run("doctor", status=1, UNDERSTUDY_REDIS__URL=url)
    assert worker.stop() == 0
    for output in (*said, worker.output()):
        assert KAFKA_SECRET not in output
        assert REDIS_SECRET not in output
