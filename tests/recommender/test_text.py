"""Text queries: what is read of them, what they rank, and what cannot be asked."""

from __future__ import annotations

import threading
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data.errors import InvalidParameterError
from data.moods import MOOD_WORDS
from data.types import EmotionScores, Mood, Song, UserHistory
from recommender.bootstrap import build_pipeline
from recommender.engine import Engine
from recommender.query import Query
from recommender.text import LazyTextEncoder, TextReader, checked_text
from recommender.words import WordIndex
from tests.recommender import toys
from tests.recommender.fakes import FakeEncoder, engine

ENGINE = engine()
COLD = UserHistory("x")


def parities(
    text: str, n: int = 8, history: UserHistory = COLD, found: Engine = ENGINE
) -> set[int]:
    answer = found.recommend(Query("x", n=n, text=text), history)
    assert len(answer.songs) == n
    return {int(s.song_id[1:]) % 2 for s in answer.songs}


def test_lyrics_close_to_the_words_come_first_for_a_cold_user() -> None:
    assert parities("a meadow in the morning") == {0}
    assert parities("coffin and storm") == {1}


def test_the_text_outranks_taste_and_taste_still_orders() -> None:
    assert parities("coffin", history=toys.history(count=5)) == {1}
    assert parities("meadow", n=6, history=toys.history(count=5)) == {0}


def test_tags_genres_and_plurals_count() -> None:
    assert parities("metal") == {1}
    tagged = Song("t1", "T", "Somebody", tags=("Sea Shanty",))
    both = [tagged, replace(tagged, id="t2", artist="Another")]
    found = ENGINE.with_songs(both, np.full((2, 384), np.nan, dtype=np.float32))
    answer = found.recommend(Query("x", n=2, text="Sea shanties? no: sea SHANTYS!"), COLD)
    assert {s.song_id for s in answer.songs} == {"t1", "t2"}
    assert answer.songs[0].reasons[0].text == "Tagged sea shanty"
    assert answer.songs[0].reasons[0].kind == "text"


def test_a_named_artist_is_not_capped_away() -> None:
    songs = [Song(f"r{i}", f"R{i}", "The Lone Rangers") for i in range(8)]
    config = toys.config()
    capped = config.model_copy(
        update={"reranking": config.reranking.model_copy(update={"artist_cap": 2})}
    )
    assert ENGINE.pipeline is not None
    model = replace(ENGINE.pipeline.model, config=capped)
    found = replace(ENGINE, pipeline=ENGINE.pipeline.with_model(model))
    found = found.with_songs(songs, np.full((8, 384), np.nan, dtype=np.float32))
    answer = found.recommend(Query("x", n=8, text="something by the lone rangers"), COLD)
    assert {s.song_id for s in answer.songs} == {s.id for s in songs}
    assert answer.songs[0].reasons[0].text == "By The Lone Rangers, whom you name"


def test_reasons_are_true() -> None:
    answer = ENGINE.recommend(Query("x", n=24, text="metal coffin"), COLD)
    for song in answer.songs:
        dark = int(song.song_id[1:]) % 2
        texts = {r.text for r in song.reasons if r.kind == "text"}
        assert texts <= ({"Genre: metal", "Lyrics close to your words"} if dark else set())
        if song.song_id == "s05":  # it has no lyrics
            assert "Lyrics close to your words" not in texts
        assert sum(r.weight for r in song.reasons) <= 1.002


@pytest.mark.parametrize(
    ("stated", "says"), [(None, "the mood of your words"), (Mood(-0.8, 0.5), "of this moment")]
)
def test_a_mood_reason_tells_whose_mood_it_is(stated: Mood | None, says: str) -> None:
    query = Query("x", n=6, text="angry meadow coffin", stated=stated)
    songs = ENGINE.recommend(query, COLD).songs
    texts = [r.text for s in songs for r in s.reasons if r.kind == "mood"]
    assert texts
    assert all(says in text for text in texts)


def test_disliked_and_heard_songs_do_not_come_back_by_text() -> None:
    history = UserHistory("u", True, ("s01", "s03"), (1.0, 0.0), frozenset({"s03"}))
    shown = {s.song_id for s in ENGINE.recommend(Query("u", n=24, text="coffin"), history).songs}
    assert len(shown) == 22
    assert not shown & {"s01", "s03"}


def test_pages_of_a_text_fit_together() -> None:
    whole = ENGINE.recommend(Query("u", n=20, text="meadow"), toys.history()).songs
    pages = [
        ENGINE.recommend(Query("u", n=5, offset=o, text="meadow"), toys.history()).songs
        for o in (0, 5, 10, 15)
    ]
    assert tuple(s for page in pages for s in page) == whole


def test_mood_is_stated_then_seen_then_said() -> None:
    happy = EmotionScores((0, 0, 0, 1.0, 0, 0, 0), 1.0, False)

    def current(**given: object) -> Mood | None:
        query = Query("x", text="coffin, sad", **given)  # type: ignore[arg-type]
        target = ENGINE.recommend(query, COLD).mood
        return target.current if target else None

    assert current(stated=Mood(0.3, 0.3), emotion=happy) == Mood(0.3, 0.3)
    assert current(emotion=happy) == Mood(0.81, 0.51)
    said = current()
    assert said is not None
    assert said.valence < -0.5
    assert current(strategy="off") is None


