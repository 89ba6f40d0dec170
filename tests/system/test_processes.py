"""Several routers started by one command share the partitions, and a killed one costs no request."""

import os
import re
import signal

from schemas.codec import LABEL
from tests.system.deployment import Deployment, wait_until
from tests.system.gold import GoldTeacher
from tests.system.topics import Inbox, decoded
from tests.system.wishes import TASK, answers, publish, wishes

_STARTS = re.compile(r"a worker process starts: number=(\d+) pid=(\d+)")


def test_routers_of_one_command_share_the_work(deployment: Deployment) -> None:
    publish(deployment)
    deployment.configure(TASK, threshold=0.5, audit_rate=0.0, repeat_rate=0.0)
    deployment.worker("learn")
    routers = deployment.process("infra.cli", "worker", "route", "--processes", "2")
    wait_until(lambda: routers.output().count("the worker is ready") == 2, 120, "two routers")
    requests = wishes(2_000, "processes")
    with (
        GoldTeacher(deployment, answers(requests)),
        Inbox(deployment, deployment.topics.labels, decoded(LABEL)) as labels,
    ):
        deployment.send(requests[:1_000])
        labels.wait_for(1_000)
        first = dict(_STARTS.findall(routers.output()))
        os.kill(int(first["1"]), signal.SIGKILL)
        deployment.send(requests[1_000:])
        labels.wait_for(2_000)
        wait_until(lambda: routers.output().count("the worker is ready") == 3, 120, "a successor")
    assert sorted(label.id for label in labels.all) == sorted(request.id for request in requests)
    assert routers.stop() == 0
