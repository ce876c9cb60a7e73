"""The training benchmark: events drawn as promised, every scorer measured."""

from __future__ import annotations

import numpy as np

from recommender.benchmark import BASELINE, drawn_listening, measure_training, table_text
from recommender.config import LISTENING


def test_drawn_events_are_seeded_and_popular_songs_come_more_often() -> None:
    first, second = (drawn_listening(200, 300, 20, seed=s).matrix for s in (1, 1))
    assert (first != second).nnz == 0
    assert 15 < first.nnz / 200 < 25
    counts = first.getnnz(axis=0)
    assert counts[:75].sum() > 2 * counts[-75:].sum()


def test_every_scorer_is_measured_beside_implicit() -> None:
    rows = measure_training(drawn_listening(60, 80, 10), rounds=1)
    assert {row.name for row in rows} == {BASELINE, *LISTENING}
    assert all(row.seconds >= 0 for row in rows)
    assert rows[0].ratio == 1
    assert len(table_text(rows).splitlines()) == len(rows) + 2
    assert np.isfinite([row.ratio for row in rows]).all()
