"""Configuration of the studies of the moment."""

from __future__ import annotations

from pydantic import Field, model_validator

from data.config import FrozenConfig
from data.datasets.demo.config import DemoConfig
from recommender.config import RecommenderConfig
from recommender.deep.config import DeepConfig


class MomentStudyConfig(FrozenConfig):
    """All studies, complete: the same file and data give the same tables, byte for byte."""

    seed: int = 42
    cutoff: int = Field(20, ge=1, description="k of nDCG@k, and songs of a list")
    validation_from: float = Field(0.7, gt=0, lt=1, description="share of the simulated period")
    test_from: float = Field(0.85, gt=0, lt=1, description="share of the simulated period")
    strengths: tuple[float, ...] = Field(
        (0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.65, 0.8, 1, 1.25, 1.5, 1.75, 2, 2.5, 3, 4),
        min_length=2,
        description="lambda tried; the first is 0",
    )
    least_moments: tuple[int, ...] = Field((1, 20, 50, 100), description="groups of listeners")
    rounds: int = Field(1000, ge=10, description="of the bootstrap over users")
    confidences: tuple[float, ...] = Field((0.525, 0.8), description="edges of the camera's bands")
    home: str | None = Field(None, description="ATTUNE_HOME with real music, for the trade-off")
    real_users: int = Field(200, ge=1, description="listeners of it")
    real_share: float = Field(0.2, gt=0, lt=1, description="of each of their songs held out")
    real_targets: int = Field(4, ge=1, description="random stated moods for each of them")
    demo: DemoConfig = DemoConfig()
    recommender: RecommenderConfig = RecommenderConfig(deep=DeepConfig(enabled=False))

    @model_validator(mode="after")
    def _in_order(self) -> MomentStudyConfig:
        if self.validation_from >= self.test_from:
            raise ValueError("validation_from must lie before test_from")
        if self.strengths[0] != 0 or list(self.strengths) != sorted(self.strengths):
            raise ValueError("strengths must begin with 0 and rise")
        return self
