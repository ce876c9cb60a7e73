"""The demo catalogue with its real vectors: newcomers, neighbours and texts make sense."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from data.datasets.demo.catalogue import load_artists
from data.settings import Settings
from data.types import Mood, Song, UserHistory
from nlp.cleaning import clean_lyrics, text_key
from nlp.demo import demo_vectors_path
from nlp.mood import MoodModel
from nlp.vectors import VectorStore
from recommender.bootstrap import build_engine
from recommender.engine import Engine
from recommender.model import RecommenderModel
from recommender.query import Query

SONGS = {
    s.id: (artist, s) for artist in load_artists() for s in artist.songs
}  # the catalogue as written, moods included


@pytest.fixture(scope="module")
def engine(demo_settings: Settings) -> Engine:
    return build_engine(demo_settings)


def model_of(engine: Engine) -> RecommenderModel:
    assert engine.pipeline is not None
    return engine.pipeline.model


def posted(song_id: str, new_id: str) -> tuple[Song, np.ndarray]:
    """A demo song's words under a new id, by an artist nobody knows, without a stated mood."""
    _, song = SONGS[song_id]
    store = VectorStore(demo_vectors_path())
    vector = store.get([text_key(clean_lyrics(song.lyrics))])
    return Song(new_id, song.title, f"Newcomer {new_id}"), vector


def nearest(mood: Mood) -> str:
    """The song whose words the bundle's mood model reads nearest to a mood."""
    store, ids = VectorStore(demo_vectors_path()), list(SONGS)
    read = MoodModel.load().predict(
        store.get([text_key(clean_lyrics(SONGS[i][1].lyrics)) for i in ids])
    )
    offset = np.stack([read.valence - mood.valence, read.arousal - mood.arousal])
    return ids[int(np.nanargmin(np.linalg.norm(offset, axis=0)))]


def test_a_posted_sad_song_is_found_by_who_states_sad(engine: Engine) -> None:
    sad, glad = Mood(-0.63, -0.27), Mood(0.81, 0.51)
    posts = [posted(nearest(sad), "new-sad"), posted(nearest(glad), "new-glad")]
    songs, vectors = zip(*posts, strict=True)
    extended = engine.with_songs(songs, np.vstack(vectors))
    moods = extended.song_moods(["new-sad", "new-glad"])
    assert moods["new-sad"][0] < -0.2 < 0.2 < moods["new-glad"][0]

    def place(mood: Mood, song: str) -> int:
        query = Query("nobody-at-all", n=100, stated=mood)
        answer = extended.recommend(query, UserHistory("nobody-at-all"))
        return [*[s.song_id for s in answer.songs], song].index(song)

    assert place(sad, "new-sad") < place(sad, "new-glad")
    assert place(glad, "new-glad") < place(glad, "new-sad")
    assert place(sad, "new-sad") < 50


def test_neighbours_share_the_genre_more_often_than_chance(engine: Engine) -> None:
    genres = {song_id: artist.genre for song_id, (artist, _) in SONGS.items()}
    names = {song_id: artist.name for song_id, (artist, _) in SONGS.items()}
    same, pairs = 0, 0
    for song_id in list(SONGS)[::9]:
        others = [
            s.song_id for s in engine.similar(song_id, 10) if names[s.song_id] != names[song_id]
        ]
        same += sum(genres[o] == genres[song_id] for o in others)
        pairs += len(others)
    counts = np.unique(list(genres.values()), return_counts=True)[1] / len(genres)
    chance = float((counts**2).sum())
    assert pairs > 200
    assert same / pairs > 1.5 * chance


def test_neighbours_are_of_three_songs_an_artist_at_most(engine: Engine) -> None:
    for song_id in list(SONGS)[::40]:
        names = [SONGS[s.song_id][0].name for s in engine.similar(song_id, 20)]
        assert len(names) == 20
        assert max(names.count(n) for n in names) <= 3


def test_reasons_of_neighbours_name_tags_that_both_have(engine: Engine) -> None:
    from data.text import fold

    def tags(song_id: str) -> set[str]:
        artist, song = SONGS[song_id]
        return {fold(t) for t in (*artist.tags, *song.tags)}

    named = 0
    for song_id in list(SONGS)[::20]:
        for near in engine.similar(song_id, 10):
            for reason in near.reasons:
                kind, _, words = reason.text.partition(": ")
                if kind == "Shares tags":
                    named += 1
                    assert set(words.split(", ")) <= tags(song_id) & tags(near.song_id)
                elif kind == "Same genre":
                    assert SONGS[song_id][0].genre == SONGS[near.song_id][0].genre
    assert named > 20


def test_a_text_finds_what_it_asks_for(engine: Engine) -> None:
    """A tag of the catalogue, asked for by a cold user and by a listener."""
    tag = "city"
    having = {i for i, (a, s) in SONGS.items() if tag in (*a.tags, *s.tags)}
    assert 1 < len(having) < len(SONGS) / 4
    for history in (UserHistory("x"), UserHistory("u", True, (next(iter(SONGS)),), (4.0,))):
        answer = engine.recommend(Query("x", n=min(10, len(having)), text="in the city"), history)
        found = [s for s in answer.songs if s.song_id in having]
        assert len(found) >= 0.8 * len(answer.songs)
        assert all("Tagged city" in {r.text for r in s.reasons} for s in found)


def test_mood_words_of_a_text_move_the_list(engine: Engine) -> None:
    moods = {i: s.mood for i, (_, s) in SONGS.items()}

    def valence(text: str) -> float:
        songs = engine.recommend(Query("x", n=20, text=text), UserHistory("x")).songs
        return sum(moods[s.song_id].valence for s in songs) / 20

    assert valence("sad and lonely") < valence("happy and joyful") - 0.2


def test_pages_and_bundles_agree_after_newcomers(engine: Engine) -> None:
    """A newcomer that nothing connects to the listener changes no other place."""
    bare = Song("bare", "Bare", "Nobody at all")
    extended = engine.with_songs([bare], np.full((1, 384), np.nan, dtype=np.float32))
    query = Query("ada-007", n=20)
    history = UserHistory("ada-007", True, tuple(list(SONGS)[:8]), (1.0,) * 8)
    assert [s.song_id for s in extended.recommend(query, history).songs] == [
        s.song_id for s in engine.recommend(query, history).songs
    ]
    assert model_of(extended).config == model_of(engine).config
    assert replace(extended, newcomers={}).version == engine.version
