"""Page of the gateway's calls, made of its OpenAPI document: no script, and nothing from the network."""

from collections.abc import Iterator, Mapping
from html import escape
from typing import Any

import msgspec

POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
"""Content security policy of the page."""

_STYLE = """
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif }
body { max-width: 60rem; margin: 2rem auto; padding: 0 1rem }
h2 { margin: 2rem 0 .25rem; font-size: 1.1rem } h2 code { font-size: 1.1rem }
table { border-collapse: collapse } td { padding: .1rem 1rem .1rem 0; vertical-align: top }
pre { overflow-x: auto; padding: .75rem; border: 1px solid; border-radius: .25rem; font-size: .85rem }
"""


def docs_page(document: Mapping[str, Any]) -> str:
    """The page, as HTML."""
    title = f"{document['info']['title']} {document['info']['version']}"
    return "\n".join(
        (
            f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{escape(title)}</title>',
            f'<meta name="viewport" content="width=device-width"><style>{_STYLE}</style>',
            f"<h1>{escape(title)}</h1>",
            '<p>For programs: <a href="/openapi.json">openapi.json</a>.</p>',
            *(
                part
                for path, methods in document["paths"].items()
                for method, operation in methods.items()
                for part in _operation(method, path, operation)
            ),
            "<h1>Bodies</h1>",
            *_schemas(document["components"]["schemas"]),
            "</html>",
        )
    )


def _operation(method: str, path: str, operation: Mapping[str, Any]) -> Iterator[str]:
    yield f"<h2><code>{escape(method.upper())} {escape(path)}</code></h2>"
    yield f"<p>{escape(operation['summary'])}</p>"
    rows = [(one["name"], one["description"]) for one in operation.get("parameters", ())]
    body = operation.get("requestBody")
    if body is not None:
        rows.append(("body", _content(body)))
    rows += [
        (status, f"{response['description']} {_content(response)}".strip())
        for status, response in operation["responses"].items()
    ]
    cells = (f"<tr><td><code>{escape(name)}</code><td>{escape(said)}" for name, said in rows)
    yield f"<table>{''.join(cells)}</table>"


def _content(part: Mapping[str, Any]) -> str:
    """Type and schema of a body."""
    found = [
        f"{kind}: {content['schema'].get('$ref', 'any object').rpartition('/')[2]}"
        for kind, content in part.get("content", {}).items()
    ]
    return f"({'; '.join(found)})" if found else ""


def _schemas(schemas: Mapping[str, Any]) -> Iterator[str]:
    for name, schema in schemas.items():
        shown = msgspec.json.format(msgspec.json.encode(schema), indent=2).decode()
        yield f'<h2 id="{escape(name)}"><code>{escape(name)}</code></h2><pre>{escape(shown)}</pre>'
