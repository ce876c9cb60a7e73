"""Any text through cleaning, chunks and the encoders: an answer of unit length, or NaN."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings

from nlp.cleaning import clean_lyrics, stanzas
from nlp.words import WordTextEncoder
from tests.nlp.fakes import word_encoder
from tests.nlp.test_cleaning import ANY_TEXT

ENGLISH = "the sun is up and we are dancing in the street\n"
#: What the word model cannot read: nothing left, or not one word of Latin letters.
UNREADABLE = {
    *("empty", "nulls", "emoji", "right to left", "surrogates", "marks", "megabyte of nothing"),
    "one megabyte without a space",
}
BAD = {
    "empty": "",
    "nulls": "\x00" * 100,
    "emoji": "🎉🔥 👩‍👩‍👧‍👦",
    "right to left": "\u202eשלום עולם\u202c مرحبا",
    "surrogates": "\ud800\udfff",
    "marks": "[Chorus]\n(yeah)\n***",
    "megabyte of nothing": "\n \t" * 350_000,
    "nulls between": "\x00".join(ENGLISH),
    "wrong encoding": "dÃ©jÃ  vu, l'Ã©tÃ© est fini".encode().decode("latin-1"),
    "bytes as text": ENGLISH.encode("utf-16").decode("latin-1"),
    "one word": "one",
    "one megabyte": ENGLISH * 22_000,
    "one megabyte without a space": "la" * 500_000,
    "one megabyte of emoji": "word " + "🎉" * 250_000,
}


@pytest.fixture(scope="module")
def words() -> WordTextEncoder:
    return WordTextEncoder()


@pytest.mark.parametrize("name", BAD)
def test_bad_texts_have_a_sane_answer(words: WordTextEncoder, name: str) -> None:
    found = words.encode([BAD[name], ENGLISH])
    assert np.isfinite(found[1]).all()
    if name in UNREADABLE:
        assert np.isnan(found[0]).all()
    else:
        assert np.linalg.norm(found[0]) == pytest.approx(1, abs=1e-5)
    chunks = stanzas(clean_lyrics(BAD[name]))
    assert all(chunk.strip() for chunk in chunks)
    assert len(chunks) < 400


def test_nulls_between_letters_change_nothing(words: WordTextEncoder) -> None:
    found = words.encode([BAD["nulls between"], ENGLISH])
    np.testing.assert_array_equal(found[0], found[1])


@settings(max_examples=150, deadline=None)
@given(text=ANY_TEXT)
def test_any_text_is_a_unit_row_or_nan(words: WordTextEncoder, text: str) -> None:
    network, _ = word_encoder()
    for encoder in (words, network):
        row = encoder.encode([text])[0]
        assert np.isnan(row).all() or abs(np.linalg.norm(row) - 1) < 1e-5
    # An encoder with chunks reads whatever cleaning leaves.
    assert np.isfinite(network.encode([text])).all() == bool(clean_lyrics(text))
