"""Filters are applied before anything is ranked, in every part and in every fallback."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from data.db.repositories import SongRepository
from data.db.session import Database
from data.filters import ANY_SONG, SongFilter
from data.settings import Settings
from data.types import EmotionScores, Mood, Song, SongInput, Strategy, UserHistory
from recommender.bootstrap import build_pipeline
from recommender.catalogue import Catalogue
from recommender.engine import Engine
from recommender.filters import SongFacts, left_out
from recommender.journeys.query import JourneyQuery
from recommender.loading import with_facts
from recommender.model import RecommenderModel
from recommender.query import Query, Snapshot
from tests.recommender import toys

SAD = EmotionScores((0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0), 1.0, False)


def described(song: Song, number: int) -> Song:
    """Every third song is French or unknown, years go up by one, every fourth is explicit."""
    return replace(
        song,
        language=(None if number % 6 == 0 else "fr") if number % 3 == 0 else "en-GB",
        year=None if number == 1 else 1990 + number,
        explicit=(None, False, None, True)[number % 4],
    )


SONGS = [described(song, number) for number, song in enumerate(toys.songs())]
BY_ID = {song.id: song for song in SONGS}


def _model() -> RecommenderModel:
    fitted = toys.model()
    return replace(fitted, catalogue=replace(fitted.catalogue, facts=SongFacts.of(SONGS)))


MODEL = _model()
ENGINE = Engine(build_pipeline(MODEL, "v1"), version="v1")
CASES: dict[str, tuple[SongFilter, Callable[[Song], bool]]] = {
    "french": (SongFilter(languages=("fr",)), lambda s: s.language == "fr"),
    "either": (SongFilter(languages=("fr", "en")), lambda s: s.language is not None),
    "from": (SongFilter(year_from=2003), lambda s: s.year is not None and s.year >= 2003),
    "to": (SongFilter(year_to=1999), lambda s: s.year is not None and s.year <= 1999),
    "clean": (SongFilter(explicit=False), lambda s: s.explicit is not True),
    "artist": (
        SongFilter(without_artists=("ARTIST 0 0", "artist 2-1")),
        lambda s: s.artist not in {"Artist 0-0", "Artist 2-1"},
    ),
    "all": (
        SongFilter(("en",), 1995, 2008, False, ("Artist 1-1",)),
        lambda s: s.language == "en-GB" and 1995 <= (s.year or 0) <= 2008 and s.explicit is not True
        and s.artist != "Artist 1-1",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("history", [UserHistory("x"), toys.history(), toys.history(parity=1)])
@pytest.mark.parametrize("moment", [{}, {"stated": Mood(0.8, -0.5)}, {"emotion": SAD}])
def test_a_list_holds_every_song_that_is_admitted_and_no_other(
    name: str, history: UserHistory, moment: dict[str, object]
) -> None:
    songs, admits = CASES[name]
    answer = ENGINE.recommend(Query("u", n=100, songs=songs, **moment), history)  # type: ignore[arg-type]
    wanted = {s.id for s in SONGS if admits(s) and s.id not in history.song_ids}
    assert {s.song_id for s in answer.songs} == wanted
    assert len(wanted) >= 1


@pytest.mark.parametrize("name", CASES)
def test_a_short_list_is_as_long_as_without_a_filter(name: str) -> None:
    songs, admits = CASES[name]
    some = min(3, sum(map(admits, SONGS)))
    assert len(ENGINE.recommend(Query("u", n=some, songs=songs), UserHistory("u")).songs) == some


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("strategy", ["match", "off"])
def test_playlists_hold_admitted_songs_only(name: str, strategy: Strategy) -> None:
    songs, admits = CASES[name]
    query = JourneyQuery("u", Mood(0.8, -0.5), Mood(-0.8, 0.5), 5, strategy=strategy, songs=songs)
    found = [BY_ID[s.song_id] for s in ENGINE.playlist(query, UserHistory("u")).songs]
    assert all(map(admits, found))
    assert len(found) == min(5, sum(map(admits, SONGS)))


def test_muted_artists_come_in_no_list() -> None:
    history = replace(toys.history(count=2), muted=("artist 1 0", "Not in the catalogue"))
    for query in (
        Query("u", n=100),
        Query("u", n=100, exclude_heard=False, stated=Mood(0.8, -0.5)),
    ):
        found = [BY_ID[s.song_id].artist for s in ENGINE.recommend(query, history).songs]
        assert "Artist 1-0" not in found
        assert "Artist 1-1" in found
    journey = JourneyQuery("u", Mood(0.8, -0.5), Mood(-0.8, 0.5), 20)
    found = [BY_ID[s.song_id].artist for s in ENGINE.playlist(journey, history).songs]
    assert "Artist 1-0" not in found


def test_songs_that_came_after_the_bundle_are_filtered_by_what_they_are() -> None:
    new = [
        Song("n1", "New", "Artist 0-0", language="sv", year=2024, explicit=True),
        Song("n2", "Newer", "Nobody Yet", language="sv", year=2025),
        replace(BY_ID["s03"], language="sv", year=2026, explicit=None),
    ]
    engine = ENGINE.with_songs(new, np.full((3, 384), np.nan, dtype=np.float32))

    def found(songs: SongFilter) -> set[str]:
        answer = engine.recommend(Query("u", n=100, songs=songs), UserHistory("u"))
        return {s.song_id for s in answer.songs}

    assert found(SongFilter(languages=("sv",))) == {"n1", "n2", "s03"}
    assert found(SongFilter(languages=("sv",), explicit=False)) == {"n2", "s03"}
    assert found(SongFilter(year_from=2020)) == {"n1", "n2", "s03"}
    assert found(SongFilter(languages=("sv",), without_artists=("nobody yet",))) == {"n1", "s03"}
    assert found(ANY_SONG) == {*BY_ID, "n1", "n2"}


def test_a_later_page_leaves_out_what_came_since() -> None:
    new = [Song("n1", "New", "Nobody Yet", valence=0.8, arousal=-0.5)]
    engine = ENGINE.with_songs(new, np.full((1, 384), np.nan, dtype=np.float32))
    whole = ENGINE.recommend(Query("u", n=24, stated=Mood(0.8, -0.5)), toys.history()).songs
    later = Query("u", n=24, stated=Mood(0.8, -0.5), snapshot=Snapshot(0, len(SONGS)))
    assert engine.recommend(later, toys.history()).songs == whole
    assert engine.recommend(replace(later, snapshot=None), toys.history()).songs != whole


def test_facts_survive_the_file_and_old_files_load_without(tmp_path: Path) -> None:
    MODEL.save(tmp_path / "new.npz")
    loaded = RecommenderModel.load(tmp_path / "new.npz").catalogue
    assert loaded.facts is not None
    for name in ("years", "languages", "explicit"):
        assert np.array_equal(getattr(loaded.facts, name), getattr(SongFacts.of(SONGS), name))
    replace(MODEL, catalogue=replace(MODEL.catalogue, facts=None)).save(tmp_path / "old.npz")
    old = RecommenderModel.load(tmp_path / "old.npz")
    assert old.catalogue.facts is None
    engine = Engine(build_pipeline(old, "v0"), version="v0")
    plain = engine.recommend(Query("u", n=100), UserHistory("u"))
    assert len(plain.songs) == len(SONGS)
    asked = Query("u", n=100, songs=SongFilter(languages=("en",)))
    assert engine.recommend(asked, UserHistory("u")).songs == ()


def test_positions_left_out_are_sorted_and_named_once() -> None:
    catalogue: Catalogue = MODEL.catalogue
    found = left_out(catalogue, ["s05", "s05", "gone", "s01"], SongFilter(year_to=1992), (), 20)
    assert found.tolist() == [1, *range(3, 24)]
    assert left_out(catalogue, [], ANY_SONG).tolist() == []


def test_years_that_no_song_has_are_unknown() -> None:
    facts = SongFacts.of([Song("a", "A", "B", year=123_456), Song("b", "B", "C", year=-4)])
    assert facts.years.tolist() == [0, 0]


def test_an_old_bundle_takes_what_it_lacks_from_the_database(tmp_path: Path) -> None:
    old = replace(MODEL, catalogue=replace(MODEL.catalogue, facts=None))
    settings = Settings(home=tmp_path, database_url=None, _env_file=None)  # type: ignore[call-arg]
    assert with_facts(settings, old).catalogue.facts is None
    assert not (tmp_path / "attune.db").exists()
    database = Database(settings.sqlalchemy_url)
    database.upgrade()
    rows = [
        SongInput(s.id, s.title, s.artist, year=s.year, language=s.language, explicit=s.explicit)
        for s in (*SONGS[:20], Song("later", "Not in the bundle", "Artist 0-0", year=2030))
    ]
    with database.session() as session:
        SongRepository(session).upsert_many(rows)
    database.dispose()
    found = with_facts(settings, old).catalogue.facts
    assert found is not None
    assert found.years[:20].tolist() == SongFacts.of(SONGS).years[:20].tolist()
    assert found.languages[:20].tolist() == SongFacts.of(SONGS).languages[:20].tolist()
    assert found.explicit[:20].tolist() == SongFacts.of(SONGS).explicit[:20].tolist()
    assert found.years[20:].tolist() == [0] * 4
