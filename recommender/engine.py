"""What the service and the batch talk to: a loaded bundle, or the documented fallback for none."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from data.types import UserHistory
from recommender.config import MoodConfig
from recommender.mood import mood_target
from recommender.pipeline import RecommendationPipeline
from recommender.query import Query, RankedSong, Reason, Recommendation

if TYPE_CHECKING:
    from vision.reader import ExpressionReader

#: ``popular(n, exclude)`` returns (song id, score) of the most played songs in the database.
Popular = Callable[[int, Collection[str]], list[tuple[str, float]]]


@dataclass(frozen=True)
class Engine:
    """One bundle in memory. Immutable, shared by all threads; a reload makes a new one.

    Attributes:
        pipeline: None where no bundle is published; the database's popular songs then answer.
        reader: None where no expression model can be loaded.
        catalogue: ``demo`` for the simulated catalogue, else ``own``.
    """

    pipeline: RecommendationPipeline | None = None
    reader: ExpressionReader | None = None
    version: str | None = None
    catalogue: str = "own"

    def recommend(
        self, query: Query, history: UserHistory, popular: Popular | None = None
    ) -> Recommendation:
        """Answer a query, by the model or, without one, by what is popular in the database."""
        if self.pipeline is not None:
            return self.pipeline.recommend(query, history)
        banned = set(history.song_ids) if query.exclude_heard else set(history.disliked)
        ranked = popular(query.offset + query.n, banned) if popular else []
        songs = tuple(
            RankedSong(rank, song_id, float(score), _popular_reasons(query, score))
            for rank, (song_id, score) in enumerate(ranked, start=1)
            if rank > query.offset
        )
        target = mood_target(query, MoodConfig())
        return Recommendation(query.user_id, songs, target, "no_model", self.version)

    def song_moods(self, song_ids: Collection[str]) -> dict[str, tuple[float, float]]:
        """Return valence and arousal of the songs whose mood the model knows."""
        if self.pipeline is None:
            return {}
        catalogue = self.pipeline.model.catalogue
        known = [(s, catalogue.positions[s]) for s in song_ids if s in catalogue.positions]
        moods = {s: catalogue.moods[p] for s, p in known}
        return {s: (float(m[0]), float(m[1])) for s, m in moods.items() if np.isfinite(m).all()}


def _popular_reasons(query: Query, listeners: float) -> tuple[Reason, ...]:
    """Say how many listeners a song has, where it has any."""
    count = round(listeners)
    if not query.explain or count < 1:
        return ()
    return (Reason("popular", 1.0, f"Played by {count} listener{'s' * (count != 1)}"),)
