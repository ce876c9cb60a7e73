"""Which songs the listens of an export are matched to, and what is told of the others."""

from __future__ import annotations

import csv
import json
import logging
import random
import re
import unicodedata
import zipfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from data.db.repositories import InteractionRepository, SongRepository
from data.db.repositories.ingest_runs import IngestRunRepository
from data.db.session import Database
from data.ingest import IngestReport, forget_unmatched, ingest_listens, runs, write_unmatched
from data.ingest.matching import SongMatcher
from data.ingest.rows import parse_listen
from data.text import song_key
from data.types import SongInput

_log = logging.getLogger(__name__)
MBID = "1e2d3c4b-0000-4000-8000-00000000000a"
TRACK = "0AbcdefghijklmnopqrstU"
CATALOGUE = [
    SongInput("s1", "One", "Björk & The Others", links={
        "musicbrainz": f"https://musicbrainz.org/recording/{MBID}"}),
    SongInput("s2", "Two", "The Ands", links={"x": f"https://open.spotify.com/track/{TRACK}?si=1"}),
    SongInput("s3", "Same", "Ada, Bo"),
    SongInput("s4", "Same", "Ada & Cy"),
    SongInput("isrc:GBAAA0000001", "Three", "Dee"),
]  # fmt: skip


def listen(title: str, artist: str, at: int, **track: Any) -> dict[str, Any]:
    told = {"track_name": title, "artist_name": artist, **track}
    return {"listened_at": at, "user_name": "me", "track_metadata": told}


def ingest(database: Database, path: Path, items: list[Any], **more: Any) -> IngestReport:
    path.write_text("\n".join(map(json.dumps, items)))
    rejects = path.with_suffix(".rejects")
    return ingest_listens(database, [path], format="listenbrainz", rejects=rejects, **more)


def heard(database: Database) -> list[str]:
    with database.session() as session:
        return [e.song_id for b in InteractionRepository(session).iter_events() for e in b]


LISTENS = [
    listen("?", "?", 1, mbid_mapping={"recording_mbid": MBID}),
    listen("?", "?", 2, additional_info={"isrc": "gb-aaa-00-00001"}),
    listen("?", "?", 3, additional_info={"spotify_id": f"https://open.spotify.com/track/{TRACK}"}),
    listen("TWO (feat. Eve) - Remastered 2011", "Ands", 4),
    listen("One", "Bjork", 5, additional_info={"recording_mbid": "no id"}),
    listen("Same", "Ada", 6),
    listen("New", "Fay", 7),
    listen("new", "FAY", 8),
]


def test_the_ways_in_turn(database: Database, tmp_path: Path) -> None:
    with database.session() as session:
        SongRepository(session).upsert_many(CATALOGUE)
    done = ingest(database, tmp_path / "a.jsonl", LISTENS)
    assert done.written == 8
    assert heard(database) == [
        "s1", "isrc:GBAAA0000001", "s2", "s2", "s1", "ada|same", "fay|new", "fay|new",
    ]  # fmt: skip
    assert done.matches.ways == Counter(
        {"none": 3, "mbid": 1, "isrc": 1, "spotify": 1, "title": 1, "first_artist": 1}
    )
    assert done.matches.unmatched.most_common() == [(("me", "Fay", "New"), 2),
                                                    (("me", "Ada", "Same"), 1)]  # fmt: skip


def test_a_song_that_is_made_keeps_its_identifiers(database: Database, tmp_path: Path) -> None:
    made = listen("One", "A", 1, mbid_mapping={"recording_mbid": MBID})
    loved = {"recording_mbid": MBID, "score": 1, "created": 3}
    done = ingest(database, tmp_path / "a.jsonl", [made, {**loved, "user_name": "me"}], user="me")
    assert done.written == 2
    done = ingest(
        database,
        tmp_path / "b.jsonl",
        [listen("Uno", "A.", 2, mbid_mapping={"recording_mbid": MBID})],
    )
    assert heard(database) == ["a|one", "a|one", "a|one"]
    assert done.matches.ways == {"mbid": 1}


def test_a_larger_catalogue_doubles_no_listen(database: Database, tmp_path: Path) -> None:
    items = [listen("One", "A", 1, mbid_mapping={"recording_mbid": MBID})]
    ingest(database, tmp_path / "a.jsonl", items)
    with database.session() as session:
        SongRepository(session).upsert_many([SongInput(f"mbid:{MBID}", "One", "A")])
    again = [*items, listen("Two", "A", 2)]
    done = ingest(database, tmp_path / "b.jsonl", again)
    assert (done.written, done.skipped) == (1, 1)
    assert heard(database) == ["a|one", "a|two"]


def test_without_new_songs_the_others_are_set_aside(database: Database, tmp_path: Path) -> None:
    with database.session() as session:
        SongRepository(session).upsert_many(CATALOGUE)
    done = ingest(database, tmp_path / "a.jsonl", LISTENS, new_songs=False)
    assert (done.written, done.rejected) == (5, 3)
    with database.session() as session:
        assert SongRepository(session).count() == len(CATALOGUE)
    # With other rules the same file is read again; nothing is doubled.
    done = ingest(database, tmp_path / "a.jsonl", LISTENS)
    assert (done.written, done.skipped) == (3, 5)


