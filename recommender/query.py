"""What is asked of the recommender and what it answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from data.filters import ANY_SONG, SongFilter
from data.types import EmotionScores, Mood, Strategy, UserHistory

ReasonKind = Literal["collaborative", "content", "mood", "popular", "fresh", "text"]
Fallback = Literal["cold_user", "no_model", "no_history"]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What a list began with, so that its later pages go on where the first one ended.

    Attributes:
        last_event: events with a higher number are not part of the history yet.
        songs: how many songs the model knew; None to take all that it knows now.
        muted: how many artists the listener had muted; later ones are not muted yet.
    """

    last_event: int
    songs: int | None = None
    muted: int = 0


@dataclass(frozen=True, slots=True)
class Query:
    """One question: songs for this user in this moment.

    Attributes:
        user_id: the caller's id of the user.
        n: how many songs, 1..100.
        offset: how many of the ranking to pass over first.
        strategy: what to do with the mood.
        emotion: apparent expression from a selfie, or None.
        stated: mood the user stated; beats ``emotion``.
        text: what the listener asks for in words ("rainy sunday, slow and warm"), up to 500
            characters; its mood counts where neither ``stated`` nor ``emotion`` is given.
        exclude_heard: leave out every song with an event. Disliked songs are always left out.
        exclude: ids of more songs to leave out.
        songs: conditions on songs.
        snapshot: what the list began with, for a later page of it.
        explain: fill in reasons.
    """

    user_id: str
    n: int = 20
    offset: int = 0
    strategy: Strategy = "match"
    emotion: EmotionScores | None = None
    stated: Mood | None = None
    text: str | None = None
    exclude_heard: bool = True
    exclude: tuple[str, ...] = ()
    songs: SongFilter = ANY_SONG
    snapshot: Snapshot | None = None
    explain: bool = True

    @property
    def newest(self) -> int | None:
        """Position from which on songs are newer than the list; None where none are."""
        return None if self.snapshot is None else self.snapshot.songs

    @property
    def needs_moments(self) -> bool:
        """Whether an answer depends on how the listener responded to moods before."""
        felt = self.stated is not None or self.emotion is not None
        return felt and self.strategy != "off"


def banned_songs(
    history: UserHistory, exclude_heard: bool, exclude: Sequence[str] = ()
) -> tuple[str, ...]:
    """Return the ids of the songs that must not come back, by no part and in no fallback."""
    own = history.song_ids if exclude_heard else tuple(sorted(history.disliked))
    return (*own, *exclude)


@dataclass(frozen=True, slots=True)
class MoodTarget:
    """Where in the mood plane to aim.

    Attributes:
        current: the mood read or stated.
        target: where the strategy aims from there.
        confidence: 0..1, how sure the reading is; 1 for a stated mood.
        weight: how much it counts beside its confidence: how strongly this listener responds, 1 as
            the population (:mod:`recommender.response`), times the trust in this kind of reading.
    """

    current: Mood
    target: Mood
    strategy: Strategy
    confidence: float
    weight: float = 1.0

    @property
    def pull(self) -> float:
        """What scales how much the mood counts; 0 where it does not."""
        return self.confidence * self.weight


@dataclass(frozen=True, slots=True)
class Reason:
    """One piece of evidence that moved a song up; ``weight`` is its share of the score, 0..1."""

    kind: ReasonKind
    weight: float
    text: str


@dataclass(frozen=True, slots=True)
class RankedSong:
    """One song of the answer."""

    rank: int
    song_id: str
    score: float
    reasons: tuple[Reason, ...] = ()


@dataclass(frozen=True, slots=True)
class Recommendation:
    """The answer. ``fallback`` says which documented fallback was taken, if any."""

    user_id: str
    songs: tuple[RankedSong, ...]
    mood: MoodTarget | None = None
    fallback: Fallback | None = None
    model_version: str | None = None
