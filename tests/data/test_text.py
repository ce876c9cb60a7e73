from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.text import KEY_LENGTH, fold, song_key


@pytest.mark.parametrize(
    ("artist", "title", "key"),
    [
        ("The Beatles", "Don't Let Me Down - Remastered 2009", "beatles|dont let me down"),
        ("Beyoncé", "Halo (Live)", "beyonce|halo"),
        ("R.E.M.", "Losing My Religion", "rem|losing my religion"),
        ("Khalid feat. Someone", "Young Dumb & Broke", "khalid|young dumb and broke"),
        ("potsu", "im closing my eyes (feat. shiloh)", "potsu|im closing my eyes"),
        ("A", "Sola (Remix) [feat. B  C]", "a|sola"),
        ("The Band", "Up On Cripple Creek - 2000 - Remaster", "band|up on cripple creek"),
        ("James", "Scene One - The Garden", "james|scene one the garden"),
        ("!!!", "Hello? Is This Thing On?", "!!!|hello is this thing on"),
        ("Sigur Rós", "Ágætis byrjun", "sigur ros|agaetis byrjun"),
        ("Mø", "Glass", "mo|glass"),
        ("結束バンド", "小さな海", "結束バンド|小さな海"),
        ("Gun", "(What?)", "gun|what"),
        ("defeat", "feature", "defeat|feature"),
    ],
)
def test_song_key(artist: str, title: str, key: str) -> None:
    assert song_key(artist, title) == key


@given(st.text(), st.text())
def test_key_ignores_case_and_fits_an_index(artist: str, title: str) -> None:
    key = song_key(artist, title)
    assert len(key) <= KEY_LENGTH
    assert key == song_key(f" {artist} ", f" {title} ")


@given(st.text(alphabet=st.characters(codec="latin-1")))
def test_folding_twice_changes_nothing(text: str) -> None:
    assert fold(fold(text)) == fold(text)
