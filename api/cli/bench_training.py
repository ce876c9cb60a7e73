"""``attune bench training``: seconds to fit each scorer of who listens to what."""

from __future__ import annotations

from api.cli.console import emit, emit_json, progress

#: Size of the drawn events: about that of hetrec2011-lastfm-2k.
USERS, SONGS, EACH = 1900, 2800, 40


def bench_training(rounds: int, as_json: bool) -> None:
    """Measure on drawn events, beside ``implicit`` called bare."""
    from recommender.benchmark import as_values, drawn_listening, measure_training, table_text

    listening = drawn_listening(USERS, SONGS, EACH)
    progress(f"{listening.matrix.nnz} pairs of {USERS} users and {SONGS} songs, {rounds} rounds")
    rows = measure_training(listening, rounds, progress)
    if as_json:
        emit_json({"pairs": listening.matrix.nnz, "rounds": rounds, "scorers": as_values(rows)})
    else:
        emit(table_text(rows))
