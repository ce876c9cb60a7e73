"""What holds for every scorer; the tests of each inherit it."""

from __future__ import annotations

import io
import tomllib
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar, Protocol

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from data.config import FrozenConfig
from data.types import FloatArray, IntArray
from recommender.candidates.listening import Listening, ListeningConfig, ListeningScorer
from recommender.catalogue import Catalogue
from recommender.fitting import listening_of
from recommender.query import MoodTarget
from recommender.stages import Arrays, Context, Scorer, top_positions
from tests.recommender import toys

EMPTY = Context(np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.float32))
EVEN, ODD = set(range(0, toys.SONGS, 2)), set(range(1, toys.SONGS, 2))
#: Two listeners of three play songs 0 and 1, song 2 has three listeners, and so on.
SMALL = np.array([[1, 1, 0, 0], [1, 1, 1, 0], [0, 0, 1, 1], [0, 1, 1, 1], [1, 0, 0, 0]], np.float32)


def listener(*songs: int, target: MoodTarget | None = None) -> Context:
    """Somebody who played each of these songs once, oldest first."""
    return Context(np.array(songs, np.int64), np.ones(len(songs), np.float32), target)


class Explains(Protocol):
    """The part of a scorer that tells which songs of a history speak for a song."""

    def influences(self, context: Context, songs: IntArray) -> FloatArray | None: ...


def influence(scorer: Explains, context: Context, song: int) -> FloatArray:
    """How much each song of a history speaks for one song, float32 (h,)."""
    found = scorer.influences(context, np.array([song]))
    assert found is not None
    return np.asarray(found[0])


def toy_listening() -> Listening:
    """Who plays what on the checkerboard."""
    songs = toys.songs()
    return listening_of(toys.interactions(), Catalogue.from_songs(songs), songs)


def listening_to(
    matrix: np.ndarray, plays: Sequence[tuple[int, int, float]] = (), terms: Any = None
) -> Listening:
    """Wrap a dense matrix, and plays as (user, song, age in days), a user's oldest first."""
    user, song = (np.array([p[i] for p in plays], dtype=np.int64) for i in (0, 1))
    age = np.array([p[2] for p in plays], dtype=np.float64)
    return Listening(csr_matrix(matrix, dtype=np.float32), user, song, age, terms)


def through_a_file(arrays: Arrays) -> Arrays:
    """Write arrays into an npz and read them back; nothing may need pickle."""
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)  # type: ignore[arg-type]
    buffer.seek(0)
    with np.load(buffer, allow_pickle=False) as stored:
        return {name: stored[name] for name in stored.files}


class ScorerContract(ABC):
    """What holds for every scorer."""

    config: ClassVar[FrozenConfig | None] = None
    name: ClassVar[str]
    #: Of whom all scores are compared.
    asked: ClassVar[Context] = listener(0, 2, 4, 6)

    @abstractmethod
    def fitted(self) -> Scorer:
        """Return a scorer fitted on the checkerboard."""

    @abstractmethod
    def restored(self, arrays: Arrays) -> Scorer:
        """Rebuild a scorer."""

    def test_is_fitted_and_has_its_name(self) -> None:
        assert self.fitted().is_fitted
        assert self.fitted().name == self.name

    def test_scores_every_song_as_float32(self) -> None:
        scores = self.fitted()(self.asked)
        assert scores.shape == (toys.SONGS,)
        assert scores.dtype == np.float32
        assert np.isfinite(scores).any()

    def test_empty_history_is_no_error(self) -> None:
        assert self.fitted()(EMPTY).shape == (toys.SONGS,)

    def test_many_at_once_are_scored_as_one_by_one(self) -> None:
        scorer = self.fitted()
        contexts = [self.asked, EMPTY, listener(1), listener(3, 0, 8), self.asked]
        many = scorer.score_many(contexts)
        assert many.dtype == np.float32
        single = np.stack([scorer(context) for context in contexts])
        np.testing.assert_allclose(many, single, rtol=1e-5, atol=1e-6)

    def test_fitted_twice_same_scores(self) -> None:
        first, second = self.fitted(), self.fitted()
        np.testing.assert_array_equal(first(self.asked), second(self.asked))

    def test_storing_keeps_every_score(self) -> None:
        scorer = self.fitted()
        again = self.restored(through_a_file(scorer.arrays()))
        assert (again.name, again.kind) == (scorer.name, scorer.kind)
        np.testing.assert_allclose(again(self.asked), scorer(self.asked), rtol=2e-3, atol=1e-5)

    def test_config_survives_toml_and_refuses_unknown_keys(self) -> None:
        if self.config is None:
            return
        again = type(self.config).parse(tomllib.loads(self.config.to_toml()))
        assert again == self.config
        with pytest.raises(ValueError, match="colour"):
            type(self.config).model_validate({"colour": 1})


