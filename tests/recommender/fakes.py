"""Stand-ins for the parts of a bundle that place lyrics, with one right answer."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import cast

import numpy as np

from data.reduction import PcaReducer
from data.types import FloatArray
from nlp.mood import MoodModel
from recommender.bootstrap import build_pipeline
from recommender.catalogue import Catalogue
from recommender.engine import Engine
from recommender.fitting import fit_model, listening_of
from recommender.space import LyricSpace
from recommender.text import TextReader
from tests.recommender import toys

#: Words of the two groups of :mod:`tests.recommender.toys`, and where their lyrics lie.
BRIGHT, DARK = ("meadow", "sunlight"), ("coffin", "storm")


class FakeEncoder:
    """Puts a text on axis 0 for every bright word and on axis 1 for every dark one."""

    name = "fake"
    dimension = 384

    def __init__(self) -> None:
        self.asked: list[str] = []

    def encode(self, texts: Sequence[str], report: object = None) -> FloatArray:
        self.asked += texts
        rows = [[sum(w in text for w in words) for words in (BRIGHT, DARK)] for text in texts]
        return vectors(np.array(rows, dtype=np.float32))


def vectors(plane: FloatArray) -> FloatArray:
    """Return unit rows with these first two numbers; NaN where both are 0."""
    found = np.zeros((len(plane), 384), dtype=np.float32)
    norms = np.linalg.norm(plane, axis=1, keepdims=True)
    with np.errstate(invalid="ignore"):
        found[:, :2] = plane / norms
    found[norms[:, 0] == 0] = np.nan
    return found


class FakeMood:
    """Valence is how much more bright than dark the vector is; tags are not read."""

    def __init__(self, reducer: PcaReducer) -> None:
        self.reducer = reducer

    def predict(self, vectors: FloatArray, tags: object = None) -> SimpleNamespace:
        valence = 0.8 * (vectors[:, 0] - vectors[:, 1])
        return SimpleNamespace(valence=valence, arousal=-0.5 * valence)


def engine(encoder: FakeEncoder | None = None) -> Engine:
    """An engine on the checkerboard that can place lyrics and read texts."""
    data = toys.training_data()
    catalogue = Catalogue.from_songs(data.songs)
    listening = listening_of(data.interactions, catalogue, data.songs)
    model, reducer = fit_model(toys.config(), data, catalogue, listening, seed=1)
    assert reducer is not None
    space = LyricSpace(reducer, cast(MoodModel, FakeMood(reducer)))
    pipeline = build_pipeline(model, "toy", TextReader(encoder or FakeEncoder(), space))
    return Engine(pipeline, version="toy", space=space)
