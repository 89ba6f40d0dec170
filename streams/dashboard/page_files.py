"""Page files: what a browser loads of the dashboard. Packed once, and not sent to who has them already."""

import hashlib
from collections.abc import Mapping
from importlib.resources import files
from pathlib import PurePath
from typing import NamedTuple

from starlette.responses import Response

from streams.dashboard.packing import packed_file, takes_gzip
from streams.gateway.problems import HttpProblem, ProblemKind

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""Content security policy of the page."""
INDEX = "index.html"
_TYPES = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
_HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cache-control": "no-cache",
    "vary": "accept-encoding",
}
_END_OF_HEAD = b"</head>"
_KNOWN = 304


class _PageFile(NamedTuple):
    """Attributes:
    packed: as gzip; None where that is no smaller.
    tag: changes with the content.
    """

    plain: bytes
    packed: bytes | None
    tag: str
    media_type: str


class PageFiles:
    """All of them, in memory."""

    def __init__(self) -> None:
        page = (files("streams.dashboard") / "page").iterdir()
        contents = {one.name: one.read_bytes() for one in page if PurePath(one.name).suffix in _TYPES}
        modules = sorted(name for name in contents if name.endswith(".js"))
        contents[INDEX] = _with_preloads(contents[INDEX], modules)
        self._files = {name: _page_file(name, content) for name, content in contents.items()}

    def response(self, name: str, headers: Mapping[str, str]) -> Response:
        """The file, for a call with these headers. Raises HttpProblem: there is none."""
        found = self._files.get(name)
        if found is None:
            raise HttpProblem(ProblemKind.NOT_FOUND, "the dashboard has no such file")
        answer = _HEADERS | {"etag": found.tag}
        if found.tag in map(str.strip, headers.get("if-none-match", "").split(",")):
            return Response(status_code=_KNOWN, headers=answer)
        if found.packed is not None and takes_gzip(headers):
            answer |= {"content-encoding": "gzip"}
            return Response(found.packed, headers=answer, media_type=found.media_type)
        return Response(found.plain, headers=answer, media_type=found.media_type)


def _page_file(name: str, content: bytes) -> _PageFile:
    packed = packed_file(content)
    tag = f'W/"{hashlib.blake2b(content, digest_size=12).hexdigest()}"'
    is_smaller = len(packed) < len(content)
    return _PageFile(content, packed if is_smaller else None, tag, _TYPES[PurePath(name).suffix])


def _with_preloads(page: bytes, modules: list[str]) -> bytes:
    """The page with its modules named, so that a browser asks for all of them at once."""
    links = "".join(f'<link rel="modulepreload" href="/dashboard/page/{name}">\n' for name in modules)
    return page.replace(_END_OF_HEAD, links.encode() + _END_OF_HEAD, 1)
