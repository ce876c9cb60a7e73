from __future__ import annotations

import numpy as np

from data.datasets.demo.catalogue import load_artists
from nlp.cleaning import clean_lyrics
from nlp.lines import line_moods
from nlp.mood import MoodModel
from tests.nlp.fakes import word_encoder
from tests.nlp.test_fusion import model as plain

SONG = "the sun and the sun\nrain on my rain\n[Chorus]\nsun sun sun sun\nno\nthe sun and the sun"


def sunny() -> MoodModel:
    """Sun is 1 of valence, rain is -1; see WordNetwork for the coordinates."""
    base = plain()
    reducer = type(base.reducer)(np.zeros(5, "f4"), np.eye(5, dtype="f4")[:2], np.ones(2, "f4"))
    heads = np.array([[1, -1], [0, 0]], "f4")
    return MoodModel(reducer, heads, base.intercepts, base.centres, base.gains, base.deviations)


def test_lines_that_carry_the_mood_weigh_more_than_those_against_it() -> None:
    encoder, _ = word_encoder()
    found = line_moods(SONG, encoder, sunny())
    assert [one.line for one in found] == [
        "the sun and the sun", "rain on my rain", "sun sun sun sun",
    ]  # fmt: skip
    first, against, most = (one.weight for one in found)
    assert most > first > 0 > against
    assert found[0].valence > 0 > found[1].valence


def test_no_line_is_long_enough() -> None:
    encoder, _ = word_encoder()
    assert line_moods("[Verse]\noh\nyeah yeah", encoder, sunny()) == []
    assert line_moods("", encoder, sunny()) == []


def test_the_demo_has_lyrics_with_lines_to_read() -> None:
    song = load_artists()[0].songs[0]
    encoder, _ = word_encoder()
    lines = [one.line for one in line_moods(song.lyrics, encoder, sunny())]
    assert lines
    assert all(line in clean_lyrics(song.lyrics) for line in lines)
