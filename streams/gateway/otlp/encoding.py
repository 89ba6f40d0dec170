"""Encodings of OTLP over HTTP: protobuf and JSON, in requests, answers and errors.

A request is read as its JSON form has it, whatever its encoding. The classes of protobuf are in packages of
the extra `stream`; in an environment without them only JSON is read.
"""

import binascii
import zlib
from base64 import b64decode
from collections.abc import Mapping
from importlib import import_module
from importlib.util import find_spec
from typing import Any, Protocol

import msgspec

JSON = "application/json"
PROTOBUF = "application/x-protobuf"
_GZIP_WINDOW = 31
_SERVICE = "opentelemetry.proto.collector.trace.v1.trace_service_pb2"
_STATUS = "google.rpc.status_pb2"

Spans = Mapping[str, Any]


class InvalidExport(ValueError):
    """The body is no export of spans; says why."""


class TooLargeExport(ValueError):
    """The body is longer than it may be once it is decompressed."""


class OtlpEncoding(Protocol):
    """Attributes:
    media_type: of requests and answers.
    """

    @property
    def media_type(self) -> str: ...

    def read(self, body: bytes) -> Spans:
        """The spans, as the JSON form has them. Raises InvalidExport."""
        ...

    def write_answer(self, rejected: int, message: str) -> bytes:
        """The answer to an export.

        Args:
            rejected: spans that were not used.
            message: why; empty where there is nothing to say.
        """
        ...

    def write_error(self, code: int, message: str) -> bytes:
        """A `google.rpc.Status`."""
        ...


class JsonEncoding:
    """Names in lower camel case, ids in hexadecimal."""

    media_type = JSON

    def read(self, body: bytes) -> Spans:
        try:
            return msgspec.json.decode(body, type=dict[str, Any])
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise InvalidExport(f"no JSON object: {error}") from error

    def write_answer(self, rejected: int, message: str) -> bytes:
        if not (rejected or message):
            return b"{}"
        partial = {"rejectedSpans": str(rejected), "errorMessage": message}
        return msgspec.json.encode({"partialSuccess": partial})

    def write_error(self, code: int, message: str) -> bytes:
        return msgspec.json.encode({"code": code, "message": message})


class ProtobufEncoding:
    """The classes that are generated from OTLP's definitions."""

    media_type = PROTOBUF

    def __init__(self) -> None:
        service = import_module(_SERVICE)
        self._request: Any = service.ExportTraceServiceRequest
        self._answer: Any = service.ExportTraceServiceResponse
        self._status: Any = import_module(_STATUS).Status
        self._error: type[Exception] = import_module("google.protobuf.message").DecodeError
        self._to_dict: Any = import_module("google.protobuf.json_format").MessageToDict

    def read(self, body: bytes) -> Spans:
        try:
            found: dict[str, Any] = self._to_dict(self._request.FromString(body))
        except (self._error, RecursionError, UnicodeDecodeError) as error:
            raise InvalidExport(f"no ExportTraceServiceRequest: {error}") from error
        for resource in found.get("resourceSpans", ()):
            for scope in resource.get("scopeSpans", ()):
                for span in scope.get("spans", ()):
                    _write_ids_in_hexadecimal(span)
        return found

    def write_answer(self, rejected: int, message: str) -> bytes:
        if not (rejected or message):
            return b""
        partial = {"rejected_spans": rejected, "error_message": message}
        written: bytes = self._answer(partial_success=partial).SerializeToString()
        return written

    def write_error(self, code: int, message: str) -> bytes:
        written: bytes = self._status(code=code, message=message).SerializeToString()
        return written


def encodings() -> dict[str, OtlpEncoding]:
    """The encodings that can be read here, by their media types."""
    found: list[OtlpEncoding] = [JsonEncoding()]
    if all(map(_is_installed, (_SERVICE, _STATUS))):
        found.append(ProtobufEncoding())
    return {one.media_type: one for one in found}


def decompressed(body: bytes, coding: str, most: int) -> bytes:
    """The body without its coding.

    Args:
        coding: the header `content-encoding`.
        most: bytes that it may have.

    Raises:
        InvalidExport: it is not of that coding, or the coding is not read here.
        TooLargeExport: it is longer.
    """
    if coding in ("", "identity"):
        if len(body) > most:
            raise TooLargeExport
        return body
    if coding != "gzip":
        raise InvalidExport("`content-encoding` has to be gzip, or none")
    unpacker = zlib.decompressobj(_GZIP_WINDOW)
    try:
        plain = unpacker.decompress(body, most + 1)
    except zlib.error as error:
        raise InvalidExport(f"no gzip: {error}") from error
    if len(plain) > most:
        raise TooLargeExport
    if not unpacker.eof or unpacker.unused_data:
        raise InvalidExport("no gzip: it is cut off, or something follows it")
    return plain


def _write_ids_in_hexadecimal(span: dict[str, Any]) -> None:
    """The JSON form of protobuf has bytes in base64, and OTLP's has ids in hexadecimal."""
    for name in ("traceId", "spanId"):
        if name in span:
            span[name] = binascii.hexlify(b64decode(span[name])).decode()


def _is_installed(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:  # the package around it is missing
        return False
