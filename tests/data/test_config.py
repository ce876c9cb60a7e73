from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field

from data.config import FrozenConfig
from data.errors import ConfigError
from data.settings import Settings


class Inner(FrozenConfig):
    widths: tuple[int, ...] = (1, 2)
    name: str = "a"


class Outer(FrozenConfig):
    rate: float = Field(0.1, gt=0, le=1)
    limit: int | None = None
    inner: Inner = Inner()


@given(
    st.builds(
        Outer,
        rate=st.floats(1e-9, 1),
        limit=st.none() | st.integers(0, 10**6),
        inner=st.builds(
            Inner, widths=st.lists(st.integers(0, 99), max_size=4).map(tuple), name=st.text()
        ),
    )
)
def test_toml_round_trip(config: Outer) -> None:
    import tomllib

    assert Outer.parse(tomllib.loads(config.to_toml())) == config


def test_reading_a_file(tmp_path: Path) -> None:
    path = tmp_path / "a.toml"
    path.write_text("rate = 0.5\n[inner]\nname = 'b'\n")
    assert Outer.from_toml(path) == Outer(rate=0.5, inner=Inner(name="b"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("rat = 1", "rat: Extra inputs"),
        ("rate = 2", "rate: Input should be less than or equal to 1"),
        ("[inner]\nwidth = 1", "inner.width"),
        ("rate =", "not valid TOML"),
    ],
)
def test_mistakes_are_named(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "a.toml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=message) as caught:
        Outer.from_toml(path)
    assert "a.toml" in str(caught.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="nowhere"):
        Outer.from_toml(tmp_path / "nowhere.toml")


def test_configs_are_frozen() -> None:
    with pytest.raises(Exception, match="frozen"):
        setattr(Outer(), "rate", 0.2)  # noqa: B010  a checker forbids the plain form


def test_settings_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ATTUNE_DATABASE_URL", raising=False)
    monkeypatch.setenv("ATTUNE_HOME", "elsewhere")
    assert Settings(_env_file=None).sqlalchemy_url == "sqlite:///elsewhere/attune.db"
    monkeypatch.setenv("ATTUNE_DATABASE_URL", "postgresql://db/attune")
    assert Settings(_env_file=None).sqlalchemy_url == "postgresql://db/attune"
