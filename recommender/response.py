"""How a listener responds to an emotion, learned from what was put on, shrunk to the population.

A mixed-effects model. On an occasion in mood ``m`` listener u puts on songs whose mean mood is

    valence: a_u + b_u v + c_u max(0, KNEE - v) + noise,    arousal: a'_u + b'_u a + noise,

with (a, b, c, a', b') normal over listeners. The intercepts take up taste, so that a lover of sad
songs is not taken for someone who answers sadness with them. Mean and covariance come from all
listeners by empirical Bayes (EM; Laird & Ware, "Random-effects models for longitudinal data",
Biometrics 38, 1982, 963-974); one listener's posterior is in closed form, at request time, so the
first feedback with an emotion counts in the next request.

What is used of it are two numbers: how strongly choices follow the mood, against the population,
and which share of that goes up rather than along. They are the projection of (b, c, b') onto the
two ways there are: staying with the mood (1, 0, 1), and rising above it as ``lift`` does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from data.moments import Moments
from data.types import EMOTIONS, IntArray, Moment, Mood
from recommender.catalogue import Catalogue
from recommender.occasions import KNEE, Float64Array, Occasions, label_features, shown_shares

#: Rise of valence per unit below the knee, and share of arousal kept, of a listener who
#: compensates: at valence -0.2 the same as the strategy ``lift``.
RISE, KEPT_AROUSAL = 1.4, 0.6
#: Columns of the parameters: slopes of valence, of its shortfall, of arousal.
_SLOPES = [1, 2, 4]
_STAY, _LIFT = np.array([1.0, 0.0, 1.0]), np.array([1.0, RISE, KEPT_AROUSAL])
#: Before anything is known: songs go a quarter of the way of the mood, without lifting. It counts
#: as _USERS listeners, their spread as _SPREAD_USERS.
_SLOPE, _USERS, _SPREAD_USERS = 0.25, 5.0, 10.0
_SPREAD = np.array([0.2, 0.15, 0.15, 0.2, 0.15])
#: With fewer users or moments than these nothing is learned.
LEAST_USERS, LEAST_MOMENTS = 5, 50
#: A listener's strength against the population's is held within 0 and this.
MOST_STRENGTH = 2.5
_ROUNDS = 60


def lifted(current: Mood) -> Mood:
    """Where someone who compensates goes from a mood; from a pleasant one, only calmer."""
    rise = RISE * max(0.0, KNEE - current.valence)
    return Mood(min(1.0, current.valence + rise), KEPT_AROUSAL * current.arousal)


@dataclass(frozen=True, slots=True)
class UserResponse:
    """What is known of one listener.

    Attributes:
        strength: how strongly choices follow the mood, 1 as the population, 0 not at all.
        lift: 0..1, share of it that rises above the mood rather than stays with it.
        moments: how many moments this is taken from.
    """

    strength: float = 1.0
    lift: float = 0.0
    moments: int = 0


@dataclass(frozen=True)
class Response:
    """The population's response, and any listener's by its posterior. Immutable.

    Attributes:
        mean: float64 (5,), mean of (a, b, c, a', b') over listeners.
        covariance: float64 (5, 5), of listeners about it.
        noise: float64 (2, 2), variances of valence and arousal: of a song within its occasion,
            and of an occasion about the listener's line.
        labels: float64 (7, 3), expected features of what was shown when each label was read.
        projection: float64 (2, 3), from slopes to (stay, lift).
        counts: int64 (2,), users and moments it was learned from; 0 where nothing was.
    """

    mean: Float64Array
    covariance: Float64Array
    noise: Float64Array
    labels: Float64Array
    projection: Float64Array
    counts: IntArray

    @classmethod
    def unfitted(cls) -> Response:
        """Return the response of an installation that knows of no emotions: the plain rule."""
        none = np.zeros(0, dtype=np.int64)
        labels = label_features(none)
        return cls(
            np.array([0.0, _SLOPE, 0.0, 0.0, _SLOPE]),
            np.diag(_SPREAD**2),
            np.ones((2, 2)),
            labels,
            _projection(labels, shown_shares(none)),
            np.zeros(2, dtype=np.int64),
        )

    @classmethod
    def fit(cls, moments: Moments, catalogue: Catalogue) -> Response:
        """Learn the population's response; too little to learn from gives :meth:`unfitted`."""
        moods = _song_moods(moments, catalogue)
        known = np.isfinite(moods).all(axis=1)
        users = len(np.unique(moments.user[known]))
        if users < LEAST_USERS or int(known.sum()) < LEAST_MOMENTS:
            return cls.unfitted()
        occasions = Occasions.of(moments, moods)
        labels = label_features(moments.emotion[known])
        mean, covariance, noise = _learned(occasions, labels)
        projection = _projection(labels, shown_shares(moments.emotion[known]))
        counts = np.array([users, known.sum()], dtype=np.int64)
        return cls(mean, covariance, noise, labels, projection, counts)

    @property
    def is_fitted(self) -> bool:
        """True where there were moments enough to learn from."""
        return bool(self.counts[0] > 0)

    def posterior(self, moments: Sequence[Moment], catalogue: Catalogue) -> UserResponse | None:
        """Return a listener's response; the population's without moments, None if unfitted."""
        if not self.is_fitted:
            return None
        found = self.posteriors(_table(moments), catalogue)[0]
        return found if found.moments else self.population

    def posteriors(self, moments: Moments, catalogue: Catalogue) -> list[UserResponse]:
        """Return the response of every user number of ``moments``."""
        occasions = Occasions.of(moments, _song_moods(moments, catalogue))
        users = len(moments.user_ids)
        means, _ = self._line.posteriors(occasions, self.labels, users, self.noise)
        sizes = np.bincount(occasions.user, occasions.size, minlength=users).astype(int)
        return [self._response(m, int(n)) for m, n in zip(means, sizes, strict=True)]

    @property
    def population(self) -> UserResponse:
        """The response of a listener of whom nothing is known."""
        return self._response(self.mean, 0)

    @property
    def _line(self) -> _Line:
        return _Line(self.mean, self.covariance)

    def _response(self, parameters: Float64Array, moments: int) -> UserResponse:
        stay, lift = self.projection @ parameters[_SLOPES]
        slope = float(stay + lift)
        # Where listeners differ by more than they have in common, the difference is the measure:
        # a population that does not respond must not make giants of its exceptions.
        whole = self.projection.sum(axis=0)
        spread = float(whole @ self.covariance[np.ix_(_SLOPES, _SLOPES)] @ whole) ** 0.5
        usual = max(float(whole @ self.mean[_SLOPES]), spread)
        share = float(np.clip(lift / slope, 0.0, 1.0)) if slope > 0 else 0.0
        strength = float(np.clip(slope / usual, 0.0, MOST_STRENGTH))
        return UserResponse(strength, share, moments)

    def arrays(self) -> dict[str, NDArray[np.generic]]:
        """Return the arrays for an npz file, their names beginning with ``response_``."""
        return {f"response_{f.name}": getattr(self, f.name) for f in fields(self)}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[np.generic]]) -> Response:
        """Undo :meth:`arrays`; :meth:`unfitted` for a model made before responses were learned."""
        if "response_mean" not in arrays:
            return cls.unfitted()
        return cls(**{f.name: arrays[f"response_{f.name}"] for f in fields(cls)})  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True)
