"""``/openapi.json``: whole, and true to itself."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import jsonschema_rs
import pytest

from api.app import create_app
from api.problem import all_kinds, example_of
from data.settings import Settings

SCHEMA: dict[str, Any] = create_app(Settings(_env_file=None)).openapi()
OPERATIONS = {
    operation["operationId"]: operation
    for path in SCHEMA["paths"].values()
    for operation in path.values()
}
#: Answers nothing but a picture can be an example of, and JSON has no pictures.
PICTURES = {"multipart/form-data", "image/jpeg", "image/png", "image/webp"}


def valid(schema: dict[str, Any], value: Any) -> bool:
    whole = {**schema, "components": SCHEMA["components"]}
    return jsonschema_rs.Draft202012Validator(whole).is_valid(value)


def contents(operation: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for media, content in operation.get("requestBody", {}).get("content", {}).items():
        if media not in PICTURES:
            yield "body", media, content
    for status, response in operation["responses"].items():
        for media, content in response.get("content", {}).items():
            yield status, media, content


def test_operations_are_named_once_and_for_all() -> None:
    count = sum(len(path) for path in SCHEMA["paths"].values())
    assert len(OPERATIONS) == count
    assert set(OPERATIONS) >= {
        "recommend", "recommend_post", "emotion", "feedback", "songs", "song", "similar",
        "post_song", "post_playlist", "playlist", "history", "export_user", "erase_user",
        "muted_artists", "mute_artist", "unmute_artist", "emotion_history", "forget_emotions",
        "song_mood", "live", "ready", "metrics", "reload", "privacy",
    }  # fmt: skip


@pytest.mark.parametrize("name", OPERATIONS)
def test_every_operation_tells_what_it_is_for(name: str) -> None:
    operation = OPERATIONS[name]
    assert operation["summary"]
    assert operation["description"]
    (tag,) = operation["tags"]
    assert tag in {known["name"] for known in SCHEMA["tags"]}
    for parameter in operation.get("parameters", []):
        assert parameter.get("description") or parameter["schema"].get("description"), parameter
    public = name in ("live", "ready", "privacy")
    assert ("security" in operation) != public


@pytest.mark.parametrize("name", OPERATIONS)
def test_every_parameter_body_and_answer_has_an_example_that_is_valid(name: str) -> None:
    operation = OPERATIONS[name]
    for parameter in operation.get("parameters", []):
        assert valid(parameter["schema"], parameter["example"]), parameter
    for where, media, content in contents(operation):
        examples = content.get("examples", {})
        told = [one["value"] for one in examples.values()] or [content["example"]]
        assert all(valid(content["schema"], one) for one in told), (where, media)


def documented(operation: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {
        code: example["value"]
        for response in operation["responses"].values()
        for code, example in response.get("content", {})
        .get("application/problem+json", {}).get("examples", {}).items()
    }  # fmt: skip


def test_the_problems_that_are_documented_are_those_that_there_are() -> None:
    kinds = {kind.code: example_of(kind) for kind in all_kinds()}
    found = {code: value for o in OPERATIONS.values() for code, value in documented(o).items()}
    assert found == kinds


def test_problems_stand_where_they_can_happen() -> None:
    assert {"no_face", "consent_required", "overloaded"} <= documented(OPERATIONS["emotion"]).keys()
    assert "no_face" not in documented(OPERATIONS["songs"])
    assert "unauthenticated" not in documented(OPERATIONS["live"])
    late = OPERATIONS["recommend"]["responses"]["503"]
    assert "Retry-After" in late["headers"]
    assert "WWW-Authenticate" in OPERATIONS["recommend"]["responses"]["401"]["headers"]
