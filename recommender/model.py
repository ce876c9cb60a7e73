"""A trained model: the catalogue, its scorers and the settings that go with them, as one npz."""

from __future__ import annotations

import io
import os
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from data.errors import BundleCorruptError
from data.types import FloatArray, Song
from recommender.candidates.collaborative import CollaborativeScorer
from recommender.candidates.content import ContentScorer
from recommender.candidates.mood import MoodScorer
from recommender.candidates.popularity import PopularityScorer
from recommender.candidates.text import TextScorer
from recommender.catalogue import Catalogue
from recommender.config import PipelineConfig
from recommender.words import WordIndex

FILE_NAME = "recommender.npz"


@dataclass(frozen=True)
class RecommenderModel:
    """Everything a pipeline needs to answer. Immutable; shared by all requests."""

    config: PipelineConfig
    catalogue: Catalogue
    popularity: PopularityScorer
    collaborative: CollaborativeScorer
    content: ContentScorer

    @property
    def mood(self) -> MoodScorer:
        """The mood scorer; its data are the catalogue's moods."""
        return MoodScorer(self.catalogue.moods)

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
            self.collaborative.with_songs(total),
            self.content.with_songs(songs, lyrics, at, total),
        )

    def save(self, path: Path) -> None:
        """Write the npz, atomically."""
        stages = (self.popularity, self.collaborative, self.content)
        arrays = self.catalogue.to_arrays()
        for stage in stages:
            arrays.update(stage.arrays())
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
            with np.load(path, allow_pickle=False) as stored:
                arrays = {name: stored[name] for name in stored.files}
            config = PipelineConfig.model_validate_json(arrays["config"].tobytes())
            return cls(
                config,
                Catalogue.from_arrays(arrays),
                PopularityScorer.from_arrays(None, arrays),
                CollaborativeScorer.from_arrays(config.collaborative, arrays),
                ContentScorer.from_arrays(config.content, arrays),
            )
        except KeyError as exc:
            raise BundleCorruptError(
                f"{path} was written by another version of Attune ({exc.args[0]}): train again by"
                " `attune train recommender` and `attune publish`"
            ) from exc
        except (ValueError, OSError, EOFError, zipfile.BadZipFile) as exc:
            raise BundleCorruptError(f"{path} is not a recommender model: {exc}") from exc
