from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from data.datasets.lyrics import read_binary_moods
from data.errors import DatasetFormatError, TrainingError
from nlp.config import MoodEvaluationConfig
from nlp.encoder import embed_missing
from nlp.evaluation import run_evaluation
from nlp.happy_sad import PENALTIES
from nlp.vectors import VectorStore
from tests.nlp.fakes import word_encoder

CONFIG = MoodEvaluationConfig(
    labels="", lyrics="lyrics.csv", happy_sad="moods.csv", lexica=("words.csv",), bootstrap=50
)


def write(folder: Path) -> None:
    """Happy songs have more sun than sad ones, by chance; their words are otherwise the same."""
    rng = np.random.default_rng(1)
    happy = np.arange(120) % 2 == 0
    suns = rng.binomial(6, np.where(happy, 0.7, 0.3))
    texts = [f"{'sun ' * s}{'rain ' * (6 - s)}word{i % 5}" for i, s in enumerate(suns)]
    frame = pd.DataFrame(
        {
            "artist": [f"artist {i // 3}" for i in range(120)],
            "title": [f"song {i}" for i in range(120)],
            "lyrics": texts,
            "mood": np.where(happy, "happy", "sad"),
        }
    )
    frame.to_csv(folder / "moods.csv", index=False)
    others = frame.drop(columns="mood").assign(artist=[f"other {i}" for i in range(120)])
    more = others.assign(artist=[f"more {i}" for i in range(120)])
    doubled = pd.concat([others, more.assign(lyrics=more["lyrics"] + " sleep")])
    doubled.to_csv(folder / "lyrics.csv", index=False)
    (folder / "words.csv").write_text(
        "Word,Valence,Arousal,Dominance\nsun,0.9,0.5,0.5\nrain,0.1,0.5,0.5\n", encoding="utf-8"
    )


@pytest.fixture
def embedded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    write(tmp_path)
    # Two penalties of seven, and a choice between them by two parts of the songs.
    monkeypatch.setattr("nlp.happy_sad.PENALTIES", PENALTIES[2::4])
    monkeypatch.setattr("nlp.happy_sad._INNER", 2)
    encoder, _ = word_encoder()
    monkeypatch.setattr("nlp.encoder.LyricEncoder", lambda _config: encoder)
    store = VectorStore(tmp_path / "v.npz", dimension=5, model=encoder.name)
    texts = pd.read_csv(tmp_path / "lyrics.csv")["lyrics"].tolist()
    embed_missing(encoder, store, texts)
    return tmp_path


def test_systems_find_what_there_is_to_find(embedded: Path) -> None:
    run_evaluation(CONFIG, embedded, embedded / "out", embedded / "v.npz")
    found = json.loads((embedded / "out" / "happy_sad.json").read_text("utf-8"))
    assert len(found) == 1 + 4 * 2
    for name, figures in found.items():
        assert 0.75 < figures["auc"] < 0.99, name
        assert figures["low"] < figures["auc"] < figures["high"]
    text = (embedded / "out" / "happy_sad.md").read_text("utf-8")
    assert "120 lyrics, 60 of them happy" in text
    assert "| MiniLM + TF-IDF, artist-disjoint |" in text


def test_labels_by_chance_give_chance(embedded: Path) -> None:
    frame = pd.read_csv(embedded / "moods.csv")
    frame["mood"] = np.random.default_rng(5).permutation(frame["mood"])
    frame.to_csv(embedded / "moods.csv", index=False)
    run_evaluation(CONFIG, embedded, embedded / "out", embedded / "v.npz")
    found = json.loads((embedded / "out" / "happy_sad.json").read_text("utf-8"))
    for name, figures in found.items():
        assert 0.3 < figures["auc"] < 0.68, name


def test_what_tells_only_the_artist_tells_nothing_of_other_artists(embedded: Path) -> None:
    frame = pd.read_csv(embedded / "moods.csv")
    frame["lyrics"] = [f"rain {name.replace(' ', '')}" for name in frame["artist"]]
    artists = frame["artist"].unique()
    moods = np.random.default_rng(5).permutation(["happy", "sad"] * (len(artists) // 2))
    frame["mood"] = frame["artist"].map(dict(zip(artists, moods, strict=True)))
    frame.to_csv(embedded / "moods.csv", index=False)
    run_evaluation(CONFIG, embedded, embedded / "out", embedded / "v.npz")
    found = json.loads((embedded / "out" / "happy_sad.json").read_text("utf-8"))
    words = "TF-IDF + logistic regression"
    assert found[words]["auc"] > 0.9
    assert 0.3 < found[f"{words}, artist-disjoint"]["auc"] < 0.7


def test_too_few_other_songs_and_no_moods(embedded: Path) -> None:
    with pytest.raises(TrainingError, match="200 are needed"):
        run_evaluation(CONFIG, embedded, embedded / "out", embedded / "empty.npz")
    pd.read_csv(embedded / "moods.csv").assign(mood="happy").to_csv(embedded / "one.csv")
    with pytest.raises(DatasetFormatError, match="both happy and sad"):
        read_binary_moods(embedded / "one.csv")