def test_mood_of_a_text_blends_its_words_with_its_lyrics_and_is_less_than_sure() -> None:
    def target(text: str) -> tuple[Mood, float]:
        found = ENGINE.recommend(Query("x", text=text), COLD).mood
        assert found is not None
        return found.current, found.confidence

    config = toys.config().text
    vector_only, confidence = target("meadow")
    assert vector_only.valence == pytest.approx(0.8, abs=1e-3)
    assert confidence == config.confidence < 1
    both, confidence = target("calm coffin")
    calm = MOOD_WORDS["calm"]
    share = config.words_share
    assert both.valence == pytest.approx(share * calm.valence + (1 - share) * -0.8, abs=1e-3)
    assert confidence == config.words_confidence < 1
    words_only, _ = target("calm")
    assert words_only == calm


@pytest.mark.parametrize(
    ("text", "says"),
    [("", "no words"), ("  \n\t", "no words"), ("🎉🔥", "no words"), ("\x00\x00", "no words"),
     ("...!?", "no words"), ("x" * 501, "501 characters"), ("meadow " * 1429, "10003 characters")],
)  # fmt: skip
def test_texts_without_words_and_too_long_ones_are_refused(text: str, says: str) -> None:
    for found in (ENGINE, Engine()):
        with pytest.raises(InvalidParameterError, match=says) as caught:
            found.recommend(Query("x", text=text), COLD)
        assert caught.value.parameter == "text"


def test_words_that_nobody_knows_are_said_to_be_unknown() -> None:
    with pytest.raises(InvalidParameterError, match="'qwertz'"):
        ENGINE.recommend(Query("x", text="qwertz"), COLD)


@pytest.mark.parametrize(
    "text",
    ["mea\x00dow\x00 meadow 🎉", "שלום meadow", "\u202emeadow\u202c", "MEADOW meadow\r\n\ud800",
     "m" * 400 + " meadow"],
)  # fmt: skip
def test_strange_texts_get_a_sane_answer(text: str) -> None:
    assert parities(text) == {0}


@settings(max_examples=150, deadline=None)
@given(st.text(max_size=600))
def test_any_text_is_answered_or_refused(text: str) -> None:
    try:
        answer = ENGINE.recommend(Query("x", n=3, text=text), COLD)
    except InvalidParameterError:
        return
    assert len(answer.songs) == 3
    assert "\x00" not in checked_text(text)


def test_without_an_encoder_names_and_mood_words_still_count() -> None:
    found = Engine(build_pipeline(toys.model(), "toy"))
    assert parities("metal", found=found) == {1}
    answer = found.recommend(Query("x", n=6, text="calm"), COLD)
    assert {int(s.song_id[1:]) % 2 for s in answer.songs} == {0}
    with pytest.raises(InvalidParameterError):
        found.recommend(Query("x", text="meadow"), COLD)


def test_a_query_without_text_asks_no_encoder() -> None:
    encoder = FakeEncoder()
    engine(encoder).recommend(Query("x"), COLD)
    assert encoder.asked == []


def test_the_encoder_is_opened_once_by_the_first_text_of_any_thread() -> None:
    opened: list[FakeEncoder] = []
    together = threading.Barrier(4)

    def load() -> FakeEncoder:
        opened.append(FakeEncoder())
        return opened[-1]

    lazy = LazyTextEncoder(load)
    reader = TextReader(lazy)
    assert opened == []

    def ask() -> None:
        together.wait()
        reader.encoder.encode(["meadow"])  # type: ignore[union-attr]

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(opened) == 1
    assert opened[0].asked == ["meadow"] * 4
    assert (lazy.name, lazy.dimension) == ("fake", 384)


INDEX = WordIndex.build(
    [
        "artist:slow",
        "tag:hip hop",
        "tag:hop",
        "genre:hip hop",
        "tag:rainy day",
        "tag:blues",
        "tag:a",
    ],
    ["slow", "radiohead", "beatles", "simon and garfunkel", "sad", "rage against the machine"],
)


@pytest.mark.parametrize(
    ("text", "columns", "artists"),
    [
        ("hip-hop", {1, 3}, set()),
        ("some hop", {2}, set()),
        ("rainy days", {4}, set()),
        ("the blue, a lot", {5}, set()),
        ("slow and warm", set(), set()),  # an artist's name, but an ordinary word here
        ("slow", set(), {0}),
        ("ballads by radiohead", set(), {1}),
        ("radiohead ballads", set(), set()),
        ("The Beatles", set(), {2}),
        ("Simon & Garfunkel in the rain", set(), {3}),
        ("sad", set(), set()),  # a mood before an artist
        ("rage against the machine please", set(), {5}),
    ],
)  # fmt: skip
def test_words_are_looked_up_longest_first(text: str, columns: set[int], artists: set[int]) -> None:
    found = INDEX.find(text)
    assert (set(found.columns.tolist()), set(found.artists.tolist())) == (columns, artists)