class ListeningContract(ScorerContract):
    """What holds for every scorer of who listens to what."""

    config: ClassVar[ListeningConfig]
    #: Whether it can tell what of a history speaks for a song, and how nearly.
    explains: ClassVar[bool] = True
    slack: ClassVar[float] = 1e-5

    def fitted(self) -> ListeningScorer:
        return self.config.fit(toy_listening(), 3)

    def restored(self, arrays: Arrays) -> ListeningScorer:
        return self.config.restore(arrays)

    def test_finds_the_other_songs_of_the_group(self) -> None:
        for songs, group in (((0, 2, 4, 6), EVEN), ((1, 3, 5, 7), ODD)):
            scores = self.fitted()(listener(*songs))
            scores[[*songs]] = np.nan
            assert set(top_positions(scores, 8).tolist()) == group - {*songs}

    def test_empty_and_unknown_histories_cannot_be_scored(self) -> None:
        scorer = self.without_song_7()
        assert np.isnan(scorer(EMPTY)).all()
        assert np.isnan(scorer(listener(7))).all()

    def test_a_song_nobody_played_cannot_be_scored_and_says_nothing(self) -> None:
        scorer = self.without_song_7()
        assert np.isnan(scorer(self.asked)[7])
        np.testing.assert_array_equal(scorer(listener(0, 7, 2)), scorer(listener(0, 2)))

    def without_song_7(self) -> ListeningScorer:
        found = toy_listening()
        matrix = found.matrix.tolil()
        matrix[:, 7] = 0
        keep = found.song != 7
        parts = (found.user[keep], found.song[keep], found.age[keep])
        return self.config.fit(Listening(csr_matrix(matrix), *parts), 3)

    def test_songs_that_come_later_change_nothing(self) -> None:
        scorer = self.fitted()
        wider = scorer.with_songs(toys.SONGS + 3)
        scores = wider(listener(0, 2, toys.SONGS + 1, 4, 6))
        assert scores.shape == (toys.SONGS + 3,)
        assert np.isnan(scores[toys.SONGS :]).all()
        same = wider(self.asked)[: toys.SONGS]
        np.testing.assert_array_equal(same, scorer(self.asked))
        assert np.isnan(wider(listener(toys.SONGS))).all()

    def test_an_influence_is_what_is_lost_without_the_song(self) -> None:
        scorer = self.fitted()
        asked = listener(0, 3, 4, 9, 12)
        for song in (8, 10, 9):
            parts = influence(scorer, asked, song)
            assert parts.shape == (5,)
            if not self.explains:
                assert not parts.any()
                continue
            lesser = [
                Context(np.delete(asked.songs, i), np.delete(asked.weights, i)) for i in range(5)
            ]
            falls = scorer(asked)[song] - scorer.score_many(lesser)[:, song]
            np.testing.assert_allclose(parts, falls, rtol=1e-4, atol=self.slack)

    def test_a_song_that_is_not_known_has_no_part_in_it(self) -> None:
        parts = influence(self.without_song_7(), listener(1, 7, 3), 9)
        assert parts[1] == 0

    def test_its_grid_holds_settings_that_it_takes(self) -> None:
        assert set(self.config.grid) <= set(type(self.config).model_fields)
        for field, values in self.config.grid.items():
            assert len(set(values)) == len(values) > 1
            for value in values:
                changed = {**self.config.model_dump(), field: value}
                assert getattr(type(self.config).model_validate(changed), field) == value
