"""Tuning, training and updating on the checkerboard: alike for all parts, the same every time."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from data.errors import ConfigError, TrainingError
from data.types import Song
from recommender.bootstrap import build_pipeline
from recommender.candidates.factors import IalsConfig
from recommender.candidates.popularity import RecentConfig
from recommender.candidates.session import SessionConfig
from recommender.catalogue import Catalogue
from recommender.config import RecommenderConfig, TextConfig
from recommender.dataset import TrainingData
from recommender.deep.config import DeepConfig
from recommender.fitting import listening_of
from recommender.model import RecommenderModel
from recommender.query import Query
from recommender.splits import split_of
from recommender.training import train_recommender, update_recommender, write_run, write_tuning
from recommender.tuning import Tuned, settings, tune_split
from tests.recommender import toys

PARTS = ("ials", "ials_terms", "item_knn", "ease", "session")
CONFIG = RecommenderConfig(
    trials=2,
    cutoff=5,
    pipeline=toys.config().model_copy(update={"listening": PARTS}),
    deep=DeepConfig(enabled=False),
)


def stored(model: RecommenderModel, path: Path) -> bytes:
    model.save(path)
    return path.read_bytes()


def test_same_seed_same_file_and_another_seed_another(tmp_path: Path) -> None:
    data = toys.training_data()
    first, second = (train_recommender(CONFIG, data).model for _ in range(2))
    assert first.config == second.config
    assert stored(first, tmp_path / "a") == stored(second, tmp_path / "b")
    other = train_recommender(CONFIG.model_copy(update={"seed": 5}), data).model
    assert stored(other, tmp_path / "c") != stored(first, tmp_path / "a")


def test_every_part_gets_as_many_settings_and_the_best_one_is_taken() -> None:
    found = train_recommender(CONFIG, toys.training_data())
    parts = found.tuning["parts"]
    assert set(parts) == {*CONFIG.pipeline.listening, "content", "recent"}
    for name, tried in parts.items():
        assert len(tried) == CONFIG.trials
        start = getattr(CONFIG.pipeline, name).model_dump()
        assert {k: v for k, v in tried[0].items() if k != "ndcg"} == start
        best = max(tried, key=lambda one: float(one["ndcg"]))
        assert getattr(found.model.config, name).model_dump().items() <= best.items()


def test_what_the_blend_gives_no_weight_is_not_served() -> None:
    found = train_recommender(CONFIG, toys.training_data()).model
    assert set(found.config.listening) == set(found.config.blend.weights) & set(
        CONFIG.pipeline.listening
    )
    assert {scorer.name for scorer in found.listening} == set(found.config.listening)
    assert build_pipeline(found).recommend(Query("u", n=3), toys.history()).songs


@pytest.mark.parametrize("first", [IalsConfig(), SessionConfig(window=4), RecentConfig()])
def test_settings_are_drawn_without_return_the_configured_ones_first(
    first: IalsConfig | SessionConfig | RecentConfig,
) -> None:
    drawn = settings(first, 6, 1)
    assert drawn[0] == first
    assert len(set(map(repr, drawn))) == len(drawn) == 6
    assert drawn == settings(first, 6, 1)
    for one in drawn[1:]:
        assert all(getattr(one, field) in values for field, values in first.grid.items())
    assert settings(first, 1, 1) == [first]


def test_no_grid_no_other_settings() -> None:
    """And a small grid is tried once, not over and over."""
    assert settings(TextConfig(), 9, 1) == [TextConfig()]
    assert len(settings(RecentConfig(half_life=1.5), 99, 1)) == 7
    assert len(settings(RecentConfig(half_life=30.0), 99, 1)) == 6


def test_reranking_keeps_to_its_budget_and_takes_the_most_diverse() -> None:
    frugal, generous = (
        train_recommender(CONFIG.model_copy(update={"accuracy_budget": b}), toys.training_data())
        for b in (0.0, 0.9)
    )
    cheap, dear = frugal.tuning["reranking"], generous.tuning["reranking"]
    assert cheap["ndcg"] == cheap["ndcg_best"]
    assert dear["ndcg"] >= 0.1 * dear["ndcg_best"]
    assert dear["diversity_within"] >= cheap["diversity_within"]
    assert frugal.model.config.reranking.diversity == cheap["diversity"]


def test_with_nothing_to_tune_on_the_configured_settings_are_kept() -> None:
    """One song a listener: there is none to hold out. Even where the blend names other parts."""
    data = toys.training_data()
    first = np.unique(data.interactions.user, return_index=True)[1]
    few = replace(data, interactions=data.interactions.take(first))
    config = CONFIG.model_copy(
        update={"pipeline": toys.config().model_copy(update={"listening": ("ease",)})}
    )
    told: list[str] = []
    found = train_recommender(config, few, told.append)
    assert found.tuning == {"users": 0}
    assert "too few events" in told[0]
    assert found.model.config.blend == config.pipeline.blend
    assert build_pipeline(found.model).recommend(Query("u", n=5), toys.history()).songs


def test_the_test_part_of_a_split_is_not_looked_at() -> None:
    """Other test events, same tuning; descriptions are asked for without what is held out."""
    data = toys.training_data()
    split = split_of(CONFIG.split, data.interactions, 1)
    asked: list[int] = []

    def source(hidden: object) -> TrainingData:
        assert isinstance(hidden, tuple)
        asked.extend(len(one) for one in hidden)
        return data

    first = tune_split(CONFIG, source, split, 1)
    assert asked == [len(split.validation), len(split.test)]
    silent = split.test.take(np.zeros(len(split.test), dtype=np.bool_))
    unseen = replace(split, test=silent, rest=split.train, test_given=split.train)
    assert tune_split(CONFIG, source, unseen, 1) == first


def test_order_and_ages_come_from_the_times_of_each_listener() -> None:
    data = toys.training_data()
    catalogue = Catalogue.from_songs(data.songs)
    backwards = replace(data.interactions, at=-86400.0 * data.interactions.at)
    found = listening_of(backwards, catalogue, data.songs)
    assert found.user.tolist() == sorted(found.user.tolist())
    for user in (0, 7):
        own = data.interactions.item[data.interactions.user == user]
        assert found.song[found.user == user].tolist() == own[::-1].tolist()
    # One event a day: the newest is of listener 0, the oldest as many days ago as there are more.
    assert found.age[found.user == 0].min() == 0
    assert found.age.max() == len(data.interactions) - 1
    assert found.matrix.nnz == len(data.interactions)


def test_what_was_only_skipped_is_not_listening() -> None:
    data = toys.training_data()
    weight = data.interactions.weight.copy()
    weight[::2] = 0
    found = listening_of(
        replace(data.interactions, weight=weight), Catalogue.from_songs(data.songs), data.songs
    )
    assert len(found.user) == found.matrix.nnz == int((weight > 0).sum())


def test_an_update_keeps_settings_and_lists_and_places_what_is_new() -> None:
    """A day later a new song has listeners among those of folk."""
    data = toys.training_data()
    old = train_recommender(CONFIG, data).model
    same = update_recommender(old, data, CONFIG.seed).model
    assert same.config == old.config
    before, after = (
        [s.song_id for s in build_pipeline(m).recommend(Query("u", n=8), toys.history()).songs]
        for m in (old, same)
    )
    assert set(before) == set(after) == {f"s{i:02d}" for i in range(8, toys.SONGS, 2)}
    more = with_a_new_song(data)
    report: list[str] = []
    fitted = update_recommender(old, more, CONFIG.seed, report.append)
    new = fitted.model
    assert fitted.tuning["updated"] == [n for n in sorted(old.config.listening) if "ials" in n]
    assert len(report) == len(fitted.tuning["updated"])
    assert new.popularity.listeners(toys.SONGS) == 10
    answer = build_pipeline(new).recommend(Query("u", n=9), toys.history())
    assert "new" in {s.song_id for s in answer.songs}


def with_a_new_song(data: TrainingData) -> TrainingData:
    song = Song("new", "New", "Newcomer", genre="folk")
    users = np.arange(0, 20, 2)
    at = data.interactions
    return replace(
        data,
        songs=(*data.songs, song),
        lyrics=np.vstack([data.lyrics, np.full((1, 384), np.nan, np.float32)]),
        interactions=replace(
            at,
            item_ids=(*at.item_ids, "new"),
            user=np.concatenate([at.user, users]),
            item=np.concatenate([at.item, np.full(10, toys.SONGS)]),
            weight=np.concatenate([at.weight, np.ones(10, np.float32)]),
            at=np.concatenate([at.at, np.full(10, 1e3)]),
        ),
    )


def test_run_folder_holds_all_that_a_bundle_needs(tmp_path: Path) -> None:
    data = toys.training_data()
    write_run(tmp_path, CONFIG, data, train_recommender(CONFIG, data))
    record = json.loads((tmp_path / "record.json").read_text())
    assert record["kind"] == "recommender"
    assert record["data"]["songs"] == toys.SONGS
    assert record["data"]["songs_with_lyrics"] == toys.SONGS - 1
    assert RecommenderConfig.from_toml(tmp_path / "config.toml") == CONFIG
    model = RecommenderModel.load(tmp_path / "recommender.npz")
    assert len(model.catalogue) == toys.SONGS
    assert record["chosen"] == model.config.model_dump(mode="json")
    assert (tmp_path / "lyrics_pca.npz").exists()


def test_tuned_settings_are_a_configuration_that_tunes_no_more(tmp_path: Path) -> None:
    data = toys.training_data()
    split = split_of(CONFIG.split, data.interactions, 1)
    tuned = tune_split(CONFIG, lambda hidden: data, split, 1)
    write_tuning(tmp_path, CONFIG, tuned)
    again = RecommenderConfig.from_toml(tmp_path / "tuned.toml")
    assert again == CONFIG.model_copy(update={"pipeline": tuned.served(), "trials": 1})
    assert json.loads((tmp_path / "tuning.json").read_text())["users"] == toys.USERS
    assert isinstance(tuned, Tuned)


def test_nothing_played_is_an_error_that_says_what_to_do() -> None:
    data = toys.training_data()
    silent = replace(data.interactions, weight=np.zeros_like(data.interactions.weight))
    nobody = replace(data, interactions=silent)
    with pytest.raises(TrainingError, match="attune ingest listens"):
        train_recommender(CONFIG, nobody)
    with pytest.raises(TrainingError, match="attune ingest listens"):
        update_recommender(toys.model(), nobody, 1)


def test_unknown_and_out_of_range_settings_are_named(tmp_path: Path) -> None:
    path = tmp_path / "c.toml"
    path.write_text("seed = 1\ntrails = 3\n[pipeline.blend]\nfresh = -1\n")
    with pytest.raises(ConfigError, match="trails") as caught:
        RecommenderConfig.from_toml(path)
    assert "pipeline.blend.fresh" in str(caught.value)
