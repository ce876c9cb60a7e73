"""What the recommender learns from, read from the database and the lyric vector store."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

import numpy as np

from data.db.repositories import InteractionRepository, SongRepository
from data.db.session import Database
from data.errors import TrainingError
from data.interactions import Interactions
from data.moments import Moments
from data.types import FloatArray, Song
from nlp.cleaning import clean_lyrics, text_key
from nlp.mood import MoodModel
from nlp.vectors import VectorStore
from recommender.space import LyricSpace


@dataclass(frozen=True)
class TrainingData:
    """Songs, their lyric vectors and moods, and who played them.

    Attributes:
        songs: the catalogue, in the order of all arrays.
        lyrics: float32 (songs, 384), NaN rows where a song has no embedded lyrics.
        moods: song id -> (valence, arousal) inferred from lyrics.
        interactions: events of all listeners; its items are ids of ``songs``.
        moments: those of them that carry an emotion; empty where nobody ever said how they felt.
    """

    songs: tuple[Song, ...]
    lyrics: FloatArray
    moods: dict[str, tuple[float, float]]
    interactions: Interactions
    moments: Moments = field(default_factory=Moments.empty)

    def fingerprint(self) -> str:
        """Return a short hash of songs and events, for the run record."""
        digest = hashlib.sha256("\n".join(s.id for s in self.songs).encode())
        for array in (self.interactions.user, self.interactions.item, self.interactions.weight):
            digest.update(np.ascontiguousarray(array).tobytes())
        for array in (self.moments.user, self.moments.item, self.moments.emotion):
            digest.update(np.ascontiguousarray(array).tobytes())
        return digest.hexdigest()[:16]


def load_training_data(
    database: Database, store: VectorStore, mood: MoodModel | None
) -> TrainingData:
    """Read catalogue, vectors and events; without a mood model only stated moods are known.

    Raises:
        TrainingError: if there is no song.
    """
    with database.session() as session:
        repository = SongRepository(session)
        songs = tuple(song for block in repository.iter_catalogue() for song in block)
        words = {
            song_id: clean_lyrics(text)
            for block in repository.iter_lyrics()
            for song_id, text, _ in block
        }
        interactions = InteractionRepository(session).table()
        moments = InteractionRepository(session).moments()
    if not songs:
        raise TrainingError("the database holds no songs: run `attune ingest songs FILE` first")
    vectors = np.full((len(songs), store.dimension), np.nan, dtype=np.float32)
    rows = [i for i, song in enumerate(songs) if words.get(song.id)]
    if rows:
        vectors[rows] = store.get([text_key(words[songs[i].id]) for i in rows])
    moods = LyricSpace(mood=mood).moods(songs, vectors)
    return TrainingData(songs, vectors, moods, interactions, moments)
