"""The composition root: bundles in and out, and what stands in when something is missing."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from data.artifacts import current_bundle
from data.datasets.demo import intended_moods
from data.errors import BundleCorruptError, TrainingError
from data.settings import Settings
from data.types import Mood, UserHistory
from recommender.batch import recommend_for
from recommender.bootstrap import build_database, build_engine, install_demo_home, publish_runs
from recommender.query import Query
from recommender.training import train_recommender, write_run
from tests.recommender import toys
from tests.recommender.test_training import CONFIG


def settings_at(home: Path) -> Settings:
    return Settings(home=home, database_url=None, _env_file=None)


@pytest.fixture
def run(tmp_path: Path) -> Path:
    data = toys.training_data()
    write_run(tmp_path / "run", CONFIG, data, train_recommender(CONFIG, data))
    return tmp_path / "run"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    chosen = settings_at(tmp_path / "home")
    database = build_database(chosen)
    database.upgrade()
    database.dispose()
    return chosen


def test_without_a_bundle_expressions_are_still_read(settings: Settings) -> None:
    engine = build_engine(settings)
    assert engine.pipeline is None
    assert engine.reader is not None
    assert engine.recommend(Query("u"), UserHistory("u")).fallback == "no_model"


def test_published_run_answers_and_tells_its_origin(settings: Settings, run: Path) -> None:
    bundle = publish_runs(settings, [run])
    assert bundle.manifest["runs"]["recommender"]["seed"] == CONFIG.seed
    assert bundle.manifest["data"]["simulated"] is False
    assert {"recommender.npz", "lyrics_pca.npz", "emotion.onnx", "mood.npz"} <= set(
        bundle.manifest["files"]
    )
    engine = build_engine(settings)
    assert (engine.version, engine.catalogue) == (bundle.version, "own")
    answer = engine.recommend(Query("u", n=4), toys.history())
    assert answer.model_version == bundle.version
    assert {int(s.song_id[1:]) % 2 for s in answer.songs} == {0}


def test_unfinished_or_strange_runs_are_refused(settings: Settings, run: Path) -> None:
    (run / "record.json").unlink()
    with pytest.raises(TrainingError, match="no finished run"):
        publish_runs(settings, [run])
    (run / "record.json").write_text('{"kind": "soup"}')
    with pytest.raises(TrainingError, match="soup"):
        publish_runs(settings, [run])
    with pytest.raises(TrainingError, match="attune train recommender"):
        publish_runs(settings, [])


def test_tampered_bundle_is_refused(settings: Settings, run: Path) -> None:
    bundle = publish_runs(settings, [run])
    with (bundle.path / "recommender.npz").open("ab") as stream:
        stream.write(b"x")
    with pytest.raises(BundleCorruptError, match=r"recommender\.npz"):
        build_engine(settings)


def test_demo_lists_move_toward_the_mood(demo_settings: Settings) -> None:
    engine, database = build_engine(demo_settings), build_database(demo_settings)
    moods = intended_moods()

    def mean_valence(query: Query) -> float:
        songs = recommend_for(engine, database, query).songs
        assert len(songs) == 20
        return sum(moods[s.song_id].valence for s in songs) / 20

    for user in ("ada-007", "noor-054", "nobody-at-all"):
        plain = mean_valence(Query(user))
        assert mean_valence(Query(user, stated=Mood(0.8, 0.5))) > plain + 0.1
        assert mean_valence(Query(user, stated=Mood(-0.7, -0.4))) < plain - 0.1
    database.dispose()
    assert engine.catalogue == "demo"


def test_installing_the_demo_again_doubles_nothing(demo_settings: Settings, tmp_path: Path) -> None:
    home = tmp_path / "home"
    shutil.copytree(demo_settings.home, home)
    before = current_bundle(home / "bundles")
    again = install_demo_home(settings_at(home))
    assert again.version != before.version
    assert again.manifest["data"] == before.manifest["data"]
    assert again.manifest["files"]["recommender.npz"] == before.manifest["files"]["recommender.npz"]
