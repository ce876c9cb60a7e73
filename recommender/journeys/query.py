"""What is asked for a playlist and what is answered."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from data.errors import InvalidParameterError
from data.filters import ANY_SONG, SongFilter
from data.moods import EMOTION_MOODS
from data.types import Mood, Strategy
from recommender.journeys.path import MOST_SONGS
from recommender.mood import aim, parse_mood
from recommender.query import Fallback, Reason

#: ``few_moods``: too few songs with a known mood for a way; the plain list is given instead.
PlaylistFallback = Literal[Fallback, "few_moods"]
#: From song ids to seconds, without the songs whose duration is not known.
Durations = Callable[[Sequence[str]], Mapping[str, float]]
#: Limits of a playlist in minutes; that in songs is ``MOST_SONGS``.
LEAST_MINUTES, MOST_MINUTES = 5, 300
DEFAULT_LENGTH = 20


@dataclass(frozen=True, slots=True)
class JourneyQuery:
    """One question: a playlist for this user from one mood to another.

    Attributes:
        user_id: the caller's id of the user.
        start: where the way begins.
        end: where it arrives.
        length: how many songs, 1..100; or
        minutes: how long to play, 5..300; exactly one of both is given.
        strategy: told in the answer; ``off`` is a list by taste, without a way.
        exclude_heard: leave out every song with an event. Disliked songs are always left out.
        exclude: ids of more songs to leave out.
        songs: conditions on songs.
        explain: fill in reasons.
    """

    user_id: str
    start: Mood
    end: Mood
    length: int | None = DEFAULT_LENGTH
    minutes: float | None = None
    strategy: Strategy = "match"
    exclude_heard: bool = True
    exclude: tuple[str, ...] = ()
    songs: SongFilter = ANY_SONG
    explain: bool = True


@dataclass(frozen=True, slots=True)
class PlaylistSong:
    """One song of a playlist.

    Attributes:
        rank: place, from 1.
        score: what the listener's taste gives it.
        point: where the path is at this place; None where there is no path.
    """

    rank: int
    song_id: str
    score: float
    reasons: tuple[Reason, ...] = ()
    point: Mood | None = None


@dataclass(frozen=True, slots=True)
class PlaylistAnswer:
    """A playlist. ``fallback`` says which documented fallback was taken, if any."""

    query: JourneyQuery
    songs: tuple[PlaylistSong, ...]
    fallback: PlaylistFallback | None = None
    model_version: str | None = None


def journey_query(
    user_id: str,
    start: str | None = None,
    end: str | None = None,
    *,
    strategy: Strategy = "match",
    length: int | None = None,
    minutes: float | None = None,
    exclude: tuple[str, ...] = (),
    songs: SongFilter = ANY_SONG,
    explain: bool = True,
) -> JourneyQuery:
    """Read a question as people state it.

    Without a start the way begins at neutral. Without an end it goes to where the strategy aims
    from the start. With neither length nor minutes there are 20 songs.

    Raises:
        InvalidParameterError: naming ``from``, ``to``, ``length`` or ``minutes``.
    """
    if length is not None and minutes is not None:
        raise InvalidParameterError("minutes", "give length or minutes, not both")
    if length is not None and not 1 <= length <= MOST_SONGS:
        raise InvalidParameterError("length", f"length must be 1 to {MOST_SONGS}, not {length}")
    if minutes is not None and not LEAST_MINUTES <= minutes <= MOST_MINUTES:
        raise InvalidParameterError(
            "minutes", f"minutes must be {LEAST_MINUTES} to {MOST_MINUTES}, not {minutes:g}"
        )
    first = EMOTION_MOODS["neutral"] if start is None else _mood("from", start)
    last = aim(first, strategy) if end is None else _mood("to", end)
    if length is None and minutes is None:
        length = DEFAULT_LENGTH
    return JourneyQuery(
        user_id,
        first,
        last,
        length,
        minutes,
        strategy,
        exclude=exclude,
        songs=songs,
        explain=explain,
    )


def _mood(name: str, text: str) -> Mood:
    try:
        return parse_mood(text)
    except InvalidParameterError as exc:
        raise InvalidParameterError(name, f"{name}: {exc}") from exc
