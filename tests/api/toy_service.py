"""A service over the toy model of the recommender's tests, with its songs in the database."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from starlette.testclient import TestClient

from data.db.repositories import SongRepository
from data.db.session import Database
from data.types import SongInput
from recommender.bootstrap import build_pipeline
from recommender.engine import Engine
from tests.recommender import toys

VERSION = "20990102T030405000000-0a1b2c3d"


def store_toys(database: Database) -> None:
    """Put the toy's songs into the database."""
    rows = [
        SongInput(s.id, s.title, s.artist, genre=s.genre, valence=s.valence, arousal=s.arousal)
        for s in toys.songs()
    ]
    with database.session() as session:
        SongRepository(session).upsert_many(rows)


def toy_engine(reader: Any = None, version: str = VERSION) -> Engine:
    """An engine of the toy's model; every page of a list is made anew."""
    return Engine(build_pipeline(toys.model(), version), reader, version)


def listened(client: TestClient, user: str, song: str, event: str = "play") -> None:
    """Send one event."""
    body = {"user": user, "song": song, "event": event}
    assert client.post("/feedback", json=body).status_code == 200


def page(client: TestClient, **params: Any) -> Mapping[str, Any]:
    """Ask for a list."""
    answer = client.get("/recommend", params=params)
    assert answer.status_code == 200, answer.text
    found: Mapping[str, Any] = answer.json()
    return found


def ids(answer: Mapping[str, Any]) -> list[str]:
    """Return the songs of a list."""
    return [item["song"]["id"] for item in answer["items"]]


def other_model(engine: Engine) -> Engine:
    """Return the same engine as another bundle would be."""
    version = "20990102T030405000000-ffffffff"
    assert engine.pipeline is not None
    return replace(engine, pipeline=build_pipeline(engine.pipeline.model, version), version=version)
