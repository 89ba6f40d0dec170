"""The contract as files, for clients in any language: JSON Schemas, AsyncAPI and OpenAPI.

They lie in this folder; a test compares them with the types, and `understudy schemas write` renews them.
"""

import json
from collections.abc import Mapping
from typing import Any

from schemas.asyncapi import asyncapi
from schemas.json_schema import MESSAGES, message_schema
from schemas.openapi import openapi
from schemas.topics import Topics


def contract_files(version: str) -> dict[str, bytes]:
    """What each file holds, by its path below a folder. Topics have their default names.

    Args:
        version: of Understudy.
    """
    documents: dict[str, Mapping[str, Any]] = {
        "asyncapi.json": asyncapi(Topics(), version),
        "openapi.json": openapi(version),
        **{f"json/{name}.json": message_schema(name) for name in MESSAGES},
    }
    return {path: _as_file(document) for path, document in documents.items()}


def _as_file(document: Mapping[str, Any]) -> bytes:
    return json.dumps(document, indent=2, ensure_ascii=False).encode() + b"\n"
