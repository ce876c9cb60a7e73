"""The JSON of playlists: what is asked for, what is stored with one, what is answered."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field

from api.filter_params import (
    Explicit,
    FirstYear,
    Languages,
    LastYear,
    LeftOutArtists,
    song_filter,
)
from api.params import MOOD, SongId, UserId
from api.schemas import Number, PointOut, ReasonOut, SongOut
from data.db.repositories import SavedPlaylist
from data.types import Mood, Strategy
from recommender.journeys.path import MOST_SONGS
from recommender.journeys.query import (
    DEFAULT_LENGTH,
    LEAST_MINUTES,
    MOST_MINUTES,
    JourneyQuery,
    PlaylistAnswer,
    PlaylistFallback,
    journey_query,
)

MoodText = Annotated[str, Field(min_length=1, max_length=64, json_schema_extra=MOOD)]


class PlaylistIn(BaseModel):
    """A journey: where it starts and arrives, and how long it is."""

    model_config = ConfigDict(strict=True)

    user: UserId
    start: MoodText | None = Field(
        None, alias="from", description="`<word>` or `<valence>,<arousal>`; default neutral"
    )
    end: MoodText | None = Field(
        None, alias="to", description="likewise; default where `strategy` aims from the start"
    )
    exclude: list[SongId] = Field([], max_length=500, description="ids of songs to leave out")
    language: Languages = []
    year_from: FirstYear = None
    year_to: LastYear = None
    explicit: Explicit = True
    exclude_artist: LeftOutArtists = []
    strategy: Strategy = Field(
        "match", description="counts where `to` is left out; `off` is a list by taste alone"
    )
    length: int | None = Field(
        None, ge=1, le=MOST_SONGS, description=f"how many songs; default {DEFAULT_LENGTH}"
    )
    minutes: float | None = Field(
        None,
        ge=LEAST_MINUTES,
        le=MOST_MINUTES,
        allow_inf_nan=False,
        description="how long to play, in place of `length`",
    )

    def to_query(self) -> JourneyQuery:
        """Return the question.

        Raises:
            InvalidParameterError: if a mood is not known, the years are in the wrong order, or
                both length and minutes are given.
        """
        return journey_query(
            self.user,
            self.start,
            self.end,
            strategy=self.strategy,
            length=self.length,
            minutes=self.minutes,
            exclude=tuple(self.exclude),
            songs=song_filter(self),
        )

    @property
    def name(self) -> str:
        """What the playlist is called, in the words of the request."""
        if self.strategy == "off":
            return "By taste"
        return f"{self.start or 'neutral'} to {self.end or self.strategy}".capitalize()


class PlaylistItem(BaseModel):
    """One song of a playlist and where the path is at its place; nulls where there is no path."""

    rank: int
    song: SongOut
    score: Number
    reasons: list[ReasonOut]
    path: PointOut


class PlaylistLinks(BaseModel):
    """Where the playlist is in each of its formats."""

    json_: str = Field(alias="json")
    m3u8: str
    xspf: str
    jspf: str

    @classmethod
    def of(cls, playlist_id: str) -> Self:
        """Build for one playlist."""
        place = f"/playlists/{playlist_id}"
        suffixes = {name: f"{place}.{name}" for name in ("json", "m3u8", "xspf", "jspf")}
        return cls.model_validate(suffixes)


class PlaylistOut(BaseModel):
    """A playlist as stored; songs that have left the catalogue since are left out."""

    model_config = ConfigDict(protected_namespaces=(), populate_by_name=True)

    id: str
    user: str
    name: str
    start: PointOut = Field(alias="from")
    end: PointOut = Field(alias="to")
    strategy: Strategy
    items: list[PlaylistItem]
    duration_s: float = Field(description="of the songs whose duration is known")
    durations_unknown: int = Field(description="songs whose duration is not known")
    fallback: PlaylistFallback | None
    model_version: str | None
    created_at: datetime
    links: PlaylistLinks
    duplicate: bool = Field(
        False, description="whether this `Idempotency-Key` had made the playlist before"
    )
    request_id: str

    @classmethod
    def from_saved(
        cls, saved: SavedPlaylist, songs: Mapping[str, SongOut], rid: str, duplicate: bool = False
    ) -> Self:
        """Build from a stored playlist and the songs of it that are in the catalogue."""
        rows = zip(saved.song_ids, saved.details["items"], strict=True)
        kept = [(songs[song], item) for song, item in rows if song in songs]
        items = [
            PlaylistItem(rank=rank, song=song, **item)
            for rank, (song, item) in enumerate(kept, start=1)
        ]
        known = [song.duration_s for song, _ in kept if song.duration_s is not None]
        told = {
            k: saved.details[k] for k in ("from", "to", "strategy", "fallback", "model_version")
        }
        return cls(
            **told,
            id=saved.id,
            user=saved.user_id,
            name=saved.name,
            items=items,
            duration_s=sum(known),
            durations_unknown=len(kept) - len(known),
            created_at=saved.created_at,
            links=PlaylistLinks.of(saved.id),
            duplicate=duplicate,
            request_id=rid,
        )


def stored_details(answer: PlaylistAnswer) -> dict[str, Any]:
    """Return what is kept of an answer beside the ids of its songs, as JSON values."""
    query = answer.query
    return {
        "from": _point(query.start),
        "to": _point(query.end),
        "strategy": query.strategy,
        "length": query.length,
        "minutes": query.minutes,
        "fallback": answer.fallback,
        "model_version": answer.model_version,
        "items": [
            {
                "score": one.score,
                "reasons": [
                    {"kind": r.kind, "weight": r.weight, "text": r.text} for r in one.reasons
                ],
                "path": _point(one.point),
            }
            for one in answer.songs
        ],
    }


def _point(mood: Mood | None) -> dict[str, float | None]:
    if mood is None:
        return {"valence": None, "arousal": None}
    return {"valence": mood.valence, "arousal": mood.arousal}
