"""Training and evaluation on the checkerboard: deterministic, never below its parts."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from data.errors import ConfigError, TrainingError
from recommender.config import RecommenderConfig
from recommender.evaluation import evaluate_recommender, write_evaluation
from recommender.model import RecommenderModel
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


def test_evaluation_beats_popularity_on_the_checkerboard(tmp_path: Path) -> None:
    evaluation = evaluate_recommender(CONFIG, toys.training_data())
    write_evaluation(evaluation, tmp_path)
    metrics = json.loads((tmp_path / "metrics.json").read_text())
    systems = metrics["systems"]

    def ndcg(name: str) -> float:
        return float(systems[name]["nDCG@5"].split(" ")[0])

    # Half of the catalogue is of the other group, so popularity wastes half of its places.
    assert ndcg("hybrid") > ndcg("popularity") + 0.2
    lead = systems["hybrid"]["nDCG over popularity, paired"]
    assert float(lead.split("(")[1].split("..")[0]) > 0
    assert "| popularity |" in (tmp_path / "report.md").read_text()


def test_evaluation_is_repeatable() -> None:
    first, second = (evaluate_recommender(CONFIG, toys.training_data()) for _ in range(2))
    assert first.table.equals(second.table)
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
