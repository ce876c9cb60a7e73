"""The base class of every stage's and run's configuration."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any, Self

import tomli_w
from pydantic import BaseModel, ConfigDict, ValidationError

from data.errors import ConfigError


class FrozenConfig(BaseModel):
    """Immutable settings that forbid unknown keys and survive a round trip through TOML."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    @classmethod
    def parse(cls, values: dict[str, Any], origin: str = "configuration") -> Self:
        """Validate ``values``.

        Raises:
            ConfigError: naming every unknown or out-of-range key.
        """
        try:
            return cls.model_validate(values)
        except ValidationError as exc:
            problems = "; ".join(
                f"{'.'.join(str(p) for p in e['loc']) or 'value'}: {e['msg']}" for e in exc.errors()
            )
            raise ConfigError(f"{origin}: {problems}") from exc

    @classmethod
    def from_toml(cls, path: Path) -> Self:
        """Read and validate the TOML file at ``path``.

        Raises:
            ConfigError: if the file is missing, cannot be read, is not TOML, or has a wrong value.
        """
        try:
            values = tomllib.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError as exc:
            raise ConfigError(f"no configuration file at {path}") from exc
        except OSError as exc:
            raise ConfigError(f"{path} cannot be read: {exc.strerror or exc}") from exc
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as exc:
            raise ConfigError(f"{path} is not valid TOML: {exc}") from exc
        return cls.parse(values, origin=str(path))

    def to_toml(self) -> str:
        """Return the settings as TOML text; ``None`` values are left out."""
        return tomli_w.dumps(self.model_dump(mode="json", exclude_none=True))
