"""Files and policies for the commands that read them."""

import shutil
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from infra.cli import command_line
from infra.harness.deployment import fresh_prefix
from streams.kafka.topic_admin import trigger_auto_create
from streams.settings import Settings, load_settings
from tests.infra import parcels
from tests.infra.commands.room import Room
from tests.infra.conftest import Run
from tests.system.deployment import Deployment


@pytest.fixture(scope="session")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`{train,test}.jsonl` and `{train,test}.npy`."""
    folder = tmp_path_factory.mktemp("parcels")
    for seed, (name, count) in enumerate({"train": 500, "test": 200}.items()):
        rows = parcels.traces(count, seed)
        parcels.write(folder / f"{name}.jsonl", rows)
        np.save(folder / f"{name}.npy", parcels.vectors(rows, seed))
    return folder


@pytest.fixture(scope="session")
def policy(files: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a policy that was fitted on the texts of `train.jsonl`; not to be changed."""
    folder = tmp_path_factory.mktemp("policy")
    with pytest.raises(SystemExit) as ended:
        command_line()(["fit", str(files / "train.jsonl"), "--out", str(folder)])
    assert ended.value.code == 0
    return folder


@pytest.fixture
def own_policy(policy: Path, tmp_path: Path) -> Path:
    """A copy of it, to be changed."""
    return Path(shutil.copytree(policy, tmp_path / "own_policy"))


@pytest.fixture
def settings(embedded_kafka: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Settings that commands have too: topics under a fresh prefix, on an embedded broker."""
    variables = {
        "KAFKA__BOOTSTRAP_SERVERS": embedded_kafka,
        "CONSUMER__GROUP_PROTOCOL": "consumer",
        "PREFIX": fresh_prefix("commands"),
        "DATA": str(tmp_path / "data"),
    }
    for name, value in variables.items():
        monkeypatch.setenv(f"UNDERSTUDY_{name}", value)
    loaded = load_settings()
    trigger_auto_create(loaded)
    return loaded


@pytest.fixture
def room(
    kafka: str, redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, understudy: Run
) -> Iterator[Room]:
    with closing(Deployment(kafka, redis_url, tmp_path)) as made:
        made.create_topics()
        for name, value in made.variables().items():
            monkeypatch.setenv(name, value)
        yield Room(made, understudy)
