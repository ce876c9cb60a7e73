"""Who the simulated listeners are: names, tastes, moods, and when they listen."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from data.datasets.demo.catalogue import DemoArtist
from data.datasets.demo.config import DemoConfig

Float64Array = NDArray[np.float64]

STYLES = 4
#: Shares below this count as this: nobody hates a genre without bound.
_GENRE_FLOOR = 0.01
_NAMES = (
    "ada", "amir", "anouk", "asha", "bela", "bruno", "carmen", "chidi", "clara", "dario", "dina",
    "edith", "elif", "emil", "farah", "felix", "freya", "gita", "goran", "hana", "hugo", "ines",
    "ivo", "jana", "joon", "kemal", "kofi", "lena", "leo", "lucia", "malik", "mara", "mina",
    "nadia", "nils", "noor", "olga", "omar", "otto", "paula", "petra", "quinn", "rafa", "rosa",
    "sami", "selma", "sofia", "tariq", "tess", "tomas", "uma", "vera", "viktor", "wanda", "wen",
    "xenia", "yara", "yusuf", "zoe", "zora",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Population:
    """The hidden side of ``n`` listeners, in order of falling number of listens.

    Attributes:
        ids: ``<invented first name>-<number>``.
        listens: int64 (n,), how many songs each will put on.
        genre_taste: float64 (n, genres), rows sum to 1.
        taste: float64 (n, songs), utility of each song apart from mood and appeal, nats.
        beta: float64 (n,), response strength to the mood, nats per unit of mood distance.
        compensates: bool (n,), True for those who aim at a lifted mood.
        baseline: float64 (n, 2), usual valence and arousal.
        novelty: float64 (n,), utility of a song never heard, nats.
        late: float64 (n,), shift of the daily rhythm, hours.
        joined: float64 (n,), share of the period gone before the first listen.
    """

    ids: tuple[str, ...]
    listens: NDArray[np.int64]
    genre_taste: Float64Array
    taste: Float64Array
    beta: Float64Array
    compensates: NDArray[np.bool_]
    baseline: Float64Array
    novelty: Float64Array
    late: Float64Array
    joined: Float64Array


def draw_population(
    config: DemoConfig, artists: list[DemoArtist], rng: np.random.Generator
) -> Population:
    """Draw ``config.listeners`` listeners for the songs of ``artists``."""
    n = config.listeners
    listens = _listens(config, rng)
    genre_taste, taste = _tastes(config, artists, rng)
    names = rng.choice(np.array(_NAMES), size=n)
    joined = np.where(rng.random(n) < 0.7, 0.0, rng.uniform(0.0, 0.6, n))
    # Numbers are dealt at random, so that an id says nothing about how active someone is.
    numbers = rng.permutation(n) + 1
    return Population(
        ids=tuple(f"{name}-{number:03d}" for name, number in zip(names, numbers, strict=True)),
        listens=listens,
        genre_taste=genre_taste,
        taste=taste,
        beta=rng.normal(config.beta_mean, config.beta_spread, n),
        compensates=rng.random(n) < config.compensator_share,
        baseline=rng.normal((0.1, -0.05), 0.2, (n, 2)),
        novelty=rng.normal(config.novelty, 0.5, n),
        late=rng.normal(0.0, 1.2, n),
        joined=joined,
    )


def _listens(config: DemoConfig, rng: np.random.Generator) -> NDArray[np.int64]:
    n = config.listeners
    regular = config.median_listens * np.exp(rng.normal(0.0, config.spread_listens, n))
    short = rng.integers(1, config.short_most + 1, n)
    chosen = np.where(rng.random(n) < config.short_share, short, regular)
    return np.sort(np.clip(chosen, 1, config.most_listens).astype(np.int64))[::-1]


def _tastes(
    config: DemoConfig, artists: list[DemoArtist], rng: np.random.Generator
) -> tuple[Float64Array, Float64Array]:
    """Return (shares of the genres, utility of each song before mood and appeal)."""
    n = config.listeners
    genres = sorted({artist.genre for artist in artists})
    genre_of = np.array([genres.index(artist.genre) for artist in artists])
    shares = rng.dirichlet(np.full(len(genres), config.genre_concentration), n)
    # Styles cross genres: they give taste the low-rank structure that collaborative
    # filtering lives on.
    styles = rng.normal(size=(len(artists), STYLES))
    leanings = rng.normal(size=(n, STYLES)) / np.sqrt(STYLES)
    by_artist = (
        config.genre_weight * np.log(np.maximum(shares, _GENRE_FLOOR))[:, genre_of]
        + config.style_weight * leanings @ styles.T
        + config.artist_weight * rng.normal(size=(n, len(artists)))
    )
    return shares, np.repeat(by_artist, [len(artist.songs) for artist in artists], axis=1)
