"""What ``/openapi.json`` says beyond what the route signatures tell: pictures, keys, problems."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from api.openapi_examples import SCHEMAS, parameter_example, response_example
from api.openapi_problems import document_problems
from api.schemas import Problem

DESCRIPTION = (
    "Songs that fit a listener and a moment. The moment is an apparent expression read from a "
    "selfie (with consent), a stated mood, or neither. Pictures stay in memory and are forgotten "
    "with the request: see `/privacy`. Errors are `application/problem+json` with a stable `code`."
)
_PICTURE = {"type": "string", "format": "binary"}
_FORM = {
    "type": "object",
    "properties": {
        "selfie": {
            "type": "array",
            "items": _PICTURE,
            "minItems": 1,
            "maxItems": 5,
            "description": "one to five frames of one moment; their readings are averaged",
        }
    },
}
_TAGS = {
    "recommend": "Songs for a moment, and the apparent expression alone.",
    "feedback": "What listeners did with songs.",
    "songs": "The catalogue.",
    "playlists": "Journeys from one mood to another.",
    "users": "What is stored about a listener: to read, to change, to take along, to erase.",
    "health": "For whoever watches over the service.",
    "admin": "For the operator.",
    "pages": "For people.",
}
#: Paths that need no key, wherever the service is bound.
PUBLIC = ("/health/", "/privacy")


def picture_body(*, required: bool = False) -> dict[str, Any]:
    """Describe a body that is a form with selfies or one raw picture."""
    form = {**_FORM, "required": ["selfie"]} if required else _FORM
    raw = {media: {"schema": _PICTURE} for media in ("image/jpeg", "image/png", "image/webp")}
    return {
        "requestBody": {
            "required": required,
            "description": "Form field `selfie` (repeatable up to five times), or the bytes of one "
            "picture. Needs `consent=true`. At most ten megabytes a picture by default.",
            "content": {"multipart/form-data": {"schema": form}, **raw},
        }
    }


def install(app: FastAPI) -> None:
    """Let ``app`` describe itself with problems, keys and examples."""

    def describe() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _complete(
                get_openapi(
                    title=app.title,
                    version=app.version,
                    description=DESCRIPTION,
                    routes=app.routes,
                )
            )
        return app.openapi_schema

    app.openapi = describe  # type: ignore[method-assign]


def _complete(schema: dict[str, Any]) -> dict[str, Any]:
    components = schema.setdefault("components", {})
    schemas = components.setdefault("schemas", {})
    schemas["Problem"] = Problem.model_json_schema()
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    for name, example in SCHEMAS.items():
        schemas[name]["example"] = example
    components["securitySchemes"] = {
        "key": {
            "type": "http",
            "scheme": "bearer",
            "description": "needed unless the service is bound to loopback",
        }
    }
    schema["tags"] = [{"name": name, "description": told} for name, told in _TAGS.items()]
    for path, operations in schema["paths"].items():
        for operation in operations.values():
            _complete_operation(operation, public=path.startswith(PUBLIC))
    return schema


def _complete_operation(operation: dict[str, Any], *, public: bool) -> None:
    operation["summary"] = operation["description"].partition("\n\n")[0].removesuffix(".")
    for parameter in operation.get("parameters", []):
        parameter["example"] = parameter_example(parameter["name"], operation["operationId"])
    operation["responses"].pop("422", None)  # the framework's own
    for response in operation["responses"].values():
        for media, content in response.get("content", {}).items():
            content["example"] = response_example(media, content, operation["operationId"])
    body = operation.get("requestBody", {}).get("content", {}).get("application/json")
    if body is not None:
        body["example"] = response_example("application/json", body, operation["operationId"])
    document_problems(operation, public=public)
    if not public:
        operation["security"] = [{"key": []}, {}]
