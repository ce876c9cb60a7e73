"""What emotions add to the scores without emotion, as parts of one more blend."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from data.datasets.situations import EmotionPosts, Posts
from data.types import FloatArray, IntArray
from recommender.emotion.blend import Choices, Parts, draw_choices
from recommender.emotion.config import EmotionTrial, ResponseConfig
from recommender.emotion.listening import ListeningModel
from recommender.emotion.personal import PersonalHistory, emotion_likeness, split_histories
from recommender.emotion.protocol import Queries, mask_history, measure
from recommender.emotion.response import describe_songs, fit_response, shrunk_lift
from recommender.metrics import Values

#: Below this share of a large score the logarithm of a personal score says no more.
_LEAST = 0.05


@dataclass(frozen=True)
class Audience:
    """Queries, and what their users' songs are worth without emotion.

    Attributes:
        queries: of the users.
        history: csr_matrix (all users, songs), what is not ranked.
        logits: float32 (users of the queries, songs).
    """

    queries: Queries
    history: csr_matrix
    logits: FloatArray

    @classmethod
    def listen(cls, queries: Queries, history: csr_matrix, model: ListeningModel) -> Audience:
        """Score the users of ``queries`` without emotion."""
        return cls(queries, history, model.logits(history[queries.users]))

    def plain(self, block: IntArray) -> FloatArray:
        """Return what is known without emotion, float32 (1, n, songs)."""
        return self.logits[self.queries.row[block]][None]

    def choices(self, parts: Parts, candidates: int, seed: int) -> Choices:
        """Collect the relevant songs' parts, see :func:`recommender.emotion.blend.draw_choices`."""
        return draw_choices(self.queries, parts, self.history, candidates, seed)

    def measure(
        self, parts: Parts, weights: NDArray[np.float64], cutoffs: tuple[int, ...]
    ) -> dict[str, Values]:
        """Rank by the weighted sum of the parts, and measure."""

        def scores(block: IntArray) -> FloatArray:
            found = np.tensordot(weights.astype(np.float32), parts(block), 1)
            mask_history(found, self.history, self.queries.users[self.queries.row[block]])
            return np.asarray(found, dtype=np.float32)

        return measure(self.queries, scores, cutoffs)


@dataclass(frozen=True)
class EmotionParts:
    """The fitted emotion side of one trial.

    Attributes:
        tables: each float32 (emotions, songs), log lifts.
        likeness: float32 (emotions, emotions) where own songs count by emotion, else None.
    """

    tables: tuple[FloatArray, ...]
    likeness: FloatArray | None

    def of(
        self, audience: Audience, personal: PersonalHistory | None, unit: float, emotion: IntArray
    ) -> Parts:
        """Return the parts of the blend: without emotion, the tables, and own songs.

        Args:
            audience: whose queries they are.
            personal: of the audience's users, or None.
            unit: a large score of the factors.
            emotion: int64 (queries,), in place of the audience's own where it is a control.
        """

        def parts(block: IntArray) -> FloatArray:
            now = emotion[block]
            found = [audience.plain(block)[0], *(table[now] for table in self.tables)]
            if personal is not None:
                own = personal.scores(audience.queries.row[block], now) / np.float32(unit)
                found += [own, np.log(np.maximum(own, 0) + np.float32(_LEAST))]
            return np.stack(found)

        return parts


@dataclass(frozen=True)
class EmotionLearner:
    """Fits emotion parts to posts.

    Attributes:
        data: sizes and sound; its training posts may have their emotions permuted.
        model: of the scores without emotion.
        history: csr_matrix (users, songs).
    """

    data: EmotionPosts
    model: ListeningModel
    history: csr_matrix
    _fitted: dict[ResponseConfig, FloatArray] = field(default_factory=dict)

    @property
    def counts(self) -> NDArray[np.float64]:
        """float64 (emotions, songs): posts."""
        found = np.zeros((self.data.emotions, self.data.songs))
        np.add.at(found, (self.data.train.emotion, self.data.train.song), 1)
        return found

    def permuted(self, rng: np.random.Generator) -> EmotionLearner:
        """Return a learner of the same posts with their emotions exchanged among them."""
        train = self.data.train
        posts = Posts(train.user, train.song, rng.permutation(train.emotion))
        return EmotionLearner(replace(self.data, train=posts), self.model, self.history)

    def fit(self, trial: EmotionTrial) -> EmotionParts:
        """Fit what the trial asks for."""
        tables = []
        if trial.response is not None:
            tables.append(self._response(trial.response))
        if trial.lift is not None:
            tables.append(shrunk_lift(self.counts, trial.lift))
        if not trial.personal:
            return EmotionParts(tuple(tables), None)
        plays = self.counts.sum(axis=0)
        alike = emotion_likeness(tables[0], plays) if tables else np.eye(self.data.emotions)
        return EmotionParts(tuple(tables), np.asarray(alike, dtype=np.float32))

    def personal(self, parts: EmotionParts, users: IntArray) -> PersonalHistory | None:
        """Take the histories of ``users`` apart where the parts want it."""
        if parts.likeness is None:
            return None
        return split_histories(
            self.model.factors, self.history, self.data.train, users, parts.likeness
        )

    def parts(
        self, fitted: EmotionParts, audience: Audience, emotion: Mapping[str, IntArray]
    ) -> dict[str, Parts]:
        """Return the blend's parts under each of several assignments of emotions to queries."""
        personal = self.personal(fitted, audience.queries.users)
        unit = self.model.units["ials"]
        return {name: fitted.of(audience, personal, unit, one) for name, one in emotion.items()}

    def _response(self, config: ResponseConfig) -> FloatArray:
        if config not in self._fitted:
            counts = self.counts
            features = describe_songs(
                self.model.factors.factors, self.data.sound, counts.sum(axis=0), config
            )
            self._fitted[config] = fit_response(counts, features, config).table()
        return self._fitted[config]
