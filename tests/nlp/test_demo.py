from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from data.datasets.demo.catalogue import load_artists
from data.errors import ArtifactError
from nlp.cleaning import clean_lyrics, text_key
from nlp.demo import DEMO_ENCODER, demo_vectors_path, write_demo_vectors
from nlp.encoder import PACKAGED, LyricEncoder
from nlp.mood import MoodModel
from nlp.regression import pearson
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
    found = MoodModel.load().predict(vectors)
    for axis in ("valence", "arousal"):
        predicted = getattr(found, axis).astype(np.float64)
        intended = np.array([getattr(song.mood, axis) for song in songs], np.float64)
        assert pearson(predicted, intended) > 0.3


def test_the_store_is_made_anew_and_leaves_nothing_beside_it(tmp_path: Path) -> None:
    encoder, _ = word_encoder()
    path = tmp_path / "v.npz"
    path.write_bytes(b"old")
    made = write_demo_vectors(path, encoder)
    assert made == len(VectorStore(path, dimension=5)) > 400
    assert [p.name for p in tmp_path.iterdir()] == ["v.npz"]


def test_a_failing_encoder_leaves_the_old_store(tmp_path: Path) -> None:
    path = tmp_path / "v.npz"
    path.write_bytes(b"old")
    with pytest.raises(ArtifactError):
        write_demo_vectors(path, LyricEncoder(DEMO_ENCODER, sha256="0" * 64))
    assert path.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["v.npz"]


def test_the_shipped_vectors_can_be_made_again() -> None:
    lyrics = [a.songs[0].lyrics for a in load_artists()[:4]]
    shipped = VectorStore(demo_vectors_path()).get([text_key(clean_lyrics(t)) for t in lyrics])
    made = LyricEncoder(DEMO_ENCODER).encode([clean_lyrics(t) for t in lyrics])
    assert ((shipped * made).sum(axis=1) > 0.9995).all()
