"""Training and evaluation on the checkerboard: deterministic, never below its parts."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from data.errors import ConfigError, TrainingError
from recommender.catalogue import Catalogue
from recommender.config import RecommenderConfig
from recommender.evaluation import evaluate_recommender, write_evaluation
from recommender.model import RecommenderModel
from recommender.ranking import cases
from recommender.training import train_recommender, write_run
from tests.recommender import toys

CONFIG = RecommenderConfig(trials=2, cutoff=5, pipeline=toys.config())


def test_same_seed_same_model_and_another_seed_another() -> None:
    data = toys.training_data()
    first, second = (train_recommender(CONFIG, data).model for _ in range(2))
    np.testing.assert_array_equal(
        first.collaborative.arrays()["item_factors"], second.collaborative.arrays()["item_factors"]
    )
    assert first.config == second.config
    other = train_recommender(CONFIG.model_copy(update={"seed": 5}), data).model
    assert not np.array_equal(
        first.collaborative.arrays()["item_factors"], other.collaborative.arrays()["item_factors"]
    )


def test_tuned_blend_is_at_least_its_best_part_on_validation() -> None:
    tuning = train_recommender(CONFIG, toys.training_data()).tuning
    parts = [max(t["ndcg"] for t in tuning[k]) for k in ("collaborative", "content")]
    assert tuning["blend"]["ndcg"] >= max(parts) - 1e-9


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


def test_evaluation_beats_popularity_on_the_checkerboard(tmp_path: Path) -> None:
    evaluation = evaluate_recommender(CONFIG, toys.training_data())
    write_evaluation(evaluation, tmp_path)
    systems = json.loads((tmp_path / "metrics.json").read_text())["systems"]
    # Half of the catalogue is of the other group, so popularity wastes half of its places.
    assert systems["hybrid"]["ndcg"]["mean"] > systems["popularity"]["ndcg"]["mean"] + 0.2
    assert systems["hybrid"]["ndcg_over_popularity"]["low"] > 0
    assert 0 < systems["popularity"]["coverage"] <= systems["hybrid"]["coverage"] <= 1
    assert "| popularity |" in (tmp_path / "report.md").read_text()
    assert (tmp_path / "ndcg.png").read_bytes().startswith(b"\x89PNG")


def test_contexts_are_oldest_first() -> None:
    data = toys.training_data()
    catalogue = Catalogue.from_songs(data.songs)
    backwards = replace(data.interactions, at=-data.interactions.at)
    forth = cases(data.interactions, data.interactions, catalogue)
    back = cases(backwards, data.interactions, catalogue)
    assert len(forth) == toys.USERS
    for a, b in zip(forth, back, strict=True):
        assert list(a.context.songs) == list(b.context.songs[::-1])
        assert a.relevant == b.relevant == set(a.context.songs.tolist())


def test_evaluation_is_repeatable() -> None:
    first, second = (evaluate_recommender(CONFIG, toys.training_data()) for _ in range(2))
    assert first.table == second.table
    assert first.setting == second.setting


def test_run_folder_holds_all_that_a_bundle_needs(tmp_path: Path) -> None:
    data = toys.training_data()
    write_run(tmp_path, CONFIG, data, train_recommender(CONFIG, data))
    record = json.loads((tmp_path / "record.json").read_text())
    assert record["kind"] == "recommender"
    assert record["data"]["songs"] == toys.SONGS
    assert record["data"]["songs_with_lyrics"] == toys.SONGS - 1
    assert RecommenderConfig.from_toml(tmp_path / "config.toml") == CONFIG
    assert len(RecommenderModel.load(tmp_path / "recommender.npz").catalogue) == toys.SONGS
    assert (tmp_path / "lyrics_pca.npz").exists()


def test_nothing_played_is_an_error_that_says_what_to_do() -> None:
    data = toys.training_data()
    silent = replace(data.interactions, weight=np.zeros_like(data.interactions.weight))
    with pytest.raises(TrainingError, match="attune ingest listens"):
        train_recommender(CONFIG, replace(data, interactions=silent))


def test_unknown_and_out_of_range_settings_are_named(tmp_path: Path) -> None:
    path = tmp_path / "c.toml"
    path.write_text("seed = 1\ntrails = 3\n[pipeline.blend]\ncontent = -1\n")
    with pytest.raises(ConfigError, match="trails") as caught:
        RecommenderConfig.from_toml(path)
    assert "pipeline.blend.content" in str(caught.value)