class _Line:
    """A normal prior over the parameters of listeners."""

    mean: Float64Array
    covariance: Float64Array

    def posteriors(
        self, occasions: Occasions, labels: Float64Array, users: int, noise: Float64Array
    ) -> tuple[Float64Array, Float64Array]:
        """Return posterior means (users, 5) and covariances (users, 5, 5)."""
        design = _design(labels[occasions.emotion])
        weight = 1 / (noise[1] + noise[0] / occasions.size[:, None])
        precision = np.linalg.inv(self.covariance)
        gram = np.tile(precision, (users, 1, 1))
        pull = np.tile(precision @ self.mean, (users, 1))
        np.add.at(gram, occasions.user, np.einsum("gk,gki,gkj->gij", weight, design, design))
        np.add.at(pull, occasions.user, np.einsum("gk,gki->gi", weight * occasions.mood, design))
        covariances = np.linalg.inv(gram)
        return np.einsum("uij,uj->ui", covariances, pull), covariances

    def likeliest_mean(
        self, means: Float64Array, covariances: Float64Array, start: Float64Array
    ) -> Float64Array:
        """Return the mean that the listeners make likeliest, given the covariance.

        Generalised least squares with ``start`` as _USERS listeners more. It moves much faster than
        the mean of the posteriors where little is known of each listener (ECME; Liu & Rubin,
        Biometrika 81, 1994, 633-648).
        """
        precision = np.linalg.inv(self.covariance)
        known = precision @ covariances @ precision
        weight = (precision - known).sum(axis=0) + _USERS * precision
        pull = (means @ precision - known @ self.mean).sum(axis=0) + _USERS * precision @ start
        return np.asarray(np.linalg.solve(weight, pull))


