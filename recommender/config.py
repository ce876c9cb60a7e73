"""Configuration of the recommender's stages and of its training."""

from __future__ import annotations

from typing import ClassVar, Literal, Self

from pydantic import Field, field_validator, model_validator

from data.config import FrozenConfig
from recommender.candidates.factors import AlsConfig, BprConfig, IalsConfig, IalsTermsConfig
from recommender.candidates.item_to_item import EaseConfig, ItemKnnConfig, Rp3BetaConfig
from recommender.candidates.listening import ListeningConfig
from recommender.candidates.popularity import RecentConfig
from recommender.candidates.session import SessionConfig
from recommender.deep.config import DeepConfig

#: Every scorer of who listens to what, by name.
LISTENING: dict[str, type[ListeningConfig]] = {
    config.name: config
    for config in (
        IalsConfig,
        IalsTermsConfig,
        AlsConfig,
        BprConfig,
        EaseConfig,
        ItemKnnConfig,
        Rp3BetaConfig,
        SessionConfig,
    )
}

#: Parts whose weight may be below 0: a discount on what everybody plays.
SIGNED = frozenset({"popular", "recent"})


class ContentConfig(FrozenConfig):
    """Similarity to what the user played, by lyrics and by metadata."""

    lyrics_size: int = Field(64, ge=2, le=384, description="PCA dimensions of lyric vectors")
    lyrics_share: float = Field(0.3, ge=0, le=1, description="share of lyrics against metadata")
    artist_weight: float = Field(2.0, ge=0, description="weight of the artist among the tags")
    recent: int = Field(200, ge=1, description="how many songs of a history form the profile")
    grid: ClassVar[dict[str, tuple[object, ...]]] = {
        "lyrics_share": (0.0, 0.1, 0.2, 0.3, 0.5, 0.7),
        "artist_weight": (0.0, 0.5, 1.0, 2.0, 4.0),
        "recent": (10, 50, 200),
    }


class BlendConfig(FrozenConfig):
    """Weights of the parts by length of history; every part is standardised first.

    Between two lengths the weight goes with the logarithm of the length, beyond the outer ones it
    stays. Parts that are not named have no say.
    """

    lengths: tuple[float, ...] = Field((0, 3, 10, 30, 100), min_length=1, description="songs")
    weights: dict[str, tuple[float, ...]] = Field(
        {"ials": (0.5,) * 5, "content": (0.3,) * 5, "popular": (0.2,) * 5},
        description="part -> weight at each length",
    )
    coverage: dict[str, float] = Field(
        {}, description="part -> weight times the share of candidates it can score"
    )
    missing: dict[str, float] = Field(
        {"ials": -0.25, "content": -0.15},
        description="part -> what a song gets that it cannot score",
    )
    fresh: float = Field(
        0.5, ge=0, description="standard deviations for a song that came after training"
    )

    @model_validator(mode="after")
    def _one_weight_a_length(self) -> Self:
        if list(self.lengths) != sorted(set(self.lengths)):
            raise ValueError("lengths must rise")
        for part, weights in self.weights.items():
            if len(weights) != len(self.lengths):
                raise ValueError(f"weights of {part}: one for each of the lengths")
            if min(weights) < 0 and part not in SIGNED:
                raise ValueError(f"weights of {part}: 0 or more")
        return self


class MoodConfig(FrozenConfig):
    """How much the moment counts against taste. ``docs/emotion.md`` says how this was chosen."""

    strength: float = Field(0.8, ge=0, description="lambda: standard deviations of the blend")
    camera: float = Field(
        0.5, ge=0, le=1, description="share of it for a sure expression; a stated mood has all"
    )
    uncertain_factor: float = Field(0.5, ge=0, le=1, description="for an uncertain expression")
    order: float = Field(
        0.3, ge=0, le=1, description="share of it that orders a page; all of it chooses the songs"
    )
    learned: bool = Field(True, description="use the response learned from feedback, if any")
    expected: bool = Field(
        True, description="mean target over the seven emotions, not target of the mean mood"
    )
    stated_weight: float = Field(
        1.0, ge=0, le=1, description="least weight of a stated mood, of the population's"
    )


class TextConfig(FrozenConfig):
    """How a text ("rainy sunday, slow and warm") counts; all strengths are standard deviations.

    The text ranks first: with the defaults it has 2.0 against 0.5 for the listener's taste and at
    most ``mood.strength`` times the confidence for the mood.
    """

    strength: float = Field(2.0, ge=0, description="of the closeness to the text")
    taste: float = Field(0.5, ge=0, description="of the listener's taste beside a text")
    lyrics_share: float = Field(
        0.5, ge=0, le=1, description="share of lyrics where the text names tags or artists too"
    )
    words_share: float = Field(
        0.7, ge=0, le=1, description="of mood words in the text's mood, against the mood model"
    )
    words_confidence: float = Field(
        0.6, ge=0, lt=1, description="of a text's mood where it has mood words"
    )
    confidence: float = Field(0.3, ge=0, lt=1, description="of a text's mood without such words")


