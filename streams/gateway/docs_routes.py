"""Routes that say what the gateway can do: its OpenAPI document, and a page made of it."""

from importlib.metadata import version

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from schemas.openapi import openapi
from streams.gateway.docs_page import POLICY, docs_page


def docs_routes() -> list[Route]:
    """`/openapi.json` and `/docs`; they need no key and hold no secret."""
    document = openapi(version("understudy"))
    encoded, page = msgspec.json.encode(document), docs_page(document)
    headers = {"content-security-policy": POLICY, "x-content-type-options": "nosniff"}

    async def describe(_: Request) -> Response:
        return Response(encoded, media_type="application/json")

    async def show(_: Request) -> Response:
        return Response(page, headers=headers, media_type="text/html")

    return [Route("/openapi.json", describe, methods=["GET"]), Route("/docs", show, methods=["GET"])]
