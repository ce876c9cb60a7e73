"""A trained model: the catalogue, its scorers and the settings that go with them, as one npz."""

from __future__ import annotations

import io
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np

from data.errors import BundleCorruptError
from data.files import BROKEN_ARRAYS
from data.types import FloatArray, Song
from recommender.candidates.content import ContentScorer
from recommender.candidates.factors import FactorScorer
from recommender.candidates.listening import ListeningScorer
from recommender.candidates.mood import MoodScorer
from recommender.candidates.popularity import (
    MoodPopularityScorer,
    PopularityScorer,
    RecentScorer,
)
from recommender.candidates.text import TextScorer
from recommender.catalogue import Catalogue
from recommender.config import PipelineConfig
from recommender.query import ReasonKind
from recommender.response import Response
from recommender.stages import Arrays, Scorer
from recommender.words import WordIndex

FILE_NAME = "recommender.npz"
#: Kinds of the evidence that is not of taste.
_KINDS: dict[str, ReasonKind] = {
    "mood": "mood",
    "text": "text",
    "fresh": "fresh",
    "deep": "collaborative",
}


@dataclass(frozen=True)
class RecommenderModel:
    """Everything a pipeline needs to answer. Immutable; shared by all requests."""

    config: PipelineConfig
    catalogue: Catalogue
    popularity: PopularityScorer
    recent: RecentScorer
    content: ContentScorer
    listening: tuple[ListeningScorer, ...]
    response: Response = field(default_factory=Response.unfitted)

    @property
    def mood(self) -> MoodScorer:
        """The mood scorer; its data are the catalogue's moods."""
        return MoodScorer(self.catalogue.moods)

    @property
    def popular_mood(self) -> MoodPopularityScorer:
        """The scorer of what is popular near a mood; its data are those of other parts."""
        return MoodPopularityScorer(self.popularity, self.catalogue.moods)

    @cached_property
    def scorers(self) -> tuple[Scorer, ...]:
        """Every scorer but that of texts, those of taste first."""
        return (*self.taste.values(), self.mood, self.popular_mood)

    @cached_property
    def taste(self) -> dict[str, Scorer]:
        """The scorers that a blend may weigh, by name."""
        parts: tuple[Scorer, ...] = (self.popularity, self.recent, *self.listening, self.content)
        return {part.name: part for part in parts}

    def kind_of(self, part: str) -> ReasonKind:
        """Return what a reason from a part's evidence is called."""
        if part in self.taste:
            return self.taste[part].kind
        return _KINDS[part]

    def listening_neighbours(self, song: int) -> FloatArray:
        """Return float32 (songs,) closeness by listeners; NaN where nothing knows it."""
        for scorer in self.listening:
            if isinstance(scorer, FactorScorer) and scorer.known[song]:
                return scorer.neighbours(song)
        return np.full(len(self.catalogue), np.nan, dtype=np.float32)

    @property
    def text(self) -> TextScorer:
        """The scorer of text queries; its data are the content's."""
        return TextScorer(self.config.text, self.content, self.catalogue.artist_codes)

    @cached_property
    def words(self) -> WordIndex:
        """The words by which a text can name tags, genres and artists; made at first use."""
        return WordIndex.build(self.content.space.terms, self.catalogue.artist_keys)

    def with_songs(
        self,
        songs: Sequence[Song],
        lyrics: FloatArray,
        moods: Mapping[str, tuple[float, float]] | None = None,
    ) -> RecommenderModel:
        """Return a model that knows these songs too, or anew where the id is known.

        Nothing is trained: a new song is neither scored by listeners nor by popularity; a known
        one keeps what it has.

        Args:
            songs: no id twice.
            lyrics: float32 (songs, k) reduced lyric vectors, NaN rows where none.
            moods: song id -> (valence, arousal), for songs without a stated mood.
        """
        catalogue, at = self.catalogue.with_songs(songs, moods)
        total = len(catalogue)
        return RecommenderModel(
            self.config,
            catalogue,
            self.popularity.with_songs(total),
            self.recent.with_songs(total),
            self.content.with_songs(songs, lyrics, at, total),
            tuple(scorer.with_songs(total) for scorer in self.listening),
            self.response,
        )

    def save(self, path: Path) -> None:
        """Write the npz, atomically."""
        arrays = self.catalogue.to_arrays()
        for stage in (self.popularity, self.recent, self.content):
            arrays.update(stage.arrays())
        arrays.update(self.response.arrays())
        for scorer in self.listening:
            arrays.update({f"{scorer.name}.{k}": v for k, v in scorer.arrays().items()})
        text = self.config.model_dump_json().encode("utf-8")
        arrays["config"] = np.frombuffer(text, dtype=np.uint8).copy()
        buffer = io.BytesIO()
        np.savez(buffer, **arrays)  # type: ignore[arg-type]
        partial = path.with_name(f"partial-{path.name}")
        partial.write_bytes(buffer.getvalue())
        os.replace(partial, path)

    @classmethod
    def load(cls, path: Path) -> RecommenderModel:
        """Read a model.

        Raises:
            BundleCorruptError: if the file is no model of this format.
        """
        try:
            with path.open("rb") as stream, np.load(stream, allow_pickle=False) as stored:
                arrays = {name: stored[name] for name in stored.files}
            config = PipelineConfig.model_validate_json(arrays["config"].tobytes())
            return cls(
                config,
                Catalogue.from_arrays(arrays),
                PopularityScorer.from_arrays(None, arrays),
                RecentScorer.from_arrays(config.recent, arrays),
                ContentScorer.from_arrays(config.content, arrays),
                tuple(
                    part.restore(_of_part(part.name, arrays)) for part in config.listening_configs()
                ),
                Response.from_arrays(arrays),
            )
        except KeyError as exc:
            raise BundleCorruptError(
                f"{path} was written by another version of Attune ({exc.args[0]}): train again by"
                " `attune train recommender` and `attune publish`"
            ) from exc
        except (IndexError, *BROKEN_ARRAYS) as exc:
            raise BundleCorruptError(f"{path} is not a recommender model: {exc}") from exc


def _of_part(name: str, arrays: Arrays) -> Arrays:
    """Return the stored arrays of one listening scorer, by their own names."""
    prefix = f"{name}."
    return {k.removeprefix(prefix): v for k, v in arrays.items() if k.startswith(prefix)}
