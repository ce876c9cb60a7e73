"""The embedding worker: newest first, once each, and whole after any kill."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import numpy as np
import pytest

from api.changes import ChangeFeed
from api.embedding import EmbeddingWorker, run_worker
from api.lyrics import LyricVectors, lyric_key, open_encoder, writing_store
from data.db.repositories import SongRepository
from data.db.session import Database
from data.errors import SchemaOutOfDateError
from data.settings import Settings
from data.types import SongInput
from nlp.encoder import PACKAGED
from nlp.vectors import VectorStore
from tests.api.encoders import HashEncoder, vector_of
from tests.waiting import eventually


@pytest.fixture
def settings(tmp_path: Path, database: Database) -> Settings:
    url = database.url.render_as_string(hide_password=False)
    return Settings(home=tmp_path, database_url=url, watch_seconds=0, _env_file=None)  # type: ignore[call-arg]


def add(database: Database, **lyrics: str) -> None:
    with database.session() as session:
        songs = [SongInput(name, name, "Ada", lyrics=text) for name, text in lyrics.items()]
        SongRepository(session).upsert_many(songs)


def work(worker: EmbeddingWorker) -> None:
    while worker.step() is not None:
        pass


def test_the_last_song_is_the_first_to_be_read(settings: Settings, database: Database) -> None:
    add(database, a="one", b="two", c="three")
    encoder = HashEncoder()
    worker = EmbeddingWorker(settings, database, encoder, block=1)
    assert worker.step() == 1
    add(database, d="four")
    work(worker)
    assert encoder.read == ["three", "four", "two", "one"]


def test_equal_lyrics_are_read_once_and_none_again(settings: Settings, database: Database) -> None:
    add(database, a="one", b="one", c="[Chorus]\none")
    encoder = HashEncoder()
    work(EmbeddingWorker(settings, database, encoder))
    work(EmbeddingWorker(settings, database, encoder))
    assert len(encoder.read) == 1


def test_changed_lyrics_are_read_again(settings: Settings, database: Database) -> None:
    add(database, a="one")
    encoder = HashEncoder()
    worker = EmbeddingWorker(settings, database, encoder)
    work(worker)
    add(database, a="two")
    work(worker)
    assert encoder.read == ["one", "two"]


def test_what_was_written_before_a_kill_is_kept(settings: Settings, database: Database) -> None:
    add(database, a="one", b="two", c="three", d="four")
    blocks = iter(range(2))

    def killed_in_the_third_block() -> None:
        if next(blocks, None) is None:
            raise KeyboardInterrupt

    first = HashEncoder(before=killed_in_the_third_block)
    worker = EmbeddingWorker(settings, database, first, block=1)
    with pytest.raises(KeyboardInterrupt):
        work(worker)
    second = HashEncoder()
    work(EmbeddingWorker(settings, database, second))
    assert sorted(first.read + second.read) == ["four", "one", "three", "two"]
    found = LyricVectors(settings).get([lyric_key(t) for t in ("one", "two", "three", "four")])
    expected = np.stack([vector_of(t) for t in ("one", "two", "three", "four")])
    np.testing.assert_allclose(found, expected, atol=1e-3)


def test_unreadable_lyrics_are_tried_once(settings: Settings, database: Database) -> None:
    add(database, a="unreadable", b="one")
    encoder = HashEncoder()
    work(EmbeddingWorker(settings, database, encoder))
    work(EmbeddingWorker(settings, database, encoder))
    assert sorted(encoder.read) == ["one", "unreadable"]
    vectors = LyricVectors(settings)
    assert [vectors.state(t) for t in ("one", "unreadable", "two", "", None)] == [
        "ready", "none", "pending", "none", "none"
    ]  # fmt: skip


def test_what_the_better_encoder_has_is_not_read_again(
    settings: Settings, database: Database
) -> None:
    better = HashEncoder(name=PACKAGED)
    key = lyric_key("one")
    assert key is not None
    store = writing_store(settings, better)
    assert store.path.name == "lyric_vectors.npz"
    store.put([key], vector_of("better")[None])
    add(database, a="one", b="two")
    small = HashEncoder(name="words-1")
    work(EmbeddingWorker(settings, database, small))
    assert small.read == ["two"]


def test_the_better_vector_is_the_one_that_counts(settings: Settings) -> None:
    key = lyric_key("one")
    assert key is not None
    writing_store(settings, HashEncoder(name="words-1")).put([key], vector_of("words")[None])
    vectors = LyricVectors(settings)
    np.testing.assert_allclose(vectors.get([key, None])[0], vector_of("words"), atol=1e-3)
    writing_store(settings, HashEncoder(name=PACKAGED)).put([key], vector_of("better")[None])
    found = vectors.get([key, None])
    np.testing.assert_allclose(found[0], vector_of("better"), atol=1e-3)
    assert np.isnan(found[1]).all()


def test_of_the_others_the_encoder_of_the_settings_counts_first(
    settings: Settings, tmp_path: Path
) -> None:
    key = lyric_key("one")
    assert key is not None
    card = {"name": "the exported one", "dimension": 384, "max_tokens": 256, "sha256": {}}
    (tmp_path / "encoder.json").write_text(json.dumps(card))
    for name in ("another one", "the exported one", "words-1"):
        writing_store(settings, HashEncoder(name=name)).put([key], vector_of(name)[None])
    exported = settings.model_copy(update={"encoder_folder": tmp_path})
    for chosen, name in ((settings, "another one"), (exported, "the exported one")):
        found = LyricVectors(chosen).get([key])[0]
        np.testing.assert_allclose(found, vector_of(name), atol=1e-3)


def test_another_model_has_a_space_of_its_own(settings: Settings) -> None:
    key = lyric_key("one")
    assert key is not None
    writing_store(settings, HashEncoder(name="words-1")).put([key], vector_of("words")[None])
    other = settings.model_copy(update={"encoder_model": "someone/another-model"})
    assert np.isnan(LyricVectors(other).get([key])).all()
    store = writing_store(other, HashEncoder(name="someone/another-model"))
    assert isinstance(store, VectorStore)
    assert store.path.name == "lyric_vectors.npz"


def test_the_shipped_encoder_needs_no_settings(settings: Settings) -> None:
    encoder = open_encoder(settings)
    vectors = encoder.encode(["rain upon the window", ""])
    assert vectors.shape == (2, 384)
    assert np.linalg.norm(vectors[0]) == pytest.approx(1, abs=1e-5)
    assert writing_store(settings, encoder).path.name != "lyric_vectors.npz"


def test_a_worker_goes_on_until_told_to_stop(settings: Settings, database: Database) -> None:
    add(database, a="one")
    stop, vectors = threading.Event(), LyricVectors(settings)
    thread = threading.Thread(target=run_worker, args=(settings, stop, HashEncoder()))
    thread.start()
    try:
        assert eventually(lambda: vectors.state("one") == "ready")
        add(database, b="two")
        assert eventually(lambda: vectors.state("two") == "ready")
    finally:
        stop.set()
        thread.join(30)
    assert not thread.is_alive()


def test_of_two_workers_one_works(settings: Settings, database: Database) -> None:
    held, release = threading.Event(), threading.Event()

    def hold() -> None:
        held.set()
        assert release.wait(60)

    first, second = HashEncoder(before=hold), HashEncoder()
    stops = [threading.Event(), threading.Event()]
    add(database, a="one")
    threads = [
        threading.Thread(target=run_worker, args=(settings, stop, encoder))
        for stop, encoder in zip(stops, (first, second), strict=True)
    ]
    threads[0].start()
    assert held.wait(30)
    threads[1].start()
    # The second waits for the lock that the first holds, and takes over when that ends.
    stops[0].set()
    release.set()
    threads[0].join(30)
    add(database, b="two")
    assert eventually(lambda: second.read == ["two"])
    stops[1].set()
    threads[1].join(30)
    assert first.read == ["one"]


def test_a_worker_without_a_database_says_what_to_do(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path / "new", database_url=None, _env_file=None)  # type: ignore[call-arg]
    with pytest.raises(SchemaOutOfDateError, match="attune db upgrade"):
        run_worker(settings, threading.Event(), HashEncoder())


def test_songs_without_a_language_get_that_of_their_lyrics(
    settings: Settings, database: Database
) -> None:
    german = "Ich bin so allein in dieser dunklen Nacht und niemand hört mir zu"
    english = "I walk alone through the rain and nobody knows my name"
    with database.session() as session:
        SongRepository(session).upsert_many(
            [
                SongInput("de", "a", "Ada", lyrics=german),
                SongInput("en", "b", "Ada", lyrics=english),
                SongInput("stated", "c", "Ada", lyrics=german + " mehr", language="nl"),
                SongInput("short", "d", "Ada", lyrics="la la"),
            ]
        )
    before = ChangeFeed(database)
    before.poll()
    work(EmbeddingWorker(settings, database, HashEncoder()))
    with database.session() as session:
        songs = SongRepository(session).get_many(["de", "en", "stated", "short"])
    assert {name: song.language for name, song in songs.items()} == {
        "de": "de", "en": "en", "stated": "nl", "short": None,
    }  # fmt: skip
    assert before.poll() == []  # no caller changed anything
