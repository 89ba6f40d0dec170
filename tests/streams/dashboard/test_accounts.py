"""Labels, versions, suspects and reports are read over HTTP by those who may, when they are asked for."""

import asyncio
from typing import Any

import numpy as np
import pytest

from models.artifact import Artifact
from models.features import Features
from models.fit import Options, fit
from models.training_set import TrainingSet
from schemas.messages import Trace
from streams.dashboard.versions.report_order import readable_traces
from streams.dashboard.versions.version_reports import write_in_process
from streams.errors import ReportFailed
from streams.gateway.keys import create_key
from tests.infra import parcels
from tests.streams.dashboard.accounts import asked
from tests.streams.dashboard.asked import Asked, ScriptedTraces, ScriptedVersions, trace
from tests.streams.dashboard.scripted import HOSTILE
from tests.streams.fakes import manifest

READ = "/dashboard/read"


async def got(made: Asked, path: str, status: int = 200, **headers: str) -> Any:
    async with made.running() as client:
        answer = await client.get(f"{READ}/{path}", headers=headers)
        assert answer.status_code == status, answer.text
        return answer.json()


async def test_labels_and_versions_are_read_without_a_look_at_any_topic() -> None:
    made = asked()
    labels = await got(made, "labels/t")
    assert (labels["version"], labels["labels"][0]["label"]) == ("v2", "refund_not_showing_up")
    versions = await got(made, "versions/t")
    assert [row["version"] for row in versions["rows"]] == ["v3", "v2", "v1"]
    assert (made.accounts.reads, made.traces.looks) == (2, 0)


async def test_suspects_come_from_the_newest_traces_when_they_are_asked_for() -> None:
    made = asked()
    found = await got(made, "suspects/t")
    assert [one["id"] for one in found["suspects"]] == ["r2", "r1"]
    assert found["suspects"][0]["text"].startswith(HOSTILE)
    assert (found["audits"], found["disagreements"], found["traces"]) == (3, 2, 4)
    assert made.traces.looks == 1


@pytest.mark.parametrize("path", ["labels/t", "versions/t"])
async def test_an_outage_is_said_without_the_password(path: str) -> None:
    made = asked()
    made.accounts.is_away = True
    problem = await got(made, path, 503)
    assert "Redis is away" in problem["detail"]
    assert "secret" not in problem["detail"]


async def test_traces_that_can_not_be_read_are_said_in_one_way() -> None:
    made = asked()
    made.traces.is_away = True
    problem = await got(made, "suspects/t", 503)
    assert problem["detail"] == "the newest traces can't be read now: Kafka does not answer"


@pytest.mark.parametrize("path", ["labels", "versions", "suspects", "report"])
@pytest.mark.parametrize("operate", [False, True])
async def test_a_key_reads_of_its_tasks_alone_and_texts_if_it_may_operate(path: str, operate: bool) -> None:
    token, key = create_key("app", ("t",), "serve", 1, operate=operate)
    made = asked()
    made.keys = {key.id: key}
    made.tasks.configure("other", made.tasks.overrides["t"])
    told = {}
    async with made.running() as client:
        for task in ("t", "other", "nothing"):
            answer = await client.get(f"{READ}/{path}/{task}?version=v9", headers={"x-understudy-key": token})
            told[task] = answer.status_code
        assert (await client.get(f"{READ}/{path}/t")).status_code == 401
    texts = path in ("suspects", "report")
    # There is nothing to report about: the version is none that is kept.
    seen = 404 if path == "report" else 200
    assert told == {"t": 403 if texts and not operate else seen, "other": 403, "nothing": 403}
    assert made.traces.looks == (path == "suspects" and operate)


class KeptVersions(ScriptedVersions):
    """Keeps one version, with its files."""

    def __init__(self, artifact: Artifact) -> None:
        super().__init__()
        self._artifact = artifact

    async def fetch(self, task: str, version: str) -> Artifact | None:
        return self._artifact if (task, version) == ("t", "v1") else None


