"""Settings of the emotion study: one file, one report."""

from __future__ import annotations

from pydantic import Field

from data.config import FrozenConfig
from recommender.candidates.factors import IalsConfig
from recommender.candidates.item_to_item import EaseConfig, ItemKnnConfig, Rp3BetaConfig


class ResponseConfig(FrozenConfig):
    """What an emotion makes people play, see :mod:`recommender.emotion.response`."""

    penalty: float = Field(60.0, gt=0, description="on emotions' weights, in posts")
    last_penalty: float = Field(100.0, gt=0, description="after the last round")
    rounds: int = Field(2, ge=0, le=10, description="re-estimations of the weights' covariance")
    factors: bool = Field(True, description="describe a song by its direction in iALS")
    sound: float = Field(0.3, ge=0, description="scale of the song's sound beside it; 0 for none")
    popularity: float = Field(0.2, ge=0, description="scale of the logarithm of plays beside it")


class EmotionTrial(FrozenConfig):
    """One way to use emotions; trials are compared on the selection half."""

    name: str
    response: ResponseConfig | None = None
    lift: float | None = Field(None, gt=0, description="prior posts of a song's own lift")
    personal: bool = Field(False, description="own songs of the same or a near emotion weigh more")


class PostsConfig(FrozenConfig):
    """The part on EmoMusicLJ."""

    test: str | None = Field(
        None, description="a table in the folder to score instead of the second half"
    )
    select_share: float = Field(0.5, gt=0, lt=1, description="of the validation users")
    cutoffs: tuple[int, ...] = Field((10, 20), min_length=1)
    permutations: int = Field(20, ge=1, description="of the scored emotions")
    retrained: int = Field(5, ge=0, description="models fitted on permuted training emotions")
    candidates: int = Field(1200, ge=10, description="songs that stand for all in the blend's fit")
    ridge: float = Field(1e-3, ge=0, description="of the blend's weights")
    item_knn: tuple[ItemKnnConfig, ...] = (ItemKnnConfig(),)
    rp3beta: tuple[Rp3BetaConfig, ...] = (Rp3BetaConfig(),)
    ease: tuple[EaseConfig, ...] = ()
    ials: tuple[IalsConfig, ...] = Field((IalsConfig(),), min_length=1)
    trials: tuple[EmotionTrial, ...] = Field(min_length=1)


class RatingsConfig(FrozenConfig):
    """The part on a data set of ratings."""

    liked: float = Field(description="ratings from here count as liked")
    penalties: tuple[float, ...] = Field(
        (0.0003, 0.001, 0.003, 0.01, 0.03), min_length=1, description="per training rating"
    )
    emotion_scales: tuple[float, ...] = Field((0.1, 0.3, 1.0), min_length=1)
    permutations: int = Field(20, ge=1, description="of the scored emotions")
    retrained: int = Field(3, ge=1, description="models fitted on permuted emotions")
    splits: int = Field(10, ge=1, description="random splits where none is published")


class EmotionStudyConfig(FrozenConfig):
    """Everything; a part whose folder is not there is left out, and the report says so."""

    seed: int = Field(7, ge=0)
    bootstrap: int = Field(2000, ge=10)
    emomusiclj: PostsConfig
    situnes: RatingsConfig
    incarmusic: RatingsConfig
