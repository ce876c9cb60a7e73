"""Songs near a song: of the same kind, not one album, with true reasons."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from data.errors import InvalidParameterError
from data.types import Song
from recommender.bootstrap import build_pipeline
from recommender.engine import Engine
from recommender.errors import UnknownSongError
from tests.recommender import toys
from tests.recommender.fakes import engine, vectors

ENGINE = engine()


@pytest.mark.parametrize("song", ["s00", "s01", "s05", "s22"])
def test_neighbours_are_of_the_same_kind_and_never_the_song_itself(song: str) -> None:
    near = ENGINE.similar(song, 8)
    assert [s.rank for s in near] == list(range(1, 9))
    assert song not in {s.song_id for s in near}
    assert {int(s.song_id[1:]) % 2 for s in near} == {int(song[1:]) % 2}
    scores = [s.score for s in near]
    assert scores == sorted(scores, reverse=True)


def album() -> Engine:
    """Ten songs of one artist's album, and the checkerboard."""
    songs = [
        Song(f"a{i}", f"A{i}", "Albumist", album="The Album", genre="folk", tags=("live", "rock"))
        for i in range(10)
    ]
    return ENGINE.with_songs(songs, np.repeat(vectors(np.array([[1, 0]], np.float32)), 10, axis=0))


@pytest.mark.parametrize("per_artist", [1, 3, 5])
def test_a_list_is_not_one_album(per_artist: int) -> None:
    near = album().similar("a0", 12, per_artist)
    assert len([s for s in near if s.song_id.startswith("a")]) == per_artist
    names = {s.id: s.artist for s in toys.songs()}
    counts = Counter(names.get(s.song_id, "Albumist") for s in near)
    assert max(counts.values()) == per_artist
    assert len(counts) > 4


def test_reasons_name_what_is_shared_and_add_up() -> None:
    first = album().similar("a0", 1)[0]
    assert {r.text for r in first.reasons} == {
        "Lyrics are close",
        "By the same artist, Albumist",
        "From the same album",
        "Shares tags: live, rock",
    }
    assert sum(r.weight for r in first.reasons) == pytest.approx(
        1, abs=0.05
    )  # the genre, below a twentieth, is left out
    assert {r.kind for r in first.reasons} == {"content"}
    other = next(s for s in album().similar("a0", 12) if s.song_id.startswith("s"))
    assert {r.text for r in other.reasons} == {"Lyrics are close", "Same genre: folk"}


def test_a_song_without_lyrics_is_not_said_to_have_close_ones() -> None:
    """s05 has no lyrics."""
    texts = {r.text for s in ENGINE.similar("s05", 8) for r in s.reasons}
    assert not any("yrics" in t for t in texts)
    assert "Same genre: metal" in texts


def test_listeners_fill_up_where_content_knows_nobody() -> None:
    blank = [replace(s, genre=None, artist=f"Only {s.id}", title=f"T {s.id}") for s in toys.songs()]
    found = Engine(build_pipeline(toys.model(), "toy")).with_songs(
        blank, np.full((toys.SONGS, 384), np.nan, dtype=np.float32)
    )
    near = found.similar("s00", 6)
    assert {int(s.song_id[1:]) % 2 for s in near} == {0}
    assert {(r.kind, r.text) for s in near for r in s.reasons} == {
        ("collaborative", "Played by the same listeners")
    }


def test_nothing_known_is_a_short_list_not_an_error() -> None:
    bare = Song("bare", "Bare", "Nobody")
    found = ENGINE.with_songs([bare], np.full((1, 384), np.nan, dtype=np.float32))
    assert found.similar("bare", 5) == ()


def test_unknown_songs_and_bad_numbers_are_named() -> None:
    with pytest.raises(UnknownSongError, match="'nope'"):
        ENGINE.similar("nope", 5)
    with pytest.raises(UnknownSongError, match="no bundle"):
        Engine().similar("s00", 5)
    for n, per_artist, name in ((0, 3, "n"), (5, 0, "per_artist")):
        with pytest.raises(InvalidParameterError) as caught:
            ENGINE.similar("s00", n, per_artist)
        assert caught.value.parameter == name
