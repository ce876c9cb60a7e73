"""The demo songs: complete, spread over the mood plane, and not one template."""

from __future__ import annotations

import itertools
import re
from collections import Counter, defaultdict
from pathlib import Path

import pytest

from data.datasets.demo import catalogue, demo_songs, intended_moods, load_artists
from data.errors import DatasetFormatError
from data.types import SongInput

ARTISTS = load_artists()
SONGS = demo_songs()
#: Worn-out words; a song may need one, a catalogue of them is a template.
TIRED = ("neon", "whisper", "whispers", "ember", "embers", "tapestry", "symphony", "echoes")


def _lines(lyrics: str) -> list[str]:
    lines = (line.strip() for line in lyrics.splitlines())
    return [line for line in lines if line and not re.fullmatch(r"\[.*\]", line)]


def _words(text: str) -> list[str]:
    return re.findall(r"[^\W\d_]+(?:['’][^\W\d_]+)*", text.lower())


def test_there_are_enough_songs_of_enough_genres() -> None:
    assert len(SONGS) >= 400
    per_genre = Counter(song.genre for song in SONGS)
    assert len(per_genre) >= 15
    assert min(per_genre.values()) >= 12


@pytest.mark.parametrize("song", SONGS, ids=lambda song: song.id)
def test_every_song_is_complete_and_in_range(song: SongInput) -> None:
    assert re.fullmatch(r"demo(-[a-z0-9]+)+", song.id)
    assert song.title.strip() == song.title != ""
    assert song.album
    assert song.year is not None
    assert 1978 <= song.year <= 2026
    assert song.duration_s is not None
    assert 90 <= song.duration_s <= 430
    assert song.language in {"en", "es", "fr"}
    assert song.valence is not None
    assert song.arousal is not None
    assert -1 <= song.valence <= 1
    assert -1 <= song.arousal <= 1
    assert song.links is None
    assert 4 <= len(song.tags) <= 9
    assert all(tag == tag.lower().strip() != "" for tag in song.tags)
    assert song.lyrics is not None
    assert 60 <= len(_words(song.lyrics)) <= 400
    assert len(_lines(song.lyrics)) >= 8
    assert not re.search(r"<|>|https?:|\t|TODO", song.lyrics)


def test_ids_and_names_are_unique() -> None:
    assert len({song.id for song in SONGS}) == len(SONGS)
    assert len({artist.name.casefold() for artist in ARTISTS}) == len(ARTISTS)
    for artist in ARTISTS:
        assert len({song.title.casefold() for song in artist.songs}) == len(artist.songs)


def test_artist_names_are_independent_of_each_other() -> None:
    common = {"the", "and", "of"}
    uses = Counter(
        word for artist in ARTISTS for word in set(_words(artist.name)) if word not in common
    )
    assert {word: n for word, n in uses.items() if n > 1} == {}


def test_titles_are_unique() -> None:
    titles = Counter(song.title.casefold() for song in SONGS)
    assert [title for title, n in titles.items() if n > 1] == []


def test_every_quadrant_holds_a_fifth_of_the_songs() -> None:
    quadrants = Counter((mood.valence > 0, mood.arousal > 0) for mood in intended_moods().values())
    assert len(quadrants) == 4
    assert min(quadrants.values()) >= 0.2 * len(SONGS)


def test_every_artist_and_genre_moves_over_the_plane() -> None:
    for artist in ARTISTS:
        assert len({(s.mood.valence > 0, s.mood.arousal > 0) for s in artist.songs}) >= 3, artist
    extreme = [m for m in intended_moods().values() if max(abs(m.valence), abs(m.arousal)) > 0.8]
    assert len(extreme) >= 40


def test_rows_carry_the_intended_moods() -> None:
    moods = intended_moods()
    assert set(moods) == {song.id for song in SONGS}
    assert all((s.valence, s.arousal) == (moods[s.id].valence, moods[s.id].arousal) for s in SONGS)


def test_no_line_stands_in_two_songs() -> None:
    homes: dict[tuple[str, ...], set[str]] = defaultdict(set)
    for song in SONGS:
        for line in _lines(song.lyrics or ""):
            words = tuple(_words(line))
            if len(words) > 3:
                homes[words].add(song.id)
    assert {" ".join(line): ids for line, ids in homes.items() if len(ids) > 1} == {}


def test_no_two_songs_share_their_phrases() -> None:
    """The share of the shorter song's three-word phrases found in the other stays below 8 %."""
    phrases = []
    for song in SONGS:
        words = _words(" ".join(_lines(song.lyrics or "")))
        phrases.append(set(zip(words, words[1:], words[2:], strict=False)))
    overlap = [len(a & b) / min(len(a), len(b)) for a, b in itertools.combinations(phrases, 2)]
    assert max(overlap) < 0.08


def test_no_opening_or_form_is_a_template() -> None:
    openings = Counter(tuple(_words(_lines(song.lyrics or "")[0])[:3]) for song in SONGS)
    assert max(openings.values()) <= 4
    forms = Counter(tuple(re.findall(r"\[(.*?)\]", song.lyrics or "")) for song in SONGS)
    assert len(forms) >= 150


def test_tired_words_are_rare() -> None:
    words = Counter(word for song in SONGS for word in _words(song.lyrics or ""))
    assert sum(words[word] for word in TIRED) <= 5


def test_a_broken_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "nobody.toml"
    path.write_text('name = "Nobody"\n', encoding="utf-8")
    with pytest.raises(DatasetFormatError, match=r"nobody\.toml"):
        catalogue._read(path)
