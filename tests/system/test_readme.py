"""The README's commands for one's own Kafka, run in their order on a real Kafka and Redis."""

import json
import re
import shlex
from pathlib import Path

from infra.demo.simulated_teacher import SimulatedTeacher, TeacherBehaviour
from infra.harness.waiting import wait_until
from tests.system.deployment import Deployment

ROOT = Path(__file__).parents[2]
WELL = TeacherBehaviour(latency=0.0, wrong=0.0, throttled=0.0, failing=0.0)


def own_kafka_commands() -> list[list[str]]:
    """The words of each command of the block, without its comment."""
    section = (ROOT / "README.md").read_text().partition("## On your own Kafka")[2]
    block = re.search(r"```sh\n(.*?)```", section, re.DOTALL)
    assert block
    lines = [shlex.split(line, comments=True) for line in block[1].splitlines()]
    return [words[1:] for words in lines if words[:1] == ["understudy"]]


def test_the_commands_for_own_kafka_run(deployment: Deployment, tmp_path: Path) -> None:
    commands = own_kafka_commands()
    assert [words[0] for words in commands] == [
        "up",
        "config",
        "produce",
        "consume",
        "status",
        "consume",
    ]
    requests = tmp_path / "tickets.jsonl"
    requests.write_text('{"text": "I was charged twice"}\n{"text": "it crashes"}\n')
    answers = {"I was charged twice": "billing", "it crashes": "bug"}
    with SimulatedTeacher(answers.__getitem__, ("billing", "bug", "how-to"), WELL) as teacher:
        up = deployment.process("infra.cli", *commands[0], OPENAI_API_KEY="key")
        up.wait_for_text("is ready")
        url = f"teacher.url={teacher.url}"
        config = [url if word.startswith("teacher.url=") else word for word in commands[1]]
        done = deployment.run(*config)
        assert done.returncode == 0, done.stderr
        wait_until(lambda: "billing" in deployment.run("config", "get", "tickets").stdout, 30, "the config")
        produce = [str(requests) if word == requests.name else word for word in commands[2]]
        done = deployment.run(*produce)
        assert done.returncode == 0, done.stderr
        done = deployment.run(*commands[3], "--max", "2")
        labels = [json.loads(line) for line in done.stdout.splitlines()]
        assert sorted(label["label"] for label in labels) == ["billing", "bug"], (labels, up.output)
        done = deployment.run(*commands[4])
        assert (done.returncode, "tickets" in done.stdout) == (0, True), done.stderr
        done = deployment.run(*commands[5], "--max", "1")
        assert json.loads(done.stdout)["task"] == "tickets"
