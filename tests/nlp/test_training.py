from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from data.datasets.lyrics import LyricTable, MoodLabels
from data.datasets.tags import TagTable
from data.errors import TrainingError
from nlp.cleaning import clean_lyrics
from nlp.config import MoodEvaluationConfig, MoodTrainingConfig
from nlp.corpus import Songs
from nlp.evaluation import run_evaluation
from nlp.mood import MoodModel
from nlp.systems import FUSED, PLAIN, TAGS, TAUGHT
from nlp.tags import TagHead
from nlp.taught import Teacher
from nlp.training import build_study, run_training, train_mood
from nlp.vectors import VectorStore
from tests.nlp.fakes import word_encoder

CONFIG = MoodTrainingConfig(
    components=(2, 4), alphas=(0.01, 1.0), bootstrap=20, min_songs=40, tfidf_features=50
)
ROOT = Path(__file__).resolve().parents[2]


def toy() -> tuple[LyricTable, MoodLabels]:
    """Sun is happy and rain is sad; running excites and sleeping calms."""
    keys, texts, valence, arousal = [], [], [], []
    for i in range(80):
        sun, run = i % 2 == 0, i // 2 % 2 == 0
        words = ["sun" if sun else "rain"] * 2 + ["run" if run else "sleep"] * 2 + [f"w{i}"]
        keys.append(f"artist {i // 4}|song {i}")
        texts.append(" ".join(words))
        valence.append(1.0 if sun else -1.0)
        arousal.append(1.0 if run else -1.0)
    artists = tuple(k.split("|")[0] for k in keys)
    titles = tuple(k.split("|")[1] for k in keys)
    labels = MoodLabels(
        (*keys, "no lyrics|here"), (*artists, "no lyrics"),
        np.array([*valence, 3.0]), np.array([*arousal, 3.0]),
    )  # fmt: skip
    return LyricTable(tuple(keys), artists, titles, tuple(texts)), labels


def test_learns_the_one_right_answer_and_records_it(tmp_path: Path) -> None:
    encoder, _ = word_encoder()
    store = VectorStore(tmp_path / "v.npz", dimension=5, model=encoder.name)
    lines: list[str] = []
    run = train_mood(CONFIG, *toy(), store, tmp_path / "run", encoder=encoder, report=lines.append)
    assert lines[1] == "80 songs of 20 artists"
    found = run.model.predict(encoder.encode(["sun run run sun", "rain sleep rain", "[x]"]))
    assert found.emotion == ["happy", "sad", None]
    assert found.arousal[0] > 0.3 > -0.3 > found.arousal[1]
    assert run.record["metrics"][PLAIN]["valence"]["r2"] > 0.95
    assert run.record["metrics"]["mean of labels"]["valence"]["r2"] <= 0
    assert run.record["songs"] == 80

    record = json.loads((run.path / "record.json").read_text(encoding="utf-8"))
    assert json.dumps(record) == json.dumps(run.record)
    assert MoodTrainingConfig.from_toml(run.path / "config.toml") == CONFIG
    assert "| MiniLM + PCA + ridge | valence |" in (run.path / "report.md").read_text("utf-8")
    assert (run.path / "mood.png").read_bytes().startswith(b"\x89PNG")
    vectors = store.get([None, *_some_keys(store)])
    again = MoodModel.load(run.path / "mood.npz").predict(vectors)
    np.testing.assert_array_equal(again.valence, run.model.predict(vectors).valence)


def _some_keys(store: VectorStore) -> list[str]:
    return [key.hex() for key in np.load(store.path)["keys"].view("S32").reshape(-1)[:5].tolist()]


def test_the_same_data_and_seed_give_the_same_run(tmp_path: Path) -> None:
    encoder, _ = word_encoder()
    store = VectorStore(tmp_path / "v.npz", dimension=5)
    a = train_mood(CONFIG, *toy(), store, tmp_path / "a", encoder=encoder)
    b = train_mood(CONFIG, *toy(), store, tmp_path / "b")
    assert json.dumps(a.record["metrics"]) == json.dumps(b.record["metrics"])
    assert a.record["fingerprint"] == b.record["fingerprint"]
    assert a.record["sha256"] == b.record["sha256"]


