"""The deep ranker within a training run: fitted on refitted parts, stored, served, or left out."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from data.errors import ArtifactError
from data.interactions import Interactions
from recommender.bootstrap import build_pipeline
from recommender.config import RecommenderConfig
from recommender.dataset import TrainingData
from recommender.deep.config import DeepConfig, DeepRankerConfig, FeatureGroups
from recommender.deep.serving import CARD, NETWORK, ModelRanker, load_ranker
from recommender.deep.stacking import stacked_cases
from recommender.evaluation import evaluate_recommender
from recommender.model import FILE_NAME, RecommenderModel
from recommender.query import Query
from recommender.scoring.hybrid import HybridScorer
from recommender.training import train_recommender, write_run
from tests.recommender import toys

SMALL = DeepRankerConfig(
    groups=FeatureGroups(popularity=False, recency=False, mood=False, factors=False),
    hidden=(4,),
    epochs=2,
    folds=2,
    rounds=100,
)
CONFIG = RecommenderConfig(
    trials=1, cutoff=5, pipeline=toys.config(), deep=DeepConfig(fits=1, tag_size=2, ranker=SMALL)
)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    write_run(folder, CONFIG, toys.training_data(), train_recommender(CONFIG, toys.training_data()))
    return folder


def switched_on(run: Path, folder: Path) -> Path:
    """A copy of the run whose card says that the ranker is on."""
    for file in run.iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    card = json.loads((folder / CARD).read_text())
    (folder / CARD).write_text(json.dumps({**card, "enabled": True}))
    return folder


def test_a_run_records_the_verdict_with_its_interval(run: Path) -> None:
    verdict = json.loads((run / "record.json").read_text())["deep_ranker"]
    card = json.loads((run / CARD).read_text())
    assert verdict.startswith("on: " if card["enabled"] else "off: ")
    assert f"{card['comparison']['low']:+.4f}" in verdict
    assert card["enabled"] == (card["comparison"]["low"] > 0)


def test_a_ranker_that_is_off_is_not_served(run: Path, tmp_path: Path) -> None:
    folder = switched_on(run, tmp_path)
    card = json.loads((folder / CARD).read_text())
    (folder / CARD).write_text(json.dumps({**card, "enabled": False}))
    model = RecommenderModel.load(folder / FILE_NAME)
    hybrid = HybridScorer.of(model.config)
    assert load_ranker(folder, model, hybrid) is hybrid


def test_a_ranker_that_is_on_adds_its_evidence_to_the_hybrids(run: Path, tmp_path: Path) -> None:
    folder = switched_on(run, tmp_path)
    model = RecommenderModel.load(folder / FILE_NAME)
    pipeline = build_pipeline(model, folder=folder)
    context = pipeline.context(toys.history(), Query("new"))
    items = pipeline.candidates(context, context.songs, 5)
    plain = build_pipeline(model).candidates(context, context.songs, 5)
    hybrid = dict(zip(plain.songs.tolist(), plain.scores.tolist(), strict=True))
    without = items.scores - items.evidence["deep"]
    np.testing.assert_allclose(without, [hybrid[s] for s in items.songs.tolist()], atol=1e-5)


def test_it_follows_songs_that_come_later(run: Path, tmp_path: Path) -> None:
    folder = switched_on(run, tmp_path)
    pipeline = build_pipeline(RecommenderModel.load(folder / FILE_NAME), folder=folder)
    song = replace(toys.songs()[0], id="late", title="Late")
    model = pipeline.model.with_songs([song], np.full((1, 4), np.nan, dtype=np.float32))
    later = pipeline.with_model(model)
    assert isinstance(later.ranker, ModelRanker)
    found = later.recommend(Query("new", n=25), toys.history())
    assert "late" in {s.song_id for s in found.songs}


def test_a_network_that_was_exchanged_is_refused(run: Path, tmp_path: Path) -> None:
    folder = switched_on(run, tmp_path)
    (folder / NETWORK).write_bytes(b"something else")
    model = RecommenderModel.load(folder / FILE_NAME)
    with pytest.raises(ArtifactError, match="not the network"):
        load_ranker(folder, model, HybridScorer.of(model.config))


def test_cases_come_from_parts_that_have_not_seen_what_is_to_be_found() -> None:
    data = toys.training_data()
    cases = stacked_cases(
        toys.config(), lambda hidden: data, data.interactions, 1, 50, 3, lambda line: None
    )
    matrix = data.interactions.matrix()
    assert cases
    for case in cases:
        to_find = case.songs[case.relevant]
        assert not set(to_find.tolist()) & set(case.context.songs.tolist())
        assert matrix[case.user, to_find].toarray().all()


def test_not_asked_for_there_is_none() -> None:
    config = CONFIG.model_copy(update={"deep": DeepConfig(enabled=False)})
    fitted = train_recommender(config, toys.training_data())
    assert fitted.ranker is None
    assert fitted.verdict == "off: not asked for"


def test_in_an_evaluation_no_song_is_described_by_the_test_pairs() -> None:
    asked: list[Sequence[Interactions]] = []

    def source(hidden: Sequence[Interactions]) -> TrainingData:
        asked.append(hidden)
        return toys.training_data()

    evaluate_recommender(CONFIG, source)
    whole, tuning, final, *stacked = asked
    assert (len(whole), len(final), len(stacked)) == (0, 1, CONFIG.deep.fits)
    (test,) = final
    for hidden in (tuning, *stacked):
        assert any(part is test for part in hidden)
        assert len(hidden) == 2