def _learned(
    occasions: Occasions, labels: Float64Array
) -> tuple[Float64Array, Float64Array, Float64Array]:
    """Return mean, covariance and noise by expectation-maximisation, from the users present."""
    user = np.unique(occasions.user, return_inverse=True)[1].astype(np.int64)
    rows = Occasions(user, occasions.emotion, occasions.size, occasions.mood, occasions.spread)
    users = int(user.max()) + 1
    usual = np.average(rows.mood, axis=0, weights=rows.size)
    start = np.array([usual[0], _SLOPE, 0.0, usual[1], _SLOPE])
    spread = np.where(np.isfinite(rows.spread), rows.spread, rows.mood.var(axis=0))
    noise = np.maximum(np.stack([spread, 0.1 * spread]), 1e-4)
    line = _Line(start, np.diag(_SPREAD**2))
    design = _design(labels[rows.emotion])
    for _ in range(_ROUNDS):
        means, covariances = line.posteriors(rows, labels, users, noise)
        mean = line.likeliest_mean(means, covariances, start)
        gap, shift = means - mean, mean - start
        total = gap.T @ gap + covariances.sum(axis=0) + _USERS * np.outer(shift, shift)
        total += _SPREAD_USERS * np.diag(_SPREAD**2)
        line = _Line(mean, total / (users + _SPREAD_USERS))
        noise = _noise(rows, design, means, covariances, noise)
    return line.mean, line.covariance, noise


def _noise(
    rows: Occasions,
    design: Float64Array,
    means: Float64Array,
    covariances: Float64Array,
    noise: Float64Array,
) -> Float64Array:
    """Update the variance of an occasion about its listener's line: what songs do not explain."""
    gap = rows.mood - np.einsum("gki,gi->gk", design, means[rows.user])
    unsure = np.einsum("gki,gij,gkj->gk", design, covariances[rows.user], design)
    own = gap**2 + unsure - noise[0] / rows.size[:, None]
    weight = rows.size[:, None] / (noise[0] + rows.size[:, None] * noise[1])
    between = (weight * own).sum(axis=0) / weight.sum(axis=0)
    return np.stack([noise[0], np.maximum(between, 0.01 * noise[0])])


def _design(features: Float64Array) -> Float64Array:
    """Return (g, 2, 5): the row of the parameters for valence and for arousal."""
    rows = np.zeros((len(features), 2, 5))
    rows[:, 0, 0] = rows[:, 1, 3] = 1.0
    rows[:, 0, 1:3], rows[:, 1, 4] = features[:, :2], features[:, 2]
    return rows


def _projection(labels: Float64Array, shown: Float64Array) -> Float64Array:
    """Return (2, 3): least squares of a line of slopes by staying and lifting.

    Two lines differ by the mean square of what they answer to the labels, about its mean.
    """
    centred = labels - shown @ labels
    spread = (centred * shown[:, None]).T @ centred
    spread[2, :2] = spread[:2, 2] = 0.0  # valence is answered by valence, arousal by arousal
    ways = np.stack([_STAY, _LIFT])
    return np.asarray(np.linalg.solve(ways @ spread @ ways.T, ways @ spread))


def _song_moods(moments: Moments, catalogue: Catalogue) -> NDArray[np.float32]:
    """Return float32 (n, 2): the mood of each moment's song, NaN where it is not known."""
    positions = catalogue.columns(moments.item_ids)[moments.item]
    moods = np.full((len(moments), 2), np.nan, dtype=np.float32)
    moods[positions >= 0] = catalogue.moods[positions[positions >= 0]]
    return moods


def _table(moments: Sequence[Moment]) -> Moments:
    """Return the moments of one listener as a table; unknown emotions are passed over."""
    known = [m for m in moments if m.emotion in EMOTIONS]
    items = {song: number for number, song in enumerate(dict.fromkeys(m.song_id for m in known))}
    return Moments(
        ("",),
        tuple(items),
        np.zeros(len(known), dtype=np.int64),
        np.array([items[m.song_id] for m in known], dtype=np.int64),
        np.array([EMOTIONS.index(m.emotion) for m in known], dtype=np.int64),
        np.ones(len(known), dtype=np.float32),
        np.array([m.at.timestamp() for m in known], dtype=np.float64),
    )