def test_an_erased_user_leaves_the_file_of_what_was_not_matched(tmp_path: Path) -> None:
    path = tmp_path / "listens.unmatched.csv"
    write_unmatched(path, [(("me", 'A "b", c', "T\n"), 2), (("you", "A", "T"), 1)])
    assert forget_unmatched(tmp_path, "me") == 1
    with path.open(newline="") as stream:
        assert list(csv.reader(stream)) == [
            ["user", "artist", "title", "listens"], ["you", "A", "T", "1"],
        ]  # fmt: skip
    assert forget_unmatched(tmp_path, "me") == 0


# How services spell one song: title and artist in, title and artist out.
Spelling = Callable[[str, str], tuple[str, str]]
SPELLINGS: dict[str, Spelling] = {
    "as it is": lambda t, a: (t, a),
    "upper case": lambda t, a: (t.upper(), a.upper()),
    "remastered": lambda t, a: (f"{t} - Remastered 2011", a),
    "remaster in brackets": lambda t, a: (f"{t} (2009 Remaster)", a),
    "live": lambda t, a: (f"{t} - Live at Wembley", a),
    "guest in the title": lambda t, a: (f"{t} (feat. Somebody Else)", a),
    "guest in the artist": lambda t, a: (t, f"{a} feat. Somebody Else"),
    "single version": lambda t, a: (f"{t} - Single Version", a),
    "explicit": lambda t, a: (f"{t} [Explicit]", a),
    "no accents": lambda t, a: (_ascii(t), _ascii(a)),
    "decomposed": lambda t, a: (unicodedata.normalize("NFD", t), unicodedata.normalize("NFD", a)),
    "typographic": lambda t, a: (t.replace("'", "’"), a.replace("'", "’")),
    "and": lambda t, a: (t.replace("&", "and"), a.replace("&", "and")),
    "the": lambda t, a: (t, a[4:] if a.lower().startswith("the ") else f"The {a}"),
    "second artist": lambda t, a: (t, f"{a}, Somebody Else"),
    "first artist": lambda t, a: (t, re.split(r", | & ", a)[0]),
}  # fmt: skip


def _ascii(text: str) -> str:
    return unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode() or text


@pytest.mark.shared
@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_real_titles_as_the_services_spell_them(database: Database, shared: Path) -> None:
    """Half of the songs are in the catalogue; the others must not be matched with them.

    The figures are in the log: ``--log-cli-level=INFO``.
    """
    table = pq.read_table(shared / "datasets" / "catalogue" / "songs.parquet").to_pylist()
    songs = {song_key(r["artist"], r["title"]): r for r in table if r["artist"] and r["title"]}
    keys = random.Random(6).sample(sorted(songs), 4000)
    there = {key: songs[key] for key in keys[:2000]}
    with database.session() as session:
        SongRepository(session).upsert_many(
            [SongInput(key, r["title"], r["artist"]) for key, r in there.items()]
        )
    right, wrong, tried = Counter[str](), Counter[str](), 0
    with database.session() as session:
        matcher = SongMatcher(by_first_artist=True)
        for name, spell in SPELLINGS.items():
            spelled = [spell(songs[key]["title"], songs[key]["artist"]) for key in keys]
            listens = [parse_listen({"user": "u", "title": t, "artist": a}) for t, a in spelled]
            found = matcher.find(session, listens)
            for key, (song, _) in zip(keys, found, strict=True):
                right[name] += song == key and key in there
                wrong[name] += song is not None and song != key
            tried += len(there)
    recall = sum(right.values()) / tried
    precision = sum(right.values()) / (sum(right.values()) + sum(wrong.values()))
    for name in SPELLINGS:
        _log.info("%-22s recall %.4f, wrong %d", name, right[name] / len(there), wrong[name])
    _log.info("all: recall %.4f, precision %.4f", recall, precision)
    assert recall > 0.98
    assert precision > 0.995


def test_an_archive_killed_between_its_files_goes_on(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "listenbrainz_me_1.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for month in range(1, 6):
            items = [listen(f"T{n}", "A", 100 * month + n) for n in range(7)]
            text = "\n".join(map(json.dumps, [*items, {"listened_at": 1}]))
            archive.writestr(f"listens/2024/{month}.jsonl", text)
    monkeypatch.setattr(runs, "BLOCK", 10)
    original, blocks = IngestRunRepository.advance, iter(range(1, 100))

    def dying(self: Any, *args: Any, **options: Any) -> None:
        original(self, *args, **options)
        if next(blocks) == 3:
            raise KeyboardInterrupt

    def run() -> IngestReport:
        rejects = tmp_path / "r.jsonl"
        return ingest_listens(database, [path], format="listenbrainz", rejects=rejects)

    with monkeypatch.context() as patch:
        patch.setattr(IngestRunRepository, "advance", dying)
        with pytest.raises(KeyboardInterrupt):
            run()
    done = run()
    assert (done.read, done.written, done.rejected, done.skipped) == (40, 17, 3, 20)
    assert len(heard(database)) == 35
    told = [json.loads(line) for line in (tmp_path / "r.jsonl").read_text().splitlines()]
    assert [(row["line"], row["reason"]) for row in told] == [
        (8 * month, f"listens/2024/{month}.jsonl 8: no track_metadata") for month in range(1, 6)
    ]
