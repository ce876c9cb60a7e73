"""The ``/docs`` page, written from the OpenAPI description.

The usual documentation pages load their script from a content network. This one loads nothing, so
that it works offline, under a strict content policy, and tells nobody who reads it.
"""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from typing import Any

from api.html import document, prose
from api.problem import all_kinds


def reference_page(schema: dict[str, Any]) -> str:
    """Write the page of an OpenAPI ``schema``."""
    info = schema["info"]
    parts = [
        f"<h1>{escape(info['title'])} {escape(info['version'])}</h1>",
        f"<p>{prose(info['description'])}</p>",
        '<p>For programs: <a href="openapi.json">openapi.json</a></p>',
        *_operations(schema["paths"]),
        *_problems(),
    ]
    return document(f"{info['title']}: API", "\n".join(parts))


def _operations(paths: dict[str, Any]) -> Iterator[str]:
    for path, operations in paths.items():
        for method, operation in operations.items():
            yield f"<h2><code>{method.upper()} {escape(path)}</code></h2>"
            for paragraph in operation.get("description", "").split("\n\n"):
                yield f"<p>{prose(paragraph)}</p>"
            yield from _parameters(operation.get("parameters", []))
            body = operation.get("requestBody")
            if body:
                kinds = ", ".join(f"`{kind}`" for kind in body["content"])
                yield f"<p>Body: {prose(kinds)}. {prose(body.get('description', ''))}</p>"


def _parameters(parameters: list[dict[str, Any]]) -> Iterator[str]:
    if not parameters:
        return
    yield "<table><tr><th>parameter</th><th>values</th><th>meaning</th></tr>"
    for one in parameters:
        need = "required" if one.get("required") else ""
        values = escape(_values(one["schema"])) or need
        meaning = prose(one.get("description", one["schema"].get("description", "")))
        yield (
            f"<tr><td><code>{escape(one['name'])}</code></td><td>{values}</td>"
            f"<td>{meaning}</td></tr>"
        )
    yield "</table>"


def _values(schema: dict[str, Any]) -> str:
    told = []
    if "enum" in schema:
        told.append(" | ".join(map(str, schema["enum"])))
    if "minimum" in schema and "maximum" in schema:
        told.append(f"{schema['minimum']}..{schema['maximum']}")
    if schema.get("default") is not None:
        told.append(f"default {str(schema['default']).lower()}")
    return ", ".join(told)


def _problems() -> Iterator[str]:
    yield "<h2>Problems</h2><table><tr><th>code</th><th>status</th><th>meaning</th></tr>"
    for kind in all_kinds():
        yield (
            f'<tr id="{kind.code}"><td><code>{kind.code}</code></td><td>{kind.status}</td>'
            f"<td>{escape(kind.title)}</td></tr>"
        )
    yield "</table>"