class SimilarConfig(FrozenConfig):
    """Songs near a song."""

    lyrics_share: float = Field(0.5, ge=0, le=1, description="share of lyrics against metadata")


class RerankingConfig(FrozenConfig):
    """From scores to a list a person enjoys."""

    diversity: float = Field(0.2, ge=0, le=1, description="MMR: 0 is by score alone")
    artist_cap: int = Field(3, ge=1, description="songs of one artist per twenty ranks")
    pool: int = Field(200, ge=1, description="best-scored songs that reranking looks at")


class PipelineConfig(FrozenConfig):
    """Everything that decides an answer once a model is trained; stored in the bundle."""

    candidates: int = Field(300, ge=1, description="songs taken from each source")
    listening: tuple[str, ...] = Field(
        ("ials", "ials_terms", "item_knn", "rp3beta", "ease", "session"),
        description="scorers of who listens to what: " + ", ".join(LISTENING),
    )
    ials: IalsConfig = IalsConfig()
    ials_terms: IalsTermsConfig = IalsTermsConfig()
    als: AlsConfig = AlsConfig()
    bpr: BprConfig = BprConfig()
    ease: EaseConfig = EaseConfig()
    item_knn: ItemKnnConfig = ItemKnnConfig()
    rp3beta: Rp3BetaConfig = Rp3BetaConfig()
    session: SessionConfig = SessionConfig()
    recent: RecentConfig = RecentConfig()
    content: ContentConfig = ContentConfig()
    blend: BlendConfig = BlendConfig()
    mood: MoodConfig = MoodConfig()
    text: TextConfig = TextConfig()
    similar: SimilarConfig = SimilarConfig()
    reranking: RerankingConfig = RerankingConfig()

    @field_validator("listening")
    @classmethod
    def _known(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        unknown = set(names) - set(LISTENING)
        if unknown or len(set(names)) < len(names):
            raise ValueError(f"each once, of {', '.join(LISTENING)}; not {sorted(unknown)}")
        return names

    def listening_configs(self) -> tuple[ListeningConfig, ...]:
        """Return the settings of the listening scorers that take part."""
        return tuple(getattr(self, name) for name in self.listening)


class SourceConfig(FrozenConfig):
    """What an evaluation is on: the database, or a public data set."""

    reader: Literal["database", "hetrec", "playlists", "pairs"] = "database"
    user: str = Field("user", description="pairs: column of user ids")
    item: str = Field("item", description="pairs: column of song ids")
    weight: str | None = Field(None, description="pairs: column of weights")
    time: str | None = Field(None, description="pairs: column of times")
    least_listeners: int = Field(1, ge=1, description="fewest users of a song that is kept")


class SplitConfig(FrozenConfig):
    """How an evaluation splits; shares are of each user's songs, of users, or of events."""

    kind: Literal["random", "leave_one_out", "users", "time"] = "random"
    validation: float = Field(0.16, gt=0, lt=1)
    test: float = Field(0.2, gt=0, lt=1)
    given: float = Field(0.5, gt=0, lt=1, description="users: share of a held-out user's songs")
    repeats: int = Field(1, ge=1, description="splits, by seeds from the run's seed on")


class RecommenderConfig(FrozenConfig):
    """A training or evaluation run, complete: the same file and data give the same model."""

    seed: int = 42
    pipeline: PipelineConfig = PipelineConfig()
    trials: int = Field(16, ge=1, le=500, description="settings tried for each part")
    tuning_users: int = Field(400, ge=1, description="at most so many users are tuned on")
    accuracy_budget: float = Field(
        0.05, ge=0, lt=1, description="share of nDCG that diversity and artist cap may cost"
    )
    mood_budget: float = Field(
        0.2, ge=0, lt=1, description="share of nDCG that a mood unrelated to taste may cost"
    )
    validation_share: float = Field(0.2, gt=0, lt=1, description="training: of each user's songs")
    cutoff: int = Field(20, ge=1, description="k of nDCG@k that tuning looks at")
    source: SourceConfig = SourceConfig()
    split: SplitConfig = SplitConfig()
    cutoffs: tuple[int, ...] = Field((10, 20), min_length=1, description="evaluation: the k")
    baseline: str = Field("ials", description="evaluation: whom the others are compared with")
    deep: DeepConfig = DeepConfig()
