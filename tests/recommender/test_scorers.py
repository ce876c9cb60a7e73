"""The scorers of a model together: one for each name, kept by its file, widened by newcomers."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from data.errors import ConfigError
from data.types import Mood, Song
from recommender.catalogue import Catalogue
from recommender.config import LISTENING, PipelineConfig
from recommender.model import RecommenderModel
from recommender.query import MoodTarget
from tests.recommender import toys
from tests.recommender.candidates.contract import listener

EVERY = toys.config().model_copy(update={"listening": tuple(LISTENING)})
TARGET = MoodTarget(Mood(0.8, -0.5), Mood(0.8, -0.5), "match", 1.0)


@pytest.fixture(scope="module")
def model() -> RecommenderModel:
    return toys.model(EVERY)


def test_every_scorer_has_a_name_of_its_own(model: RecommenderModel) -> None:
    names = [scorer.name for scorer in model.scorers]
    assert len(set(names)) == len(names)
    assert set(names) == {*LISTENING, "popular", "recent", "content", "mood", "popular_mood"}
    kinds = {name: model.kind_of(name) for name in model.taste}
    assert {name for name, kind in kinds.items() if kind == "collaborative"} == set(LISTENING)
    assert (kinds["popular"], kinds["recent"], kinds["content"]) == ("popular",) * 2 + ("content",)


def test_the_file_keeps_every_scorer_and_its_settings(
    model: RecommenderModel, tmp_path: Path
) -> None:
    model.save(tmp_path / "recommender.npz")
    again = RecommenderModel.load(tmp_path / "recommender.npz")
    assert again.config == model.config
    context = listener(0, 2, 5, target=TARGET)
    for was, now in zip(model.scorers, again.scorers, strict=True):
        assert now.name == was.name
        np.testing.assert_allclose(now(context), was(context), rtol=5e-3, atol=5e-3)


def test_newcomers_widen_every_scorer_and_change_no_score(model: RecommenderModel) -> None:
    """Songs without a word, a tag or a listener; only their mood is known."""
    songs = [Song(f"n{i}", "New", f"Newcomer {i}", valence=0.8, arousal=-0.5) for i in range(3)]
    wider = model.with_songs(songs, np.full((3, 4), np.nan, dtype=np.float32))
    context = listener(0, 2, 5, target=TARGET)
    for was, now in zip(model.scorers, wider.scorers, strict=True):
        scores = now(context)
        np.testing.assert_array_equal(scores[: toys.SONGS], was(context))
        assert np.isfinite(scores[toys.SONGS :]).all() == (now.name == "mood")


def test_only_the_scorers_that_are_named_take_part() -> None:
    few = toys.model(toys.config().model_copy(update={"listening": ("ease",)}))
    assert [*few.taste] == ["popular", "recent", "ease", "content"]


def test_pipeline_settings_survive_toml() -> None:
    assert PipelineConfig.parse(tomllib.loads(EVERY.to_toml())) == EVERY


@pytest.mark.parametrize("names", [["ials", "svd"], ["ials", "ials"]])
def test_unknown_or_repeated_scorers_are_refused(names: list[str]) -> None:
    with pytest.raises(ConfigError, match=r"listening.*ials_terms"):
        PipelineConfig.parse({"listening": names})


def test_listening_neighbours_come_from_factors_and_nan_where_nothing_knows_a_song(
    model: RecommenderModel,
) -> None:
    near = model.listening_neighbours(0)
    assert near[2::2].min() > near[1::2].max()
    without = replace(model, listening=())
    assert np.isnan(without.listening_neighbours(0)).all()


def test_one_artist_in_two_spellings_has_one_code() -> None:
    songs = [Song("a", "A", "Drake"), Song("b", "B", "drake"), Song("c", "C", "Nick Drake")]
    codes = Catalogue.from_songs(songs).artist_codes
    assert codes[0] == codes[1] != codes[2]
