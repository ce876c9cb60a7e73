"""A matrix of experiments as one TOML file, read and checked as a whole before any row is run.

Each row starts from the file of a recipe, from a recipe written here, or from an earlier row, and
says what it changes::

    budget = "Short, for two CPU cores."  # of the whole matrix, in words
    set = { seed = 7 }  # in every row

    [[experiment]]
    name = "cnn-schedule"
    study = "Additions, 6 epochs over Training"  # what is equal among rows that are compared
    like = "cnn"  # or config = "cnn.toml", or a table [experiment.base]
    set = { schedule = "cosine", "augmentation.noise" = 8.0 }
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self, get_args

from pydantic import Field, model_validator

from data.config import FrozenConfig
from data.errors import ConfigError
from vision.config import NetworkName, TrainingConfig


class ExperimentConfig(FrozenConfig):
    """One row: where its recipe starts, and what it changes."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_-]*$", description="of the row and of its folder")
    study: str = Field(min_length=1, description="whom it is compared with, and what is equal")
    budget: str = Field("", description="of this row, in words, where the study does not say it")
    config: str | None = Field(None, description="a recipe's TOML, relative to the matrix file")
    base: dict[str, Any] | None = Field(None, description="the same, written here")
    like: str | None = Field(None, description="the same, of an earlier row")
    set: dict[str, Any] = Field(
        default_factory=dict, description='changes, as "augmentation.flip" = true'
    )

    @model_validator(mode="after")
    def _one_start(self) -> Self:
        if sum(start is not None for start in (self.config, self.base, self.like)) != 1:
            raise ValueError("needs exactly one of config, base and like")
        return self


class MatrixConfig(FrozenConfig):
    """All rows, in the order in which they are run."""

    budget: str = Field(min_length=1, description="what is common to all rows, in words")
    set: dict[str, Any] = Field(default_factory=dict, description="changes in every row")
    experiment: tuple[ExperimentConfig, ...] = Field(min_length=1)

    @classmethod
    def parse(cls, values: dict[str, Any], origin: str = "matrix") -> Self:
        """Validate row by row, so that an error names the row.

        Raises:
            ConfigError: naming the row and its unknown or wrong keys.
        """
        rows = values.get("experiment")
        for number, row in enumerate(rows if isinstance(rows, list) else (), start=1):
            if isinstance(row, dict):
                name = row.get("name", f"number {number}")
                ExperimentConfig.parse(row, f"{origin}, experiment {name}")
        return super().parse(values, origin)

    @model_validator(mode="after")
    def _rows_know_each_other(self) -> Self:
        seen: list[str] = []
        for row in self.experiment:
            if row.name in seen:
                raise ValueError(f"two rows are called {row.name}")
            if row.like is not None and row.like not in seen:
                raise ValueError(f"{row.name} is like {row.like}, which is no earlier row")
            seen.append(row.name)
        return self


@dataclass(frozen=True, slots=True)
class Row:
    """A row with its whole recipe."""

    experiment: ExperimentConfig
    config: TrainingConfig

    @property
    def name(self) -> str:
        """Name of the row and of its folder."""
        return self.experiment.name


@dataclass(frozen=True, slots=True)
class Matrix:
    """All rows, and what is common to them."""

    budget: str
    rows: tuple[Row, ...]

    def select(self, names: Sequence[str]) -> tuple[Row, ...]:
        """Return the rows called so, in the order of the matrix; all of them without names.

        Raises:
            ConfigError: if a name is not a row's.
        """
        unknown = sorted(set(names) - {row.name for row in self.rows})
        if unknown:
            known = ", ".join(row.name for row in self.rows)
            raise ConfigError(f"no experiment is called {', '.join(unknown)}; there are {known}")
        return tuple(row for row in self.rows if not names or row.name in names)


def read_matrix(path: Path, weights: Mapping[str, Path] | None = None) -> Matrix:
    """Read a matrix file and work out every row's recipe.

    Args:
        path: the TOML file.
        weights: network name -> file that stands in for its ``weights = "imagenet"``.

    Raises:
        ConfigError: naming the row whose recipe is wrong, or the file that cannot be used.
    """
    files = weights or {}
    _check_files(files)
    matrix = MatrixConfig.from_toml(path)
    values: dict[str, dict[str, Any]] = {}
    rows = []
    for experiment in matrix.experiment:
        origin = f"{path}, experiment {experiment.name}"
        start = merged(_start(experiment, path.parent, values, origin), matrix.set)
        values[experiment.name] = merged(start, experiment.set)
        config = TrainingConfig.parse(values[experiment.name], origin)
        rows.append(Row(experiment, config.with_weights(files)))
    return Matrix(matrix.budget.strip(), tuple(rows))


def merged(base: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``base`` with ``changes``, whose keys may be dotted or whose values may be tables.

    What a table does not name stays as it is in ``base``.
    """
    result = dict(base)
    for key, change in changes.items():
        head, _, rest = key.partition(".")
        value = {rest: change} if rest else change
        if isinstance(value, Mapping):
            inside = result.get(head)
            value = merged(inside if isinstance(inside, Mapping) else {}, value)
        result[head] = value
    return result


def _start(
    experiment: ExperimentConfig,
    folder: Path,
    earlier: Mapping[str, dict[str, Any]],
    origin: str,
) -> dict[str, Any]:
    if experiment.like is not None:
        return earlier[experiment.like]
    if experiment.base is not None:
        return experiment.base
    try:
        recipe = TrainingConfig.from_toml(folder / str(experiment.config))
    except ConfigError as exc:
        raise ConfigError(f"{origin}: {exc}") from exc
    return recipe.model_dump(mode="json", exclude_none=True)


def _check_files(weights: Mapping[str, Path]) -> None:
    unknown = sorted(set(weights) - set(get_args(NetworkName)))
    if unknown:
        raise ConfigError(f"--weights names {', '.join(unknown)}, which is no network of ours")
    for network, path in weights.items():
        if not path.is_file():
            raise ConfigError(f"no weights of {network} at {path}: see --weights")
