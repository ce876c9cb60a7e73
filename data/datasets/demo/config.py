"""Constants of the simulated listeners. ``docs/demo_catalogue.md`` has the formulas."""

from __future__ import annotations

from pydantic import Field

from data.config import FrozenConfig


class DemoConfig(FrozenConfig):
    """One population of simulated listeners, complete: the same values give the same events.

    Utilities are in nats: two songs whose utilities differ by 1 differ by e in odds.
    """

    seed: int = Field(20261031, ge=0)
    listeners: int = Field(360, ge=1, le=20_000)
    days: int = Field(184, ge=7, le=366, description="days before and including 2026-10-31")

    median_listens: float = Field(205.0, gt=0, description="of a regular listener")
    spread_listens: float = Field(0.55, ge=0, le=1.5, description="sigma of the log-normal")
    most_listens: int = Field(900, ge=1)
    short_share: float = Field(0.12, ge=0, le=1, description="listeners with a handful of listens")
    short_most: int = Field(8, ge=1, description="most listens of a short listener")
    session_length: float = Field(6.0, ge=1, le=12, description="mean listens per session")

    genre_concentration: float = Field(0.25, gt=0, description="of the symmetric Dirichlet")
    genre_weight: float = Field(0.85, ge=0, description="of the log share of the genre")
    style_weight: float = Field(0.8, ge=0, description="of the latent artist styles")
    artist_weight: float = Field(0.5, ge=0, description="of a listener's whim about one artist")
    zipf_exponent: float = Field(0.9, ge=0, le=2, description="appeal = rank ** -exponent")

    beta_mean: float = Field(1.3, description="mean response strength to the mood")
    beta_spread: float = Field(0.6, ge=0, description="standard deviation between listeners")
    compensator_share: float = Field(0.35, ge=0, le=1, description="others match their mood")
    mood_persistence: float = Field(0.6, ge=0, lt=1, description="AR(1) coefficient")
    mood_spread: float = Field(0.4, ge=0, le=1, description="stationary deviation of a session")

    novelty: float = Field(0.25, description="mean utility of never having heard a song")
    camera_share: float = Field(0.35, ge=0, le=1, description="sessions with an expression label")
