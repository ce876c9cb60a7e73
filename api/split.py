"""The split in force: which engine answers a listener, and what is counted for their arm."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, get_args

from api import metrics
from api.experiments import Assignment, ExperimentsConfig
from data.types import Event

if TYPE_CHECKING:
    from api.state import RecommendationEngine


@dataclass(frozen=True, slots=True)
class Split:
    """Experiments with the engines of their arms; immutable, replaced as a whole.

    Attributes:
        engines: (experiment, arm) -> engine.
    """

    experiments: ExperimentsConfig = field(default_factory=ExperimentsConfig)
    engines: Mapping[tuple[str, str], RecommendationEngine] = field(default_factory=dict)

    def assign(self, user: str) -> Assignment | None:
        """Return what a user takes part in, if anything."""
        return self.experiments.assign(user)

    def engine_of(self, found: Assignment) -> RecommendationEngine | None:
        """Return the engine of an arm."""
        return self.engines.get((found.experiment, found.arm.name))


def count_answer_in(part: Assignment | None) -> None:
    """Count an answer for the arm it was made by, if any."""
    if part is not None:
        metrics.EXPERIMENTS.labels(part.experiment, part.arm.name).inc()


def count_feedback_in(part: Assignment | None, event: Event) -> None:
    """Count an event of a listener for their arm, if any: that is what arms are compared by."""
    if part is not None:
        metrics.EXPERIMENT_FEEDBACK.labels(part.experiment, part.arm.name, event).inc()


def begin_counts(experiments: ExperimentsConfig) -> None:
    """Show every arm's counts before the first of each: a rate needs the 0 before the 1."""
    for one in experiments.experiment:
        for arm in one.arms:
            metrics.EXPERIMENTS.labels(one.name, arm.name)
            for event in get_args(Event):
                metrics.EXPERIMENT_FEEDBACK.labels(one.name, arm.name, event)
