"""What the service and the batch talk to: a loaded bundle, or the documented fallback for none."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from data.types import FloatArray, Song, UserHistory
from recommender.config import MoodConfig
from recommender.errors import UnknownSongError
from recommender.journeys.playlists import PlaylistMaker, popular_playlist
from recommender.journeys.query import Durations, JourneyQuery, PlaylistAnswer
from recommender.model import RecommenderModel
from recommender.mood import mood_target
from recommender.pipeline import RecommendationPipeline
from recommender.query import Query, RankedSong, Reason, Recommendation, banned_songs
from recommender.reading import MoodReading, read_mood
from recommender.similar import PER_ARTIST, similar_songs
from recommender.space import LyricSpace
from recommender.text import checked_text
from recommender.variants import AnswerSettings, varied

if TYPE_CHECKING:
    from vision.reader import ExpressionReader

#: ``popular(n, exclude)`` returns (song id, score) of the most played songs in the database.
Popular = Callable[[int, Collection[str]], list[tuple[str, float]]]


@dataclass(frozen=True)
class Newcomer:
    """A song that came, or was changed, after the bundle was made.

    Attributes:
        song: its row.
        lyrics: float32 (k,) reduced lyric vector, NaN without lyrics.
        mood: valence and arousal inferred from the lyrics, or None.
    """

    song: Song
    lyrics: FloatArray
    mood: tuple[float, float] | None


@dataclass(frozen=True)
class Engine:
    """One bundle in memory. Immutable, shared by all threads; a reload makes a new one.

    Attributes:
        pipeline: None where no bundle is published; the database's popular songs then answer.
        reader: None where no expression model can be loaded.
        catalogue: ``demo`` for the simulated catalogue, else ``own``.
        space: the bundle's principal components and mood model, which place new songs.
        base: the bundle's own model, where ``pipeline`` has newcomers too.
        newcomers: song id -> song that came after the bundle.
    """

    pipeline: RecommendationPipeline | None = None
    reader: ExpressionReader | None = None
    version: str | None = None
    catalogue: str = "own"
    space: LyricSpace = field(default_factory=LyricSpace)
    base: RecommenderModel | None = None
    newcomers: Mapping[str, Newcomer] = field(default_factory=dict)

    def recommend(
        self, query: Query, history: UserHistory, popular: Popular | None = None
    ) -> Recommendation:
        """Answer a query, by the model or, without one, by what is popular in the database.

        Raises:
            InvalidParameterError: if the query's text cannot be read.
        """
        if self.pipeline is not None:
            return self.pipeline.recommend(query, history)
        if query.text is not None:
            checked_text(query.text)
        banned = set(banned_songs(history, query.exclude_heard, query.exclude))
        ranked = popular(query.offset + query.n, banned) if popular else []
        songs = tuple(
            RankedSong(rank, song_id, float(score), _popular_reasons(query, score))
            for rank, (song_id, score) in enumerate(ranked, start=1)
            if rank > query.offset
        )
        target = mood_target(query, MoodConfig())
        return Recommendation(query.user_id, songs, target, "no_model", self.version)

    def playlist(
        self,
        query: JourneyQuery,
        history: UserHistory,
        popular: Popular | None = None,
        durations: Durations | None = None,
    ) -> PlaylistAnswer:
        """Make a playlist; see :mod:`recommender.journeys.playlists`."""
        if self.pipeline is None:
            return popular_playlist(query, history, popular, durations, self.version)
        return PlaylistMaker(self.pipeline)(query, history, durations)

    def similar(self, song_id: str, n: int, per_artist: int = PER_ARTIST) -> tuple[RankedSong, ...]:
        """Return the songs nearest to one; see :func:`recommender.similar.similar_songs`.

        Raises:
            UnknownSongError: if the model lacks the song, or there is no model.
        """
        if self.pipeline is None:
            raise UnknownSongError("no bundle is published, so nothing is known about songs")
        return similar_songs(self.pipeline.model, song_id, n, per_artist)

    def with_songs(self, songs: Sequence[Song], vectors: FloatArray) -> Engine:
        """Return an engine that recommends these songs too, without training.

        A song whose id is known is replaced: its listeners stay, its words and metadata are the
        new ones. A new one has no listeners: it is found by content, by mood and by text. This
        engine stays as it is, and answers meanwhile. Without a bundle there is nothing to extend.

        Args:
            songs: of one id, the last counts.
            vectors: float32 (songs, d) lyric vectors of the bundle's encoder, NaN rows where none.

        Raises:
            ValueError: if there is not one vector per song.
        """
        if len(vectors) != len(songs):
            raise ValueError(f"{len(songs)} songs need as many vectors, not {len(vectors)}")
        if self.pipeline is None or not songs:
            return self
        base = self.base or self.pipeline.model
        last = {song.id: row for row, song in enumerate(songs)}
        rows = list(last.values())
        placed = self._placed([songs[row] for row in rows], vectors[rows], base)
        newcomers = {**self.newcomers, **placed}
        model = base.with_songs(
            [new.song for new in newcomers.values()],
            np.stack([new.lyrics for new in newcomers.values()]),
            {key: new.mood for key, new in newcomers.items() if new.mood is not None},
        )
        pipeline = self.pipeline.with_model(model)
        return replace(self, pipeline=pipeline, base=base, newcomers=newcomers)

    def with_settings(self, settings: AnswerSettings) -> Engine:
        """Return an engine of the same bundle and songs that answers by other settings."""
        if self.pipeline is None or settings == AnswerSettings():
            return self
        return replace(self, pipeline=varied(self.pipeline, settings))

    def read_mood(
        self, song: Song, vector: FloatArray, lyrics: str | None, lines: int
    ) -> MoodReading | None:
        """Return what words and tags say of a song; see :func:`recommender.reading.read_mood`."""
        if self.pipeline is None or self.space.mood is None:
            return None
        encoder = self.pipeline.texts.encoder
        return read_mood(self.space.mood, encoder, song, vector, lyrics, lines)

    def _placed(
        self, songs: Sequence[Song], vectors: FloatArray, base: RecommenderModel
    ) -> dict[str, Newcomer]:
        lyrics = self.space.reduce(vectors, base.content.lyrics_size)
        moods = self.space.moods(songs, vectors)
        return {
            song.id: Newcomer(song, row, moods.get(song.id))
            for song, row in zip(songs, lyrics, strict=True)
        }

    @property
    def song_ids(self) -> Collection[str]:
        """Ids of the songs that the model knows; those of newcomers among them."""
        return () if self.pipeline is None else self.pipeline.model.catalogue.positions.keys()

    def song_moods(self, song_ids: Collection[str]) -> dict[str, tuple[float, float]]:
        """Return valence and arousal of the songs whose mood the model knows."""
        if self.pipeline is None:
            return {}
        catalogue = self.pipeline.model.catalogue
        known = [(s, catalogue.positions[s]) for s in song_ids if s in catalogue.positions]
        moods = {s: catalogue.moods[p] for s, p in known}
        return {s: (float(m[0]), float(m[1])) for s, m in moods.items() if np.isfinite(m).all()}


def _popular_reasons(query: Query, listeners: float) -> tuple[Reason, ...]:
    """Say how many listeners a song has, where it has any."""
    count = round(listeners)
    if not query.explain or count < 1:
        return ()
    return (Reason("popular", 1.0, f"Played by {count} listener{'s' * (count != 1)}"),)
