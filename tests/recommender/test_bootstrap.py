"""The composition root: bundles in and out, and what stands in when something is missing."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from data.artifacts import current_bundle, file_sha256, publish_bundle
from data.datasets.demo import intended_moods
from data.db.repositories import SongRepository
from data.errors import BundleCorruptError, TrainingError
from data.settings import Settings
from data.types import Mood, SongInput, UserHistory
from recommender.answering import answer_query
from recommender.bootstrap import (
    build_database,
    build_engine,
    demo_is_installed,
    install_demo_home,
    publish,
    text_encoder,
)
from recommender.candidates.factors import IalsConfig
from recommender.config import PipelineConfig, RecommenderConfig
from recommender.deep.config import DeepConfig
from recommender.loading import mood_files
from recommender.model import RecommenderModel
from recommender.offline import train_from_database
from recommender.publishing import shipped_file
from recommender.query import Query
from recommender.training import train_recommender, write_run
from tests.recommender import toys
from tests.recommender.test_training import CONFIG


def settings_at(home: Path) -> Settings:
    return Settings(home=home, database_url=None, _env_file=None)


@pytest.fixture(scope="module")
def toy_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("toy") / "run"
    data = toys.training_data()
    write_run(folder, CONFIG, data, train_recommender(CONFIG, data))
    return folder


@pytest.fixture
def run(toy_run: Path, tmp_path: Path) -> Path:
    """A copy of it, to be damaged."""
    return Path(shutil.copytree(toy_run, tmp_path / "run"))


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
    bundle = publish(settings, [run])
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
        publish(settings, [run])
    (run / "record.json").write_text('{"kind": "soup"}')
    with pytest.raises(TrainingError, match="soup"):
        publish(settings, [run])
    with pytest.raises(TrainingError, match="attune train recommender"):
        publish(settings, [])


def test_tampered_bundle_is_refused(settings: Settings, run: Path) -> None:
    bundle = publish(settings, [run])
    with (bundle.path / "recommender.npz").open("ab") as stream:
        stream.write(b"x")
    with pytest.raises(BundleCorruptError, match=r"recommender\.npz"):
        build_engine(settings)


def publish_older(settings: Settings, name: str, without: set[str]) -> None:
    """Put in force a bundle whose ``name`` lacks some arrays, as older versions wrote it."""
    bundle = current_bundle(settings.bundles)
    older = settings.home / name
    with np.load(bundle.file(name)) as stored:
        assert without <= set(stored.files)
        np.savez(older, **{n: stored[n] for n in stored.files if n not in without})
    files = {n: bundle.file(n) for n in bundle.manifest["files"]} | {name: older}
    publish_bundle(settings.bundles, files, {"data": bundle.manifest["data"]})


OLDER = [
    ("recommender.npz", {"terms", "term_idf", "term_songs", "artist_keys", "artist_count"}),
    ("mood.npz", {"deviations"}),
]


@pytest.mark.parametrize(("name", "without"), OLDER)
def test_bundle_of_an_older_version_says_train_again(
    settings: Settings, run: Path, name: str, without: set[str]
) -> None:
    publish(settings, [run])
    publish_older(settings, name, without)
    with pytest.raises(BundleCorruptError, match=r"attune train recommender") as caught:
        build_engine(settings)
    assert name in str(caught.value)


def test_demo_with_a_bundle_of_an_older_version_is_built_again(
    demo_settings: Settings, tmp_path: Path, quick_demo: None
) -> None:
    home = tmp_path / "home"
    shutil.copytree(demo_settings.home, home)
    settings = settings_at(home)
    assert demo_is_installed(settings)
    for name, without in OLDER:
        publish_older(settings, name, without)
        with pytest.raises(BundleCorruptError, match="train again"):
            demo_is_installed(settings)
    install_demo_home(settings)
    assert demo_is_installed(settings)
    assert build_engine(settings).recommend(Query("ada-007"), UserHistory("ada-007")).songs


def test_training_passes_over_a_mood_model_of_an_older_version(
    settings: Settings, run: Path
) -> None:
    publish(settings, [run])
    told: list[str] = []
    current = mood_files(settings, told.append)["mood.npz"]
    assert current.parent == current_bundle(settings.bundles).path
    assert told == []
    publish_older(settings, "mood.npz", {"deviations"})
    assert mood_files(settings, told.append)["mood.npz"] == shipped_file("mood.npz")
    assert "another version" in told[0]


def test_texts_are_not_placed_among_vectors_of_another_encoder(tmp_path: Path) -> None:
    other = settings_at(tmp_path).model_copy(update={"encoder_model": "hub/other-model"})
    assert text_encoder(other) is None
    assert text_encoder(settings_at(tmp_path)) is not None


def test_demo_lists_move_toward_the_mood(demo_settings: Settings) -> None:
    engine, database = build_engine(demo_settings), build_database(demo_settings)
    moods = intended_moods()

    def mean_valence(query: Query) -> float:
        songs = answer_query(engine, database, query).recommendation.songs
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
    first, second = (dict(bundle.manifest["data"]) for bundle in (before, again))
    assert first.pop("read_at") < second.pop("read_at")
    assert second == first
    assert again.manifest["files"]["recommender.npz"] == before.manifest["files"]["recommender.npz"]


@pytest.fixture
def mood_run(tmp_path: Path) -> Path:
    """A mood run whose model differs from the shipped one: valence the other way round."""
    folder = tmp_path / "mood"
    folder.mkdir()
    with np.load(shipped_file("mood.npz")) as shipped:
        arrays = {name: shipped[name] for name in shipped.files}
    arrays["coefficients"] = -arrays["coefficients"]
    np.savez(folder / "mood.npz", **arrays)
    shutil.copyfile(shipped_file("mood.json"), folder / "mood.json")
    (folder / "record.json").write_text('{"kind": "mood"}')
    return folder


def test_mood_model_of_another_run_is_refused(
    settings: Settings, run: Path, mood_run: Path
) -> None:
    with pytest.raises(TrainingError, match="--mood"):
        publish(settings, [run, mood_run])


def test_mood_run_decides_the_moods_of_songs(
    demo_settings: Settings, tmp_path: Path, mood_run: Path
) -> None:
    home = tmp_path / "home"
    shutil.copytree(demo_settings.home, home)
    settings = settings_at(home)
    few = PipelineConfig(listening=("ials",), ials=IalsConfig(embedding_size=8))
    config = RecommenderConfig(
        trials=1, tuning_users=20, pipeline=few, deep=DeepConfig(enabled=False)
    )
    database = build_database(settings)
    with database.session() as session:
        songs = [s for block in SongRepository(session).iter_catalogue() for s in block]
        words = {i: t for b in SongRepository(session).iter_lyrics() for i, t, _ in b}
        # The same words under new ids and without a stated mood.
        bare = [SongInput(f"x-{s.id}", s.title, s.artist, lyrics=words[s.id]) for s in songs[:40]]
        SongRepository(session).upsert_many(bare)
    database.dispose()
    folders = [tmp_path / "plain", tmp_path / "turned"]
    train_from_database(settings, config, folders[0], print)
    train_from_database(settings, config, folders[1], print, mood_run)
    plain, turned = (
        RecommenderModel.load(f / "recommender.npz").catalogue.moods[-40:, 0] for f in folders
    )
    assert np.corrcoef(plain, turned)[0, 1] < -0.9
    bundle = publish(settings, [folders[1], mood_run])
    assert bundle.manifest["files"]["mood.npz"] == file_sha256(mood_run / "mood.npz")
