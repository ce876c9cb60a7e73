from __future__ import annotations

from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from api.loadtest.catalogue import make_home
from data.datasets.drawn import DrawnConfig, draw, draw_events, draw_songs, draw_vectors
from data.errors import ConfigError
from data.settings import Settings
from recommender.answering import answer_query
from recommender.bootstrap import build_database, build_engine
from recommender.query import Query

SMALL = DrawnConfig(songs=300, listeners=40, median_listens=30)


def test_the_same_seed_draws_the_same() -> None:
    first, again = draw(SMALL), draw(SMALL)
    assert list(draw_songs(first)) == list(draw_songs(again))
    assert list(draw_events(first)) == list(draw_events(again))
    assert np.array_equal(draw_vectors(first), draw_vectors(again))
    other = draw(SMALL.model_copy(update={"seed": 8}))
    assert list(draw_events(first)) != list(draw_events(other))


def test_songs_are_whole_and_distinct() -> None:
    songs = list(draw_songs(draw(SMALL)))
    assert len({song.id for song in songs}) == len({song.lyrics for song in songs}) == 300
    assert all(song.genre and song.tags and song.links and song.duration_s for song in songs)
    stated = [song for song in songs if song.valence is not None]
    assert 0.4 < len(stated) / 300 < 0.8
    assert all(-1 <= song.valence <= 1 for song in stated if song.valence is not None)
    assert 10 < len({song.artist for song in songs}) < 40


def test_a_few_songs_have_most_of_the_listens() -> None:
    drawn = draw(SMALL)
    events = [row for listener in draw_events(drawn) for row in listener]
    assert len({row.user_id for row in events}) == 40
    counts = np.sort(np.unique([row.song_id for row in events], return_counts=True)[1])[::-1]
    assert counts[:60].sum() > 0.5 * counts.sum()
    for listener in islice(draw_events(drawn), 10):
        assert [row.at for row in listener] == sorted(row.at for row in listener)


def test_vectors_of_an_artist_are_alike() -> None:
    drawn = draw(SMALL)
    vectors = draw_vectors(drawn)
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    near = vectors @ vectors.T
    same = drawn.artist[:, None] == drawn.artist[None]
    np.fill_diagonal(same, False)
    assert near[same].mean() > near[~same].mean() + 0.3


def test_a_home_is_made_trained_and_served(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, _env_file=None)  # type: ignore[call-arg]
    bundle = make_home(settings, SMALL, lambda line: None)
    engine, database = build_engine(settings), build_database(settings)
    try:
        assert engine.version == bundle.version
        assert engine.catalogue == "demo"  # simulated listeners, and the page says so
        answer = answer_query(engine, database, Query("listener-00003")).recommendation
        assert len(answer.songs) == 20
        assert answer.fallback is None
        assert any(ranked.reasons for ranked in answer.songs)
    finally:
        database.dispose()
    with pytest.raises(ConfigError, match="holds songs already"):
        make_home(settings, SMALL, lambda line: None)
