"""What the routes work with: built once in the lifespan, read from the application's state."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal, Protocol

from starlette.requests import Request

from api.experiments import Assignment
from api.inference import InferenceGate
from api.lyrics import LyricVectors
from api.schemas import SongMood
from api.split import Split
from data.db.session import Database
from data.settings import Settings
from data.types import EmotionScores, FloatArray, Song, UserHistory
from recommender.journeys.query import Durations, JourneyQuery, PlaylistAnswer
from recommender.query import Query, RankedSong, Recommendation
from recommender.reading import MoodReading
from recommender.variants import AnswerSettings

if TYPE_CHECKING:
    from api.answering import Answering
    from api.keeper import EngineKeeper
    from api.security import Access

#: The most listened songs: (how many, which not) -> (song id, score).
Popular = Callable[[int, Collection[str]], list[tuple[str, float]]]


class Reader(Protocol):
    """Reads the apparent expression from the frames of one moment."""

    def read(
        self, frames: Sequence[bytes], face: Literal["largest", "only"] = "largest"
    ) -> EmotionScores:
        """Return the averaged scores; raises the errors of ``vision.errors``."""
        ...


class RecommendationEngine(Protocol):
    """The recommender as the service sees it; ``recommender.bootstrap.Engine`` is one."""

    @property
    def reader(self) -> Reader | None:
        """The expression reader, or None if no network is loaded."""
        ...

    @property
    def version(self) -> str | None:
        """Version of the bundle in force, or None without one."""
        ...

    @property
    def catalogue(self) -> str:
        """``demo`` if the model was trained on simulated listeners."""
        ...

    @property
    def song_ids(self) -> Collection[str]:
        """Ids of the songs that the model knows."""
        ...

    def recommend(
        self, query: Query, history: UserHistory, popular: Popular | None = None
    ) -> Recommendation:
        """Answer one query."""
        ...

    def playlist(
        self,
        query: JourneyQuery,
        history: UserHistory,
        popular: Popular | None = None,
        durations: Durations | None = None,
    ) -> PlaylistAnswer:
        """Make one playlist."""
        ...

    def song_moods(self, song_ids: Collection[str], /) -> Mapping[str, SongMood]:
        """Return the moods of the songs the model knows."""
        ...

    def similar(self, song_id: str, n: int, /) -> Sequence[RankedSong]:
        """Return the songs nearest to one; raises ``recommender.errors.UnknownSongError``."""
        ...

    def read_mood(
        self, song: Song, vector: FloatArray, lyrics: str | None, lines: int, /
    ) -> MoodReading | None:
        """Return what words and tags say of a song's mood, or None."""
        ...

    def with_songs(self, songs: Sequence[Song], vectors: FloatArray, /) -> RecommendationEngine:
        """Return an engine that knows these songs too; this one stays as it is."""
        ...

    def with_settings(self, settings: AnswerSettings, /) -> RecommendationEngine:
        """Return an engine of the same songs that answers by other settings."""
        ...


@dataclass(slots=True)
class Services:
    """Everything a route may need.

    Attributes:
        engine: the one in force; the keeper puts another in its place.
        keeper: of the engines.
        split: the experiments in force, with the engines of their arms.
        access: who may come in; None where nobody asks over HTTP.
    """

    settings: Settings
    database: Database
    engine: RecommendationEngine
    gate: InferenceGate
    vectors: LyricVectors
    answering: Answering
    keeper: EngineKeeper
    split: Split = field(default_factory=Split)
    access: Access | None = None

    def for_user(self, user: str) -> tuple[Services, Assignment | None]:
        """Return the services as a user's experiment has them, and what that is, if any."""
        found = self.split.assign(user)
        engine = None if found is None else self.split.engine_of(found)
        return (self if engine is None else replace(self, engine=engine)), found


def services(request: Request) -> Services:
    """Return the running application's services as they are now: a request keeps its engine."""
    found = request.app.state.services
    assert isinstance(found, Services)
    return replace(found)
