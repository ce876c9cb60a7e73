from __future__ import annotations

from pathlib import Path

import numpy as np

from data.datasets.demo.catalogue import load_artists
from nlp.cleaning import clean_lyrics, text_key
from nlp.demo import demo_vectors_path, write_demo_vectors
from nlp.encoder import PACKAGED
from nlp.evaluation import agreement
from nlp.mood import MoodModel
from nlp.vectors import VectorStore
from tests.nlp.fakes import word_encoder


def test_every_demo_lyric_has_a_vector_and_they_agree_with_the_authors() -> None:
    """The authors' moods were never trained on: an independent check of the shipped model."""
    songs = [song for artist in load_artists() for song in artist.songs]
    store = VectorStore(demo_vectors_path(), model=PACKAGED)
    vectors = store.get([text_key(clean_lyrics(song.lyrics)) for song in songs])
    lacking = [s.title for s, v in zip(songs, vectors, strict=True) if np.isnan(v[0])]
    assert not lacking, "run: python -m nlp.demo"
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=2e-3)
    intended = np.array([(s.mood.valence, s.mood.arousal) for s in songs], np.float32)
    found = agreement(MoodModel.load(), vectors, intended)
    assert found["valence"]["pearson"] > 0.3
    assert found["arousal"]["pearson"] > 0.3


def test_the_store_is_made_anew_and_leaves_nothing_beside_it(tmp_path: Path) -> None:
    encoder, _ = word_encoder()
    path = tmp_path / "v.npz"
    path.write_bytes(b"old")
    made = write_demo_vectors(path, encoder)
    assert made == len(VectorStore(path, dimension=5)) > 400
    assert [p.name for p in tmp_path.iterdir()] == ["v.npz"]