def with_tags() -> tuple[LyricTable, MoodLabels, TagTable]:
    """The toy, where half the labels are taken away and tags say what they were."""
    lyrics, labels = toy()
    even = [i for i in range(80) if i // 4 % 2 == 0]
    kept = MoodLabels(
        tuple(labels.keys[i] for i in even), tuple(labels.artists[i] for i in even),
        labels.valence[even], labels.arousal[even],
    )  # fmt: skip
    tags = tuple(
        ("happy" if v > 0 else "sad", "loud" if a > 0 else "soft", f"filler {i % 3}")
        for i, (v, a) in enumerate(zip(labels.valence[:80], labels.arousal[:80], strict=True))
    )
    return lyrics, kept, TagTable(lyrics.keys, tags)


def test_tags_teach_the_words_of_songs_without_labels(tmp_path: Path) -> None:
    encoder, _ = word_encoder()
    store = VectorStore(tmp_path / "v.npz", dimension=5, model=encoder.name)
    lyrics, labels, tags = with_tags()
    config = CONFIG.model_copy(update={"min_songs": 30, "taught_alphas": (0.1, 1.0)})
    lines: list[str] = []
    run = train_mood(
        config, lyrics, labels, store, tmp_path / "run",
        encoder=encoder, tags=tags, report=lines.append,
    )  # fmt: skip
    assert "40 more with lyrics and tags" in lines
    metrics = run.record["metrics"]
    for name in (TAUGHT, TAGS, FUSED):
        assert metrics[name]["valence"]["r2"] > 0.8, name
    assert run.record["tagged_songs"] == 40
    assert run.record["pupils"] == 40
    told = run.model.predict(np.full((2, 5), np.nan, "f4"), [("happy", "soft"), ("sad", "loud")])
    assert told.valence[0] > 0.2 > -0.2 > told.valence[1]
    assert told.arousal[1] > 0.2 > -0.2 > told.arousal[0]
    again = MoodModel.load(run.path / "mood.npz")
    assert again.tags is not None
    report = (run.path / "report.md").read_text("utf-8")
    assert "## 40 songs with tags" in report
    assert "Share of labels inside" in report
    assert (run.path / "calibration.png").read_bytes().startswith(b"\x89PNG")


def test_nothing_of_a_scored_artist_is_learnt(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every head that predicts a fold is fitted without the labels of that fold's artists."""
    encoder, _ = word_encoder()
    lyrics, labels, tags = with_tags()
    texts = [clean_lyrics(text) for text in lyrics.lyrics]
    songs = Songs(
        tuple(k.split("|")[0] for k in lyrics.keys), tuple(texts), encoder.encode(texts),
        tags.tags, np.full((80, 2), np.nan),
    )  # fmt: skip
    at = {key: i for i, key in enumerate(lyrics.keys)}
    for key, v, a in zip(labels.keys, labels.valence, labels.arousal, strict=True):
        songs.labels[at[key]] = v, a
    config = CONFIG.model_copy(update={"min_songs": 30, "taught_alphas": (1.0,)})
    study = build_study(config, songs, labels, tags)
    assert study.teacher is not None
    seen: list[tuple[set[str], set[str]]] = []
    fit = Teacher.head

    def spy(self: Teacher, banned: frozenset[str]) -> TagHead:
        allowed = set(self.tagged.without(banned).artists)
        seen.append((set(banned), allowed))
        return fit(self, banned)

    monkeypatch.setattr(Teacher, "head", spy)
    everyone = set(study.songs.artists)
    ridge = study.taught_ridge(0)
    train = np.arange(24)
    ridge.weights(train, study.songs.labels[train, 0], [2], [1.0], [1.0])
    banned, allowed = seen[-1]
    assert banned == everyone - {study.songs.artists[i] for i in train}
    assert banned
    assert not banned & allowed


def test_too_few_songs_are_refused(tmp_path: Path) -> None:
    store = VectorStore(tmp_path / "v.npz", dimension=5)
    with pytest.raises(TrainingError, match="0 songs of 0 artists"):
        train_mood(CONFIG, *toy(), store, tmp_path / "run")


def test_from_files_to_a_run_and_to_its_evaluation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import pandas as pd

    encoder, network = word_encoder()
    monkeypatch.setattr("nlp.training.LyricEncoder", lambda _config: encoder)
    monkeypatch.setattr("nlp.encoder.LyricEncoder", lambda _config: encoder)
    table, labels = toy()
    pd.DataFrame({"artist": table.artists, "title": table.titles, "lyrics": table.lyrics}).to_csv(
        tmp_path / "lyrics.csv"
    )
    frame = pd.DataFrame(
        {"artist_name": table.artists, "track_name": table.titles,
         "valence": labels.valence[:80], "arousal": labels.arousal[:80]}
    )  # fmt: skip
    frame.to_csv(tmp_path / "train.csv")
    config = CONFIG.model_copy(update={"lyrics": "lyrics.csv", "labels": "train.csv"})
    cache = tmp_path / "cache.npz"
    run = run_training(config, tmp_path, tmp_path / "run", cache)
    read = len(network.seen)
    scoring = MoodEvaluationConfig(
        lyrics="lyrics.csv", labels="train.csv", model=str(run.path / "mood.npz"), bootstrap=10
    )
    metrics = run_evaluation(scoring, tmp_path, tmp_path / "out", cache)
    assert metrics["all songs"]["lyrics"]["arousal"]["r2"] > 0.9
    assert len(network.seen) == read
    assert "80 songs of 20 artists" in (tmp_path / "out" / "report.md").read_text("utf-8")


@pytest.mark.parametrize(
    "name", ["mood.toml", "mood_evaluation.toml", "happy_sad.toml", "pooling.toml"]
)
def test_shipped_configurations_are_valid(name: str) -> None:
    kind = MoodTrainingConfig if name == "mood.toml" else MoodEvaluationConfig
    config = kind.from_toml(ROOT / "configs" / "nlp" / name)
    assert kind.parse(json.loads(config.model_dump_json())) == config
