"""How long training takes: every listening scorer on the same events, beside ``implicit`` alone.

*implicit* is ``AlternatingLeastSquares.fit`` called as it comes on a matrix that is ready, with the
settings and the one thread that our ALS has; what ours takes beyond it are weights, songs that
nobody played, and the scorer. The events are drawn: popular songs more often, and listeners of a
few tastes, so that factors have something to find.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from scipy.sparse import csr_matrix

from recommender.candidates.factors import AlsConfig
from recommender.candidates.listening import Listening
from recommender.config import LISTENING

Report = Callable[[str], None]
BASELINE = "implicit, called bare"
_TASTES = 12


@dataclass(frozen=True, slots=True)
class TrainingTime:
    """One way of training.

    Attributes:
        name: which.
        seconds: median of CPU over the rounds.
        ratio: ``seconds`` over those of ``implicit`` alone.
    """

    name: str
    seconds: float
    ratio: float


def drawn_listening(users: int, songs: int, each: int, seed: int = 42) -> Listening:
    """Draw events: float32 (users, songs) with about ``each`` songs a user, every weight 1."""
    rng = np.random.default_rng(seed)
    popularity = 1 / np.arange(1, songs + 1) ** 0.7
    likes = rng.dirichlet(np.full(_TASTES, 0.2), users) @ rng.gamma(0.3, size=(_TASTES, songs))
    chances = likes * popularity
    chances *= each / chances.sum(axis=1, keepdims=True)
    matrix = csr_matrix(rng.random((users, songs)) < chances, dtype=np.float32)
    none = np.zeros(0, dtype=np.int64)
    return Listening(matrix, none, none, np.zeros(0))


def measure_training(
    listening: Listening, rounds: int = 3, report: Report = lambda line: None
) -> list[TrainingTime]:
    """Fit everything by turns, so that a slow minute hits all; CPU seconds of one thread."""
    from threadpoolctl import threadpool_limits

    ways: dict[str, Callable[[], object]] = {BASELINE: _bare(AlsConfig(), listening)}
    for name, kind in LISTENING.items():
        ways[name] = lambda kind=kind: kind().fit(listening, 42)  # type: ignore[misc]
    taken: dict[str, list[float]] = {name: [] for name in ways}
    with threadpool_limits(1):
        for number in range(rounds):
            for name, run in ways.items():
                started = time.process_time()
                run()
                taken[name].append(time.process_time() - started)
            report(f"round {number + 1} of {rounds}")
    medians = {name: statistics.median(values) for name, values in taken.items()}
    return [TrainingTime(n, m, m / medians[BASELINE]) for n, m in medians.items()]


def _bare(config: AlsConfig, listening: Listening) -> Callable[[], object]:
    from implicit.cpu.als import AlternatingLeastSquares

    rows = listening.matrix * config.alpha

    def run() -> object:
        model = AlternatingLeastSquares(
            factors=config.embedding_size,
            regularization=config.regularization,
            iterations=config.epochs,
            num_threads=1,
            random_state=42,
        )
        model.fit(rows, show_progress=False)
        return model

    return run


def table_text(rows: list[TrainingTime]) -> str:
    """Return a Markdown table."""
    lines = ["| scorer | seconds of CPU | times implicit |", "|---|---|---|"]
    lines += [f"| {row.name} | {row.seconds:.2f} | {row.ratio:.2f} |" for row in rows]
    return "\n".join(lines)


def as_values(rows: list[TrainingTime]) -> list[dict[str, Any]]:
    """Return the rows as JSON values."""
    return [asdict(row) for row in rows]
