"""Version reports: a page about the newest traces of a task, as one of its versions decides them.

A process of its own writes it, at a lower priority, one at a time.
"""

import asyncio
import logging
import os
import sys
from collections.abc import Awaitable, Callable

from models.artifact import Artifact
from models.errors import PolicyError
from models.manifest import Manifest
from streams.clock import unix_ms
from streams.dashboard.requests.dry_run import VersionStore
from streams.dashboard.requests.newest_traces import NewestTraces, traces_for_caller
from streams.dashboard.versions.report_order import encode_order, readable_traces, report_order
from streams.errors import ReportBusy, ReportFailed
from streams.tasks import Tasks

log = logging.getLogger(__name__)

_SECONDS = 60.0

Write = Callable[[bytes], Awaitable[bytes]]
"""Writes a report of an encoded order. Raises ReportFailed."""


class VersionReports:
    """Used on the event loop only."""

    def __init__(self, tasks: Tasks, versions: VersionStore, traces: NewestTraces, write: Write) -> None:
        self._tasks = tasks
        self._versions = versions
        self._traces = traces
        self._write = write
        self._is_writing = False

    async def report(self, task: str, version: str) -> bytes:
        """The page, in HTML; it holds texts of traces.

        Raises:
            ReportBusy: another one is being written.
            ReportFailed: there is nothing that it could be about, or it can't be written.
            HttpProblem, StateUnavailable: traces or version can't be read.
        """
        if self._is_writing:
            raise ReportBusy("another report is being written: ask again in a few seconds")
        self._is_writing = True
        try:
            return await self._report(task, version)
        finally:
            self._is_writing = False

    async def _report(self, task: str, version: str) -> bytes:
        artifact = await self._versions.fetch(task, version)
        if artifact is None:
            raise ReportFailed(f"the files of {version} are not kept any more")
        manifest = _manifest(artifact, version)
        config = self._tasks.task(task).config
        found = await traces_for_caller(self._traces, self._tasks.task(task))
        traces = readable_traces(manifest, found.traces)
        if not any(trace.sampled for trace in traces):
            raise ReportFailed(
                f"none of the newest {found.looked_at:,} traces is a sampled one of this task that {version} "
                "can read: a report is about those"
            )
        renamed = config.teacher.labels_renamed
        order = report_order(artifact, manifest, traces, renamed, config.aim, unix_ms())
        return await self._write(await asyncio.to_thread(encode_order, order))


def _manifest(artifact: Artifact, version: str) -> Manifest:
    try:
        return Manifest.decode(artifact.manifest)
    except PolicyError as error:
        raise ReportFailed(f"{version} can't be read: {error}") from error


async def write_in_process(order: bytes) -> bytes:
    """The report, written by a process of its own. Raises ReportFailed."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "streams.dashboard.versions.report_process",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
    )
    try:
        async with asyncio.timeout(_SECONDS):
            page, said = await process.communicate(order)
    except TimeoutError:
        raise ReportFailed(f"the report took over {_SECONDS:.0f} s") from None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode != 0:
        log.error("a report could not be written: status=%d: %s", process.returncode, _last_line(said))
        raise ReportFailed("the report could not be written, see the gateway's log")
    return page


def _last_line(said: bytes) -> str:
    """Of a traceback: what was wrong, without the texts that the lines above may hold."""
    lines = said.decode(errors="replace").strip().splitlines()
    return lines[-1][:300] if lines else "it said nothing"
