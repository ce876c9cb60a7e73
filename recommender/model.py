"""A trained model: the catalogue, its scorers and the settings that go with them, as one npz."""

from __future__ import annotations

import io
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from data.errors import BundleCorruptError
from recommender.candidates.collaborative import CollaborativeScorer
from recommender.candidates.content import ContentScorer
from recommender.candidates.mood import MoodScorer
from recommender.candidates.popularity import PopularityScorer
from recommender.catalogue import Catalogue
from recommender.config import PipelineConfig

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
        except (KeyError, ValueError, OSError) as exc:
            raise BundleCorruptError(f"{path} is not a recommender model: {exc}") from exc
