"""What the words of a song say, read by an engine."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from data.types import Song
from recommender.engine import Engine
from tests.nlp.fakes import word_encoder
from tests.nlp.test_fusion import model as with_tags
from tests.nlp.test_lines import SONG, sunny
from tests.recommender.fakes import engine

NOTHING = np.full(5, np.nan, dtype=np.float32)


def reading_engine() -> Engine:
    found = engine()
    assert found.pipeline is not None
    encoder, _ = word_encoder()
    found.pipeline.texts = replace(found.pipeline.texts, encoder=encoder)
    return replace(found, space=replace(found.space, mood=sunny()))


def test_words_are_read_and_their_lines_told() -> None:
    encoder, _ = word_encoder()
    vector = encoder.encode([SONG])[0]
    found = reading_engine().read_mood(Song("s", "S", "A"), vector, SONG, 1)
    assert found is not None
    assert found.valence > 0
    assert found.source == "lyrics"
    assert [one.line for one in found.lines] == ["sun sun sun sun"]
    assert sum(found.emotions.values()) == pytest.approx(1, abs=0.002)
    assert found.standard_scores[0] > 0
    every = reading_engine().read_mood(Song("s", "S", "A"), vector, SONG, 3)
    assert every is not None
    # Last comes the line that speaks against it.
    assert [one.weight > 0 for one in every.lines] == [True, True, False]
    assert every.lines[2].line == "rain on my rain"
    assert max(found.quadrants, key=lambda name: found.quadrants[name]) in {"happy", "calm"}
    none = reading_engine().read_mood(Song("s", "S", "A"), vector, SONG, 0)
    assert none is not None
    assert none.lines == ()


def test_tags_alone_are_read_and_nothing_is_nothing() -> None:
    with_tag = replace(reading_engine(), space=replace(engine().space, mood=with_tags()))
    blank = np.full(2, np.nan, dtype=np.float32)
    found = with_tag.read_mood(Song("s", "S", "A", tags=("Loud",)), blank, None, 3)
    assert found is not None
    assert (found.source, found.lines) == ("few_tags", ())
    assert found.arousal > 0.5
    assert with_tag.read_mood(Song("s", "S", "A"), blank, None, 3) is None


def test_without_a_bundle_nothing_is_read() -> None:
    assert Engine().read_mood(Song("s", "S", "A"), NOTHING, SONG, 3) is None
