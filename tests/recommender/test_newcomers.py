"""Songs that came after the bundle: placed, recommended, replaced, without training."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from data.types import FloatArray, Mood, Song, UserHistory
from recommender.engine import Engine
from recommender.model import RecommenderModel
from recommender.query import Query
from tests.recommender import toys
from tests.recommender.fakes import engine, vectors

BRIGHT, DARK = (vectors(np.array([row], dtype=np.float32)) for row in ((1, 0), (0, 1)))
NOTHING = vectors(np.zeros((1, 2), dtype=np.float32))
FOLK = Song("new-folk", "Hay", "Newcomer", genre="folk")


def model_of(found: Engine) -> RecommenderModel:
    assert found.pipeline is not None
    return found.pipeline.model


def ids(found: Engine, query: Query, history: UserHistory | None = None) -> list[str]:
    return [s.song_id for s in found.recommend(query, history or UserHistory("x")).songs]


def test_a_newcomer_is_recommended_and_the_old_engine_stays() -> None:
    before = engine()
    after = before.with_songs([FOLK], BRIGHT)
    query = Query("u", n=9)
    assert FOLK.id in ids(after, query, toys.history())
    assert FOLK.id not in ids(before, query, toys.history())
    assert len(model_of(before).catalogue) == toys.SONGS
    assert after.version == before.version


def test_its_mood_comes_from_its_lyrics_for_a_listener_nobody_knows() -> None:
    found = engine().with_songs(
        [replace(FOLK, id="sad"), replace(FOLK, id="glad")], np.vstack([DARK, BRIGHT])
    )
    moods = found.song_moods(["sad", "glad"])
    assert moods["sad"] == pytest.approx((-0.8, 0.4))
    assert moods["glad"] == pytest.approx((0.8, -0.4))
    dark = ids(found, Query("x", n=26, stated=Mood(-0.8, -0.4)))
    bright = ids(found, Query("x", n=26, stated=Mood(0.8, 0.4)))
    assert dark.index("sad") < dark.index("glad")
    assert bright.index("glad") < bright.index("sad")


def test_a_stated_mood_is_kept() -> None:
    found = engine().with_songs([replace(FOLK, valence=0.1, arousal=0.9)], DARK)
    assert found.song_moods([FOLK.id])[FOLK.id] == pytest.approx((0.1, 0.9))


def test_nothing_is_claimed_of_a_newcomer_that_is_not_known() -> None:
    found = engine().with_songs([Song("bare", "Bare", "Nobody")], NOTHING)
    assert found.song_moods(["bare"]) == {}
    answer = found.recommend(Query("u", n=25), toys.history())
    bare = next(s for s in answer.songs if s.song_id == "bare")
    assert bare.reasons == ()
    model = model_of(found)
    assert model.popularity.listeners(toys.SONGS) == 0


def test_a_trained_song_and_the_same_song_placed_later_have_one_place() -> None:
    """The stored vocabulary and components put a newcomer where training would have."""
    twin = replace(toys.songs()[2], id="twin")
    found = engine().with_songs([twin], toys.training_data().lyrics[2:3])
    similarity = model_of(found).content.pairwise(np.array([2, toys.SONGS]))
    np.testing.assert_allclose(similarity, 1, atol=1e-5)
    assert found.similar("twin", 1)[0].song_id == "s02"


def test_extending_an_extended_engine_keeps_all_and_repeats_nothing() -> None:
    first = engine().with_songs([FOLK], BRIGHT)
    second = first.with_songs([replace(FOLK, id="later"), replace(FOLK, title="Hay!")],
                              np.vstack([DARK, BRIGHT]))  # fmt: skip
    model = model_of(second)
    assert model.catalogue.ids[toys.SONGS :] == (FOLK.id, "later")
    assert model.catalogue.titles[toys.SONGS] == "Hay!"
    assert len(second.newcomers) == 2
    assert second.base is first.base
    at_once = engine().with_songs(
        [replace(FOLK, title="Hay!"), replace(FOLK, id="later")], np.vstack([BRIGHT, DARK])
    )
    query = Query("u", n=30)
    assert second.recommend(query, toys.history()) == at_once.recommend(query, toys.history())


def test_a_replaced_song_keeps_its_listeners_and_takes_its_new_words() -> None:
    """s02 turns from bright folk into dark metal; who played it is not forgotten."""
    before = engine()
    changed = Song("s02", "Other", "Artist 0-1", genre="metal")
    after = before.with_songs([changed, changed], np.vstack([BRIGHT, DARK]))
    old, new = model_of(before), model_of(after)
    assert new.catalogue.ids == old.catalogue.ids
    assert new.catalogue.titles[2] == "Other"
    assert new.catalogue.artist_codes[2] == old.catalogue.artist_codes[1]
    assert new.popularity.listeners(2) == old.popularity.listeners(2) > 0
    for was, now in zip(old.listening, new.listening, strict=True):
        for name, array in was.arrays().items():
            np.testing.assert_array_equal(now.arrays()[name], array)
    pair = np.array([2, 3])
    assert new.content.pairwise(pair)[0, 1] > 0.5 > old.content.pairwise(pair)[0, 1]
    assert after.song_moods(["s02"])["s02"][0] < 0


def test_artists_and_tags_that_training_did_not_know_connect_newcomers() -> None:
    songs = [
        Song(f"n{i}", f"N{i}", "Fresh Band" if i < 2 else f"Solo {i}", tags=("zydeco",))
        for i in range(4)
    ]
    found = engine().with_songs(songs, np.repeat(NOTHING, 4, axis=0))
    near = found.similar("n0", 5)
    assert [s.song_id for s in near] == ["n1", "n2", "n3"]
    assert {r.text for r in near[0].reasons} == {
        "By the same artist, Fresh Band",
        "Shares tags: zydeco",
    }
    codes = model_of(found).catalogue.artist_codes
    assert codes[toys.SONGS] == codes[toys.SONGS + 1] not in codes[: toys.SONGS]


def test_wrong_count_of_vectors_is_refused_and_nothing_changes_without_songs_or_bundle() -> None:
    found = engine()
    with pytest.raises(ValueError, match="1 songs"):
        found.with_songs([FOLK], np.zeros((2, 384), dtype=np.float32))
    none: FloatArray = np.zeros((0, 384), dtype=np.float32)
    assert found.with_songs([], none) is found
    empty = Engine()
    assert empty.with_songs([FOLK], BRIGHT) is empty


def test_an_engine_without_a_lyric_space_places_by_metadata_alone() -> None:
    bare = Engine(engine().pipeline, version="toy")
    found = bare.with_songs([FOLK], DARK)
    assert found.song_moods([FOLK.id]) == {}
    assert {int(s.song_id[1:]) % 2 for s in found.similar(FOLK.id, 5)} == {0}
