"""The ranker as a bundle holds it: the network, its card, and what reduces terms to tag vectors."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from data.types import FloatArray, IntArray
from recommender.deep.config import RankerCard
from recommender.deep.ranker import DeepRanker, Network
from recommender.deep.songs import SongFeatures
from recommender.model import RecommenderModel
from recommender.stages import CandidateRanker, Context, ItemList

#: Files of a run and of a bundle.
NETWORK, CARD, TERMS = "ranker.onnx", "ranker.json", "ranker.npz"


def song_features(model: RecommenderModel, components: FloatArray) -> SongFeatures:
    """Return what the ranker knows of every song: lyrics and terms; nothing of its listeners.

    Args:
        model: with the songs.
        components: float32 (terms, k), see :func:`recommender.deep.songs.reduce_terms`; terms that
            came later are not in it.
    """
    terms = model.content.terms_of_songs()[:, : len(components)]
    unknown = np.full(len(model.catalogue), np.nan, dtype=np.float32)
    return SongFeatures.of(
        unknown, lyrics=model.content.lyric_vectors(), tags=np.asarray(terms @ components)
    )


@dataclass(frozen=True)
class ModelRanker:
    """A :class:`recommender.stages.CandidateRanker` that follows its model when songs come.

    Attributes:
        ranker: over the songs of one model.
        components: float32 (terms, k), what makes tag vectors.
    """

    ranker: DeepRanker
    components: FloatArray

    def __call__(
        self, context: Context, songs: IntArray, parts: Mapping[str, FloatArray]
    ) -> ItemList:
        """Score candidates."""
        return self.ranker(context, songs, parts)

    def over(self, model: RecommenderModel) -> ModelRanker:
        """Return the same ranker over the songs of another model."""
        songs = song_features(model, self.components)
        return ModelRanker(self.ranker.with_songs(songs), self.components)

    def with_hybrid(self, hybrid: CandidateRanker) -> ModelRanker:
        """Return the same network as a correction of another hybrid."""
        return ModelRanker(self.ranker.with_hybrid(hybrid), self.components)


def load_ranker(folder: Path, model: RecommenderModel, hybrid: CandidateRanker) -> CandidateRanker:
    """Return the ranker of a run or a bundle, or ``hybrid`` where it has none that is on.

    Raises:
        ArtifactError: if its files do not fit the model or one another.
    """
    if not (folder / CARD).is_file():
        return hybrid
    card = json.loads((folder / CARD).read_text(encoding="utf-8"))
    if not card.get("enabled"):
        return hybrid
    with np.load(folder / TERMS, allow_pickle=False) as stored:
        components = stored["components"].astype(np.float32)
    features = song_features(model, components)
    return ModelRanker(DeepRanker.load(folder / NETWORK, card, hybrid, features), components)


def open_ranker(
    onnx: bytes,
    card: Mapping[str, object],
    components: FloatArray,
    model: RecommenderModel,
    hybrid: CandidateRanker,
) -> ModelRanker:
    """Return a ranker that was just fitted, whatever its card says of on and off."""
    features = song_features(model, components)
    values = RankerCard.parse(dict(card), origin="card of the ranker")
    return ModelRanker(DeepRanker(hybrid, Network(onnx), values, features), components)


def write_ranker(
    folder: Path, onnx: bytes, card: dict[str, object], components: FloatArray
) -> None:
    """Write the three files."""
    (folder / NETWORK).write_bytes(onnx)
    (folder / CARD).write_text(json.dumps(card, indent=1) + "\n", encoding="utf-8")
    buffer = io.BytesIO()
    np.savez(buffer, components=components)
    (folder / TERMS).write_bytes(buffer.getvalue())
