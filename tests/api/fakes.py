"""A scriptable engine and reader: no model, no network, real answers."""

from __future__ import annotations

import threading
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np

from api.schemas import SongMood
from api.state import Popular
from data.types import EmotionScores, FaceBox, FloatArray, Song, UserHistory
from nlp.lines import LineMood
from recommender.config import MoodConfig
from recommender.errors import UnknownSongError
from recommender.journeys.query import (
    Durations,
    JourneyQuery,
    PlaylistAnswer,
    PlaylistSong,
)
from recommender.mood import mood_target
from recommender.query import Query, RankedSong, Reason, Recommendation
from recommender.reading import MoodReading
from recommender.variants import AnswerSettings
from vision.config import ImageLimits
from vision.images import decode_image

NAN = float("nan")
HAPPY = EmotionScores(
    (0.02, 0.0, 0.02, 0.8, 0.05, 0.06, 0.05), 0.8, False, 1, FaceBox(10, 12, 40, 40)
)


@dataclass
class DecodingReader:
    """Decodes as the real reader does, finds the face that the script says."""

    limits: ImageLimits = field(default_factory=ImageLimits)
    error: Exception | None = None
    shapes: list[tuple[int, ...]] = field(default_factory=list)
    faces_asked: list[str] = field(default_factory=list)

    def read(
        self, frames: Sequence[bytes], face: Literal["largest", "only"] = "largest"
    ) -> EmotionScores:
        self.faces_asked.append(face)
        self.shapes += [decode_image(frame, self.limits).shape for frame in frames]
        if self.error is not None:
            raise self.error
        return HAPPY


class BlockingReader:
    """Holds its slot until released."""

    def __init__(self) -> None:
        self.entered = threading.Event()
        self.release = threading.Event()

    def read(
        self, frames: Sequence[bytes], face: Literal["largest", "only"] = "largest"
    ) -> EmotionScores:
        self.entered.set()
        assert self.release.wait(30)
        return HAPPY


@dataclass
class FakeEngine:
    """Ranks the songs it was given in order, less those that were heard or disliked."""

    songs: tuple[str, ...] = ("s1", "s2", "s3", "ghost")
    reader: DecodingReader | BlockingReader | None = field(default_factory=DecodingReader)
    #: Made after every song of a test: the bundle has them as they are.
    version: str | None = "20990102T030405000000-0a1b2c3d"
    catalogue: str = "own"
    queries: list[Query] = field(default_factory=list)
    journeys: list[JourneyQuery] = field(default_factory=list)
    error: Exception | None = None
    use_popular: bool = False
    #: Songs whose lyrics' vector was handed over.
    read: frozenset[str] | set[str] = frozenset()
    #: What taking in songs fails with.
    broken: Exception | None = None
    #: What it answers by.
    settings: AnswerSettings = field(default_factory=AnswerSettings)

    def recommend(
        self, query: Query, history: UserHistory, popular: Popular | None = None
    ) -> Recommendation:
        self.queries.append(query)
        if self.error is not None:
            raise self.error
        banned = set(history.song_ids) if query.exclude_heard else history.disliked
        ids = [song for song in self.songs if song not in banned]
        if self.use_popular and popular is not None:
            ids = [song for song, _ in popular(query.n, banned)]
        page = list(enumerate(ids, start=1))[query.offset : query.offset + query.n]
        reasons = (Reason("content", NAN, "Because of its words"),) if query.explain else ()
        return Recommendation(
            query.user_id,
            tuple(RankedSong(rank, song, 1.0 / rank, reasons) for rank, song in page),
            mood_target(query, MoodConfig()),
            None if history.known else "cold_user",
            self.version,
        )

    def playlist(
        self,
        query: JourneyQuery,
        history: UserHistory,
        popular: Popular | None = None,
        durations: Durations | None = None,
    ) -> PlaylistAnswer:
        """The same songs, the first at the start of the way, the others at its end."""
        self.journeys.append(query)
        if self.error is not None:
            raise self.error
        left = [song for song in self.songs if song not in history.song_ids][: query.length]
        reason = Reason("mood", 1.0, "On the way, at bright & calm")
        songs = tuple(
            PlaylistSong(rank, song, 1 / rank, (reason,), query.start if rank == 1 else query.end)
            for rank, song in enumerate(left, 1)
        )
        return PlaylistAnswer(query, songs, None if history.known else "cold_user", self.version)

    @property
    def song_ids(self) -> Collection[str]:
        return self.songs

    def similar(self, song_id: str, n: int, /) -> Sequence[RankedSong]:
        if song_id not in self.songs:
            raise UnknownSongError(f"the model in force does not know the song {song_id!r}")
        near = [song for song in self.songs if song != song_id][:n]
        reason = Reason("content", 1.0, "Lyrics are close")
        return [RankedSong(rank, song, 1 / rank, (reason,)) for rank, song in enumerate(near, 1)]

    def read_mood(
        self, song: Song, vector: FloatArray, lyrics: str | None, lines: int, /
    ) -> MoodReading | None:
        if not lyrics:
            return None
        weights = [-0.5 if "against" in line else 1.5 for line in lyrics.split("\n")]
        rows = zip(lyrics.split("\n"), weights, strict=True)
        carrying = tuple(LineMood(line, 0.1, 0.2, weight) for line, weight in rows)[:lines]
        sure = {"happy": 1.0}
        return MoodReading(
            0.1, 0.2, "happy", (0.3, 0.4), (0.9, 0.8), sure, sure, "lyrics", carrying
        )

    def with_songs(self, songs: Sequence[Song], vectors: FloatArray, /) -> FakeEngine:
        """New songs go first, so that a test sees them at once."""
        if self.broken is not None:
            raise self.broken
        assert vectors.shape == (len(songs), 384)
        added = tuple(song.id for song in songs)
        read = {song.id for song, row in zip(songs, vectors, strict=True) if np.isfinite(row).all()}
        kept = tuple(song for song in self.songs if song not in added)
        return replace(self, songs=added + kept, read=self.read - set(added) | read)

    def with_settings(self, settings: AnswerSettings, /) -> FakeEngine:
        return self if settings == AnswerSettings() else replace(self, settings=settings)

    def song_moods(self, song_ids: Collection[str], /) -> Mapping[str, SongMood]:
        return {song: (-0.5, -0.25) for song in song_ids if song == "s2"}
