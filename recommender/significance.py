"""Whether two systems differ: paired tests over users, corrected for many comparisons.

A difference is told with its bootstrap interval, the p of a sign-flip permutation test, and that
p corrected over the family of comparisons that are read together.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from recommender.metrics import Interval, Values, bootstrap_mean

_BLOCK = 500  # rounds whose signs are in memory at a time


@dataclass(frozen=True, slots=True)
class Comparison:
    """One system against the baseline, over the users that both have a value for.

    Attributes:
        difference: system - baseline, mean with its 95 % bootstrap interval.
        users: how many took part.
        p: two-sided, of the sign-flip test; NaN without users.
        holm: p corrected by :func:`holm`.
        benjamini_hochberg: p corrected by :func:`benjamini_hochberg`.
    """

    difference: Interval
    users: int
    p: float
    holm: float
    benjamini_hochberg: float


def compare_all(
    values: Mapping[str, Values],
    baseline: str,
    rng: np.random.Generator,
    rounds: int = 10_000,
) -> dict[str, Comparison]:
    """Compare every system with one of them, in pairs; the family is all these comparisons.

    The same users are drawn and the same signs flipped for every system, so that what one is said
    to gain does not depend on which others are in the table.

    Args:
        values: system -> float64 (users,), the same users in each; NaN where there is no value.
        baseline: the system the others are compared with.
        rng: of the draws.
        rounds: of the permutation test.

    Raises:
        KeyError: if ``baseline`` is none of the systems.
    """
    others = [name for name in values if name != baseline]
    seeds = rng.integers(0, 2**63, 2)
    apart = [values[name] - values[baseline] for name in others]
    p = sign_flip_tests(apart, np.random.default_rng(seeds[0]), rounds)
    holms, hochbergs = holm(p), benjamini_hochberg(p)
    return {
        name: Comparison(
            bootstrap_mean(apart[i], np.random.default_rng(seeds[1])),
            int(np.isfinite(apart[i]).sum()),
            float(p[i]),
            float(holms[i]),
            float(hochbergs[i]),
        )
        for i, name in enumerate(others)
    }


def sign_flip_test(differences: Values, rng: np.random.Generator, rounds: int = 10_000) -> float:
    """Two-sided paired permutation test (Fisher, 1935) that the mean difference is 0.

    Where the systems are exchangeable, each user's difference is as likely with the other sign.
    p = (1 + rounds with |mean| at least that observed) / (1 + rounds): never 0, and valid for any
    number of rounds (Phipson & Smyth, 2010).

    Args:
        differences: float64 (users,), NaN where there is no value: left out.
        rng: of the signs.
        rounds: random flips; p is at least 1 / (rounds + 1).

    Returns:
        p, NaN if no difference is known.
    """
    return float(sign_flip_tests([differences], rng, rounds)[0])


def sign_flip_tests(
    differences: Sequence[Values], rng: np.random.Generator, rounds: int = 10_000
) -> Values:
    """Do :func:`sign_flip_test` for several systems on the same users with the same signs.

    Returns:
        float64 (systems,).
    """
    if not differences:
        return np.empty(0)
    table = np.stack(differences, axis=1)
    known = np.isfinite(table)
    table = np.where(known, table, 0)
    # Sums that are equal but for rounding are ties; a tie counts against the difference.
    least = np.abs(table.sum(axis=0)) - 1e-12 * np.abs(table).sum(axis=0)
    reached = np.zeros(table.shape[1], dtype=np.int64)
    for start in range(0, rounds, _BLOCK):
        signs = _signs(rng, min(_BLOCK, rounds - start), len(table))
        reached += (np.abs(signs @ table) >= least).sum(axis=0)
    return np.where(known.any(axis=0), (1 + reached) / (1 + rounds), np.nan)


def _signs(rng: np.random.Generator, rounds: int, users: int) -> Values:
    """Return -1 and 1, float64 (rounds, users), eight from every random byte."""
    drawn = np.frombuffer(rng.bytes(rounds * -(-users // 8)), dtype=np.uint8)
    bits = np.unpackbits(drawn.reshape(rounds, -1), axis=1, count=users)
    return bits.astype(np.float64) * 2 - 1


def holm(p: Values) -> Values:
    """Holm's step-down correction (1979): holds the chance of any false discovery.

    In ascending order, p_i becomes max over j <= i of (m - j + 1) p_j, at most 1. NaN stays NaN
    and does not count among the m.

    Args:
        p: float64 (m,), of all comparisons that are read together.
    """
    ordered, back = _ascending(p)
    m = len(ordered)
    return back(np.maximum.accumulate(ordered * (m - np.arange(m))))


def benjamini_hochberg(p: Values) -> Values:
    """Benjamini & Hochberg's step-up correction (1995): holds the share of false discoveries.

    In ascending order, p_i becomes min over j >= i of p_j m / j, at most 1. NaN as in
    :func:`holm`.
    """
    ordered, back = _ascending(p)
    m = len(ordered)
    return back(np.minimum.accumulate((ordered * m / np.arange(1, m + 1))[::-1])[::-1])


def _ascending(p: Values) -> tuple[Values, Callable[[Values], Values]]:
    """Return the known p in order, and what puts corrected ones back in their places."""
    places = np.flatnonzero(np.isfinite(p))
    places = places[np.argsort(p[places], kind="stable")]

    def back(corrected: Values) -> Values:
        found = np.full(len(p), np.nan)
        found[places] = np.minimum(corrected, 1.0)
        return found

    return p[places], back
