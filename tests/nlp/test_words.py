from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from data.errors import ArtifactError
from data.files import load_arrays, save_arrays
from nlp.text import TextEncoder, open_text_encoder
from nlp.word_training import WordTrainingConfig, fit_words, word_pieces
from nlp.words import (
    WordTextEncoder,
    open_tokenizer,
    shipped_words,
    unpack_pieces,
    weighted_pieces,
)

NAMES = ("name", "pieces", "codes", "scales", "map", "bias")


@pytest.fixture(scope="module")
def encoder() -> WordTextEncoder:
    return WordTextEncoder()


def test_the_shipped_model_is_small_and_knows_near_from_far(encoder: WordTextEncoder) -> None:
    assert shipped_words().stat().st_size < 5_000_000
    assert encoder.dimension == 384
    assert encoder.name.startswith("words-")
    found = encoder.encode(
        ["snow and ice in winter", "a cold frozen night", "dancing at the party"]
    )
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, atol=1e-5)
    assert found[0] @ found[1] > found[0] @ found[2] + 0.1


def test_it_lies_in_the_space_of_minilm(encoder: WordTextEncoder) -> None:
    """The demo lyrics' vectors ship; none of them was fitted to."""
    from data.datasets.demo.catalogue import load_artists
    from nlp.cleaning import clean_lyrics, text_key
    from nlp.demo import demo_vectors_path
    from nlp.vectors import VectorStore

    lyrics = [song.lyrics for artist in load_artists() for song in artist.songs]
    wanted = VectorStore(demo_vectors_path()).get([text_key(clean_lyrics(t)) for t in lyrics])
    found = encoder.encode(lyrics)
    assert (found * wanted).sum(axis=1).mean() > 0.7
    # Each song's own vector is near the top of all demo songs.
    ranks = (found @ wanted.T > (found * wanted).sum(axis=1)[:, None]).sum(axis=1)
    assert np.median(ranks) <= 3


def test_batch_equals_single_and_nothing_to_read_is_nan(encoder: WordTextEncoder) -> None:
    texts = ["one", "love me\nlove me", "", "[Chorus]", "\x00", "🎉", "שלום עולם", "9 9 9"]
    found = encoder.encode(texts)
    assert np.isfinite(found[:2]).all()
    assert np.isnan(found[2:]).all()
    for row, text in zip(found, texts, strict=True):
        np.testing.assert_allclose(encoder.encode([text])[0], row, atol=1e-6)
    assert encoder.encode([]).shape == (0, 384)


def test_a_repeated_word_weighs_the_square_root(encoder: WordTextEncoder) -> None:
    tokenizer = open_tokenizer(["[UNK]", "sun", "rain", "##s"])
    (ids, weights), (none, _) = weighted_pieces(tokenizer, ["Sun, sun sun rains? SUN!", "fog"])
    assert ids.tolist() == [1, 2, 3]
    np.testing.assert_allclose(weights, [0.5, 0.25, 0.25])
    assert len(none) == 0


def test_only_pieces_of_ascii_letters_are_taken() -> None:
    vocabulary = {
        "[CLS]": 0,
        "9": 1,
        "the": 2,
        "##ing": 3,
        "é": 4,
        "a": 5,
        "!": 6,
        "##2": 7,
        "愛": 8,
    }
    assert word_pieces(vocabulary) == ["[UNK]", "the", "##ing", "a"]
    shipped = unpack_pieces(load_arrays(shipped_words(), NAMES)["pieces"])
    assert shipped[0] == "[UNK]"
    assert all(p.removeprefix("##").isalpha() and p.isascii() for p in shipped[1:])


def test_fitting_finds_the_pieces_vectors_and_is_reproducible(tmp_path: Path) -> None:
    pytest.importorskip("torch", exc_type=ImportError)
    pieces, texts = ["[UNK]", "sun", "rain", "fog"], ["sun", "rain", "fog", "sun rain"] * 20
    axes = np.eye(3, dtype=np.float32)
    both = (axes[0] + axes[1]) / np.sqrt(2, dtype=np.float32)
    vectors = np.stack([*axes, both] * 20)
    start = np.concatenate([np.zeros((1, 3)), axes[[1, 2, 0]]]).astype(np.float32)  # all wrong
    config = WordTrainingConfig(size=3, epochs=60, batch_size=16, learning_rate=0.05)
    made = fit_words(texts, vectors, pieces, start, config, lambda line: None)
    again = fit_words(texts, vectors, pieces, start, config, lambda line: None)
    for name in NAMES:
        np.testing.assert_array_equal(made[name], again[name])
    save_arrays(tmp_path / "w.npz", made)
    found = WordTextEncoder(tmp_path / "w.npz").encode(["rain", "fog", "rain sun"])
    assert (found * np.stack([axes[1], axes[2], both])).sum(axis=1).min() > 0.99


def test_broken_files_are_refused(tmp_path: Path) -> None:
    arrays = load_arrays(shipped_words(), NAMES)
    save_arrays(tmp_path / "w.npz", {**arrays, "scales": arrays["scales"][:-1]})
    with pytest.raises(ArtifactError, match="do not fit"):
        WordTextEncoder(tmp_path / "w.npz")
    with pytest.raises(ArtifactError, match="none"):
        WordTextEncoder(tmp_path / "none.npz")


def test_without_a_folder_the_shipped_model_is_opened(tmp_path: Path) -> None:
    for folder in (None, tmp_path, tmp_path / "absent"):
        opened: TextEncoder = open_text_encoder(folder)
        assert isinstance(opened, WordTextEncoder)
