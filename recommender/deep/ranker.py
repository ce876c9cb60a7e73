"""The served ranker: the hybrid, and what the network adds to it, by ONNX Runtime on one thread."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from data.errors import ArtifactError, BundleCorruptError, ConfigError
from data.types import FloatArray, IntArray
from recommender.deep.batches import scaled
from recommender.deep.config import RankerCard
from recommender.deep.features import FeatureLayout
from recommender.deep.songs import SongFeatures
from recommender.stages import CandidateRanker, Context, ItemList

#: Name of the correction among the evidence.
DEEP = "deep"


class Network:
    """A session of ONNX Runtime; scaled features (c, f) -> float32 (c,) correction.

    Raises:
        ArtifactError: if the bytes are no such network.
    """

    def __init__(self, stored: bytes) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3
        try:
            self._session = onnxruntime.InferenceSession(
                stored, options, providers=["CPUExecutionProvider"]
            )
            (entry,) = self._session.get_inputs()
        except Exception as exc:  # the runtime's own errors share no narrower base
            raise ArtifactError(f"the ranker cannot be opened as ONNX: {exc}") from exc
        self._input, self.width = entry.name, int(entry.shape[-1])
        self(np.zeros((2, self.width), dtype=np.float32))  # the first call is slow

    def __call__(self, features: FloatArray) -> FloatArray:
        """Return the correction of every candidate."""
        found = self._session.run(None, {self._input: features[None]})[0]
        return np.asarray(found[0, :, 0], dtype=np.float32)


class DeepRanker:
    """Adds ``evidence["deep"]`` to the hybrid's list; everything else stays as the hybrid left it.

    With a text query nothing is added: the network has not learned to read texts.
    """

    def __init__(
        self, hybrid: CandidateRanker, network: Network, card: RankerCard, songs: SongFeatures
    ) -> None:
        self.card = card
        self._hybrid, self._network, self._songs = hybrid, network, songs
        self._layout = FeatureLayout(card.scorers, card.sizes, card.groups)
        if self._layout.names != card.features or network.width != len(card.features):
            raise ArtifactError(
                "the ranker was trained on other features than this version makes: train again by"
                " `attune train recommender`"
            )
        sizes = (songs.lyrics.shape[1], songs.tags.shape[1], songs.factors.shape[1])
        if sizes != card.sizes:
            raise ArtifactError(
                f"the ranker reads vectors of {card.sizes} numbers, the model has {sizes}: publish"
                " both from one run"
            )

    @classmethod
    def load(
        cls, path: Path, card: Mapping[str, Any], hybrid: CandidateRanker, songs: SongFeatures
    ) -> DeepRanker:
        """Open a stored network.

        Args:
            path: ``ranker.onnx``.
            card: JSON values of a :class:`RankerCard`.
            hybrid: what is corrected.
            songs: static features, in the order of the catalogue.

        Raises:
            ArtifactError: if the file is missing, or does not fit card or songs.
            BundleCorruptError: if it is not the file that the card describes.
        """
        try:
            values = RankerCard.parse(dict(card), origin="card of the ranker")
        except ConfigError as exc:
            raise BundleCorruptError(f"{exc}: train again by `attune train recommender`") from exc
        if not path.is_file():
            raise ArtifactError(f"no ranker at {path}: train and publish a run first")
        stored = path.read_bytes()
        if hashlib.sha256(stored).hexdigest() != values.sha256:
            raise BundleCorruptError(f"{path} is not the network that its card describes")
        return cls(hybrid, Network(stored), values, songs)

    def with_songs(self, songs: SongFeatures) -> DeepRanker:
        """Return the same ranker over a longer catalogue."""
        return DeepRanker(self._hybrid, self._network, self.card, songs)

    def with_hybrid(self, hybrid: CandidateRanker) -> DeepRanker:
        """Return the same network as a correction of another hybrid."""
        return DeepRanker(hybrid, self._network, self.card, self._songs)

    def __call__(
        self, context: Context, songs: IntArray, parts: Mapping[str, FloatArray]
    ) -> ItemList:
        """Score candidates; see :class:`recommender.stages.CandidateRanker`."""
        items = self._hybrid(context, songs, parts)
        if not len(items):
            return items
        added = self._correction(context, items, parts)
        evidence: dict[str, FloatArray] = {**items.evidence, DEEP: added}
        return ItemList(items.songs, (items.scores + added).astype(np.float32), evidence)

    def _correction(
        self, context: Context, items: ItemList, parts: Mapping[str, FloatArray]
    ) -> FloatArray:
        if context.text is not None:
            return np.zeros(len(items), dtype=np.float32)
        blend = items.scores
        if not self.card.moods:  # it was trained on taste alone, and corrects taste alone
            blend = blend - items.evidence.get("mood", np.zeros_like(blend))
            context = Context(context.songs, context.weights)
        features = self._layout.build(context, items.songs, parts, blend, self._songs)
        return self._network(scaled(features, self.card.scaling))