@pytest.fixture(scope="module")
def artifact() -> Artifact:
    rows = parcels.traces(500)
    texts, labels = [row["text"] for row in rows], [row["label"] for row in rows]
    training = TrainingSet(Features(texts), labels, np.ones(len(rows), dtype=np.bool_))
    made = fit(training, task="t", version="v1", options=Options(curve=0.0)).artifact
    assert made is not None
    return made


def rows(count: int, **given: Any) -> list[Trace | bytes]:
    """Traces of the parcel service, with a hostile text in each."""
    return [
        trace(f"r{place}", row["label"], text=f"{row['text']} {HOSTILE}", **given)
        for place, row in enumerate(parcels.traces(count, 7))
    ]


@pytest.mark.parametrize("path", ["suspects/t", "report/t?version=v1"])
@pytest.mark.parametrize("site", ["cross-site", "same-site"])
async def test_a_page_of_another_site_has_no_texts_read(path: str, site: str) -> None:
    made = asked()
    await got(made, path, 403, **{"sec-fetch-site": site})
    assert made.traces.looks == 0


async def test_a_report_is_written_by_a_process_and_is_no_page_of_the_gateway(artifact: Artifact) -> None:
    made = Asked(versions=KeptVersions(artifact), traces=ScriptedTraces(rows(120)))
    async with made.running() as client:
        answer = await client.get(f"{READ}/report/t?version=v1")
        assert answer.status_code == 200, answer.text
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("sandbox allow-scripts ")
    assert "allow-same-origin" not in policy
    assert "rows that it was given" in answer.text
    assert HOSTILE not in answer.text, "texts are escaped"
    assert "&lt;img src=x" in answer.text


async def test_what_keeps_a_report_from_being_written_is_said(artifact: Artifact) -> None:
    async def write(_: bytes) -> bytes:
        raise ReportFailed("the report could not be written, see the gateway's log")

    made = Asked(versions=KeptVersions(artifact), traces=ScriptedTraces(rows(9)), write=write)
    assert "see the gateway's log" in (await got(made, "report/t?version=v1", 404))["detail"]
    assert "not kept any more" in (await got(made, "report/t?version=v9", 404))["detail"]
    assert "`version` is missing" in (await got(made, "report/t", 400))["detail"]
    made = Asked(versions=KeptVersions(artifact), traces=ScriptedTraces(rows(9, sampled=False)))
    assert "is a sampled one" in (await got(made, "report/t?version=v1", 404))["detail"]
    with pytest.raises(ReportFailed, match="see the gateway's log"):
        await write_in_process(b"no order")


async def test_a_report_is_about_what_the_version_reads() -> None:
    def readable(embedder: str, **given: Any) -> bool:
        of = manifest(embedder=embedder, dimension=2, encoder="onnx:x" if "onnx" in embedder else None)
        return bool(readable_traces(of, [trace("r", "no", **given)]))

    assert readable("text")
    assert not readable("text", text=None)
    assert readable("precomputed", text=None, features=bytes(8))
    assert not readable("precomputed", features=bytes(12))
    assert readable("onnx:x", features=bytes(8), encoder="onnx:x")
    assert not readable("onnx:x", features=bytes(8), encoder="onnx:y")


async def test_one_report_is_written_at_a_time(artifact: Artifact) -> None:
    is_writing, is_over = asyncio.Event(), asyncio.Event()

    async def write(_: bytes) -> bytes:
        is_writing.set()
        await is_over.wait()
        return b"<!doctype html>"

    made = Asked(versions=KeptVersions(artifact), traces=ScriptedTraces(rows(9)), write=write)
    async with made.running() as client:
        first = asyncio.create_task(client.get(f"{READ}/report/t?version=v1"))
        await is_writing.wait()
        second = await client.get(f"{READ}/report/t?version=v1")
        assert (second.status_code, "another report" in second.text) == (429, True)
        is_over.set()
        assert (await first).status_code == 200
