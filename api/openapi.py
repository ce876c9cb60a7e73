"""What ``/openapi.json`` says beyond what the route signatures tell: pictures, keys, problems."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from api.problem import MEDIA_TYPE
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
    "required": ["selfie"],
}
#: Paths that need no key, wherever the service is bound.
PUBLIC = ("/health/", "/privacy")
_SONG: dict[str, Any] = {
    "id": "song-99",
    "title": "Kettle at Dawn",
    "artist": "The Example Band",
    "album": None,
    "year": 2024,
    "duration_s": None,
    "links": {},
    "mood": {"valence": 0.35, "arousal": -0.4, "emotion": "neutral"},
}
_EXAMPLES: dict[str, Any] = {
    "RecommendationOut": {
        "user": "ana",
        "emotion": {
            "label": "happy",
            "probabilities": {
                "angry": 0.01, "disgust": 0.0, "fear": 0.01, "happy": 0.86,
                "sad": 0.02, "surprise": 0.04, "neutral": 0.06,
            },
            "confidence": 0.86,
            "uncertain": False,
            "source": "selfie",
            "faces": 1,
            "box": {"x": 212, "y": 96, "width": 180, "height": 180},
        },
        "mood": {
            "valence": 0.72,
            "arousal": 0.41,
            "strategy": "match",
            "target": {"valence": 0.72, "arousal": 0.41},
        },
        "items": [
            {
                "rank": 1,
                "song": {
                    "id": "song-17",
                    "title": "Lanterns on the Weir",
                    "artist": "The Example Band",
                    "album": None,
                    "year": 2021,
                    "duration_s": 201.0,
                    "links": {},
                    "mood": {"valence": 0.6, "arousal": 0.3, "emotion": "happy"},
                },
                "score": 0.91,
                "reasons": [
                    {"kind": "mood", "weight": 0.4, "text": "Fits a bright, lively mood"}
                ],
            }
        ],
        "fallback": None,
        "model_version": "20260102T030405000000-0a1b2c3d",
        "notice_url": "/privacy",
        "request_id": "4f1c2d3e",
    },
    "SongIn": {
        "id": "song-99",
        "title": "Kettle at Dawn",
        "artist": "The Example Band",
        "year": 2024,
        "genre": "folk",
        "tags": ["slow", "warm"],
        "language": "en",
        "lyrics": "Slow rain upon the window\nand the kettle sings to me",
    },
    "SongPosted": {
        "song": {**_SONG, "genre": "folk", "language": "en", "tags": ["slow", "warm"],
                 "embedding": "pending"},
        "status": "pending",
        "duplicate": False,
        "request_id": "4f1c2d3e",
    },
    "SongPage": {
        "items": [{**_SONG, "genre": "folk", "language": "en", "tags": ["slow", "warm"]}],
        "next_cursor": "20",
        "request_id": "4f1c2d3e",
    },
    "SimilarOut": {
        "song": _SONG,
        "items": [
            {
                "rank": 1,
                "song": {**_SONG, "id": "song-17", "title": "Lanterns on the Weir"},
                "score": 0.74,
                "reasons": [{"kind": "content", "weight": 1.0, "text": "Lyrics are close"}],
            }
        ],
        "model_version": "20260102T030405000000-0a1b2c3d",
        "request_id": "4f1c2d3e",
    },
    "PlaylistIn": {"user": "ana", "from": "sad", "to": "0.6,0.4", "minutes": 45},
    "PlaylistOut": {
        "id": "0a1b2c3d4e5f60718293a4b5c6d7e8f9",
        "user": "ana",
        "name": "Sad to calm",
        "from": {"valence": -0.63, "arousal": -0.27},
        "to": {"valence": 0.55, "arousal": -0.6},
        "strategy": "match",
        "items": [
            {
                "rank": 1,
                "song": _SONG,
                "score": 0.83,
                "reasons": [{"kind": "mood", "weight": 0.6, "text": "On the way, at calm"}],
                "path": {"valence": -0.63, "arousal": -0.27},
            }
        ],
        "duration_s": 201.0,
        "durations_unknown": 0,
        "fallback": None,
        "model_version": "20260102T030405000000-0a1b2c3d",
        "created_at": "2026-01-02T03:04:05Z",
        "links": {
            name: f"/playlists/0a1b2c3d4e5f60718293a4b5c6d7e8f9.{name}"
            for name in ("json", "m3u8", "xspf", "jspf")
        },
        "duplicate": False,
        "request_id": "4f1c2d3e",
    },
    "FeedbackIn": {"user": "ana", "song": "song-17", "event": "like"},
    "Problem": {
        "type": "/docs#no_face",
        "title": "No face was found",
        "status": 422,
        "detail": "no face was found in the picture",
        "code": "no_face",
        "request_id": "4f1c2d3e",
    },
}  # fmt: skip


def picture_body(*, required: bool = False) -> dict[str, Any]:
    """Describe a body that is a form with selfies or one raw picture."""
    raw = {media: {"schema": _PICTURE} for media in ("image/jpeg", "image/png", "image/webp")}
    return {
        "requestBody": {
            "required": required,
            "description": "Form field `selfie` (repeatable up to five times), or the bytes of one "
            "picture. Needs `consent=true`. At most ten megabytes a picture by default.",
            "content": {"multipart/form-data": {"schema": _FORM}, **raw},
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
    for name, example in _EXAMPLES.items():
        schemas[name]["example"] = example
    components["securitySchemes"] = {
        "key": {
            "type": "http",
            "scheme": "bearer",
            "description": "needed unless the service is bound to loopback",
        }
    }
    for path, operations in schema["paths"].items():
        for operation in operations.values():
            _complete_operation(operation, public=path.startswith(PUBLIC))
    return schema


def _complete_operation(operation: dict[str, Any], *, public: bool) -> None:
    reference = {"$ref": "#/components/schemas/Problem"}
    operation["responses"].pop("422", None)
    operation["responses"]["default"] = {
        "description": "A problem; `code` says which.",
        "content": {MEDIA_TYPE: {"schema": reference}},
    }
    if not public:
        operation["security"] = [{"key": []}, {}]
