"""Routes of versions: what each has promised and proven. They change nothing."""

from typing import Protocol

from msgspec.structs import replace
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from streams.dashboard.reading_rights import require_texts
from streams.dashboard.task_calls import TaskNames, json_response
from streams.dashboard.versions.version_reports import VersionReports
from streams.dashboard.versions.versions_view import VersionsView
from streams.errors import ReportBusy, ReportFailed, StateUnavailable
from streams.gateway.caller_check import CallerCheck
from streams.gateway.calls import headers_of_call
from streams.gateway.problems import HttpProblem, ProblemKind, unavailable

REPORT_POLICY = "sandbox allow-scripts allow-downloads allow-popups; frame-ancestors 'none'"
"""Content security policy of a report, beside its own, which allows its own scripts and no connection: it is
no page of the gateway's origin, so that nothing in it may ask the gateway for anything."""
_HEADERS = {
    "content-security-policy": REPORT_POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cache-control": "no-store",
}


class VersionsSource(Protocol):
    """Where versions are read from."""

    async def versions(self, task: str) -> VersionsView:
        """Raises StateUnavailable."""


class VersionsRoutes:
    """What `/dashboard/read/versions` and `/dashboard/read/report` do."""

    def __init__(
        self, check: CallerCheck, names: TaskNames, source: VersionsSource, reports: VersionReports
    ) -> None:
        self._check = check
        self._names = names
        self._source = source
        self._reports = reports

    def routes(self) -> list[Route]:
        return [
            Route("/dashboard/read/versions/{task:path}", self._versions, methods=["GET"]),
            Route("/dashboard/read/report/{task:path}", self._report, methods=["GET"]),
        ]

    async def _versions(self, call: Request) -> Response:
        caller = self._check.admit(headers_of_call(call))
        task = self._names.task(call, caller)
        try:
            found = await self._source.versions(task)
            return json_response(replace(found, may_change=caller.may_operate))
        except StateUnavailable as error:
            raise unavailable(str(error), task=task) from error

    async def _report(self, call: Request) -> Response:
        headers = headers_of_call(call)
        caller = self._check.admit(headers)
        task = self._names.task(call, caller)
        require_texts(caller, headers)
        version = call.query_params.get("version")
        if not version:
            raise HttpProblem(ProblemKind.INVALID, "`version` is missing", task=task)
        try:
            page = await self._reports.report(task, version)
        except StateUnavailable as error:
            raise unavailable(str(error), task=task) from error
        except ReportBusy as error:
            raise HttpProblem(ProblemKind.BUSY, str(error), task=task) from error
        except ReportFailed as error:
            raise HttpProblem(ProblemKind.NOT_FOUND, str(error), task=task) from error
        return Response(page, headers=_HEADERS, media_type="text/html")
