"""A/B experiments without state: which arm a listener is in follows from a hash.

Nothing is stored about who is in what, so every process, after every start, says the same. For an
experiment ``E`` and a user ``U``, with ``h(S)`` the number in the first 13 hexadecimal digits of
the SHA-256 of the UTF-8 text ``S``, divided by ``16 ** 13`` (so 0 <= h < 1, exact in a double):

- ``U`` takes part in ``E`` if ``h("E:share:U") < percent / 100``;
- the arm is the first, in the order of the file, whose cumulated share of the weights is above
  ``h("E:arm:U")``.

The two are independent, so a larger ``percent`` adds listeners and moves none between the arms. A
listener takes part in one experiment at most: the first of the file that takes them.
``docs/experiments.md`` has the same for analysts.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from pydantic import Field, field_validator

from data.config import FrozenConfig
from data.errors import ConfigError
from data.settings import Settings
from data.types import Strategy
from recommender.variants import AnswerSettings

_NAME = r"^[a-z0-9][a-z0-9_-]{0,63}$"
_DIGITS = 13
_RANGE = 16.0**_DIGITS


class ArmConfig(AnswerSettings):
    """One way of answering; what is left out is as for everybody else."""

    name: str = Field(pattern=_NAME)
    weight: float = Field(1.0, gt=0, le=1e6, description="share against that of the other arms")
    bundle: str | None = Field(None, min_length=1, description="version of a published bundle")
    strategy: Strategy | None = Field(None, description="where the request names none")

    @property
    def settings(self) -> AnswerSettings:
        """What the arm changes of a bundle's answers."""
        return AnswerSettings(**{name: getattr(self, name) for name in AnswerSettings.model_fields})


class ExperimentConfig(FrozenConfig):
    """A share of the listeners, split over arms."""

    name: str = Field(pattern=_NAME, description="part of the hash: a new name is a new split")
    percent: float = Field(100.0, gt=0, le=100, description="of all listeners")
    arms: tuple[ArmConfig, ...] = Field(min_length=1, max_length=16)

    @field_validator("arms")
    @classmethod
    def _arm_names_differ(cls, arms: tuple[ArmConfig, ...]) -> tuple[ArmConfig, ...]:
        _check_names([arm.name for arm in arms], "arm")
        return arms

    def takes(self, user: str) -> bool:
        """Tell whether a user falls into the experiment's share."""
        return share_of(f"{self.name}:share:{user}") < self.percent / 100

    def arm_of(self, user: str) -> ArmConfig:
        """Return the arm of a user who takes part."""
        left = share_of(f"{self.name}:arm:{user}") * sum(arm.weight for arm in self.arms)
        for arm in self.arms:
            left -= arm.weight
            if left < 0:
                return arm
        return self.arms[-1]  # rounding of the sum


class ExperimentsConfig(FrozenConfig):
    """The experiments of an installation: a TOML file of ``[[experiment]]`` tables."""

    experiment: tuple[ExperimentConfig, ...] = Field((), max_length=64)

    @field_validator("experiment")
    @classmethod
    def _names_differ(cls, found: tuple[ExperimentConfig, ...]) -> tuple[ExperimentConfig, ...]:
        _check_names([one.name for one in found], "experiment")
        return found

    @classmethod
    def read(cls, path: Path | None) -> Self:
        """Read the file of the settings; None is no experiment.

        Raises:
            ConfigError: if it is missing, is not TOML, or has a wrong value.
        """
        return cls() if path is None else cls.from_toml(path)

    @property
    def bundles(self) -> frozenset[str]:
        """Versions of the bundles that arms name."""
        return frozenset(arm.bundle for one in self.experiment for arm in one.arms if arm.bundle)

    def assign(self, user: str) -> Assignment | None:
        """Return what a user takes part in, if anything."""
        for one in self.experiment:
            if one.takes(user):
                return Assignment(one.name, one.arm_of(user))
        return None


@dataclass(frozen=True, slots=True)
class Assignment:
    """A user's experiment and arm."""

    experiment: str
    arm: ArmConfig


def check_experiments(settings: Settings) -> ExperimentsConfig:
    """Read the experiments of an installation; nothing is loaded.

    Raises:
        ConfigError: if the file is wrong, or an arm names a bundle that is not published.
    """
    found = ExperimentsConfig.read(settings.experiments_file)
    published = {path.parent.name for path in settings.bundles.glob("*/manifest.json")}
    missing = sorted(found.bundles - published)
    if missing:
        raise ConfigError(
            f"{settings.experiments_file}: an arm names the bundle {missing[0]!r}, which is not"
            f" published under {settings.bundles}"
        )
    return found


def share_of(text: str) -> float:
    """Return where a text falls in [0, 1), evenly by SHA-256."""
    digest = hashlib.sha256(text.encode("utf-8")).hexdigest()
    return int(digest[:_DIGITS], 16) / _RANGE


def _check_names(names: Sequence[str], what: str) -> None:
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"two of one name: {what} {', '.join(twice)}")
