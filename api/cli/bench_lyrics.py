"""``attune bench lyrics``: songs a second from words to vectors, by every path there is."""

from __future__ import annotations

from pathlib import Path

from api.cli.console import emit, emit_json, progress
from data.errors import InvalidParameterError


def bench_lyrics(data: Path | None, songs: int, rounds: int, as_json: bool) -> None:
    """Measure on a sample of the lyrics table below ``data``; needs attune[train].

    Args:
        data: data folder, or the table itself.
        songs: size of the sample.
        rounds: of every path by turns; medians are told.
        as_json: rows as JSON in place of a table.
    """
    if data is None:
        raise InvalidParameterError("data", "--data PATH is needed: where the lyrics are")
    from nlp.benchmark import as_values, measure_lyrics, sample_lyrics, table_text

    table = data / "lyrics" / "lyrics.parquet" if data.is_dir() else data
    sample = sample_lyrics(table, songs)
    progress(f"measuring on {len(sample)} lyrics, {rounds} rounds, one thread")
    rows = measure_lyrics(sample, rounds, report=progress)
    if as_json:
        emit_json({"songs": len(sample), "rounds": rounds, "paths": as_values(rows)})
    else:
        emit(table_text(rows))
