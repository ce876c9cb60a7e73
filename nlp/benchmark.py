"""How fast lyrics become vectors: every path on the same lyrics in one run.

*naive* is ``model.encode(lyrics)`` of sentence-transformers in float32 as it comes: the raw text in
file order, batches of 32, cut at 256 word pieces. The others clean, cut into chunks, and read
every word. A path's cost is told in seconds of wall clock and of CPU: on a machine that does other
things the latter is the steadier figure.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from data.datasets.lyrics import read_lyrics
from data.types import FloatArray
from nlp.cleaning import clean_lyrics
from nlp.config import EncoderConfig
from nlp.encoder import LyricEncoder
from nlp.export import export_encoder
from nlp.onnx_encoder import OnnxTextEncoder
from nlp.text import Report, open_text_encoder

_READ_PIECES = 256


@dataclass(frozen=True, slots=True)
class PathSpeed:
    """One way of embedding, measured.

    Attributes:
        name: which.
        songs_s: songs a second of wall clock, median over repeats.
        cpu_songs_s: songs a second of CPU, median over repeats.
        words_s: words read a second of CPU; naive does not read what it cuts off.
        ratio: ``songs_s`` over naive's.
        cpu_ratio: ``cpu_songs_s`` over naive's.
        cosine: mean cosine to the chunks in float32; None for naive, which reads another text.
        least_cosine: the lowest.
    """

    name: str
    songs_s: float
    cpu_songs_s: float
    words_s: float
    ratio: float
    cpu_ratio: float
    cosine: float | None
    least_cosine: float | None


@dataclass(frozen=True, slots=True)
class _Way:
    name: str
    run: Callable[[], FloatArray]
    words: int
    compared: bool = True


def measure_lyrics(
    lyrics: Sequence[str], repeats: int = 3, threads: int = 1, report: Report | None = None
) -> list[PathSpeed]:
    """Measure every path on the same lyrics, by turns, so that a slow minute hits all of them.

    Args:
        lyrics: raw texts.
        repeats: rounds; medians are told.
        threads: of each path.
        report: receives progress.

    Raises:
        MissingExtraError: if sentence-transformers is not installed.
    """
    with TemporaryDirectory(prefix="attune-bench-") as folder:
        ways = _ways(list(lyrics), threads, Path(folder))
        laps: dict[str, list[tuple[float, float]]] = {way.name: [] for way in ways}
        found: dict[str, FloatArray] = {}
        for lap in range(repeats):
            for way in ways:
                found[way.name], *seconds = _timed(way.run)
                laps[way.name].append((seconds[0], seconds[1]))
                if report:
                    report(f"round {lap + 1} of {repeats}, {way.name}: {seconds[0]:.1f} s")
    return _rows(ways, laps, found, len(lyrics))


def sample_lyrics(path: Path, n: int, seed: int = 7) -> list[str]:
    """Take ``n`` raw lyrics of a table at random, in file order."""
    table = read_lyrics(path)
    rng = np.random.default_rng(seed)
    rows = np.sort(rng.choice(len(table), size=min(n, len(table)), replace=False))
    return [table.lyrics[i] for i in rows]


def as_values(rows: Sequence[PathSpeed]) -> list[dict[str, Any]]:
    """Return rows for JSON."""
    return [asdict(row) for row in rows]


def table_text(rows: Sequence[PathSpeed]) -> str:
    """Return a Markdown table."""
    lines = [
        "| path | songs/s | ratio | songs/CPU s | ratio | words/CPU s | cosine: mean, least |",
        "|---|---:|---:|---:|---:|---:|---:|",
    ]
    for r in rows:
        loss = "–" if r.cosine is None else f"{r.cosine:.5f}, {r.least_cosine:.5f}"
        lines.append(
            f"| {r.name} | {r.songs_s:.1f} | {r.ratio:.2f} | {r.cpu_songs_s:.1f} |"
            f" {r.cpu_ratio:.2f} | {r.words_s:.0f} | {loss} |"
        )
    return "\n".join(lines)


def _ways(lyrics: list[str], threads: int, folder: Path) -> list[_Way]:
    exact = LyricEncoder(EncoderConfig(precision="float32", threads=threads))
    half = LyricEncoder(EncoderConfig(precision="auto", threads=threads))
    network = exact.load()
    half.load()
    onnx = []
    for name, int8 in (("ONNX float32", False), ("ONNX int8", True)):
        export_encoder(exact, folder / name, int8)
        onnx.append((name, OnnxTextEncoder(folder / name, threads=threads)))
    small = open_text_encoder()
    words = sum(len(clean_lyrics(text).split()) for text in lyrics)
    return [
        _Way("naive", partial(_naive, network, lyrics), _words_read(network, lyrics), False),
        _Way("chunks, float32", partial(exact.encode, lyrics), words),
        _Way("chunks, auto precision", partial(half.encode, lyrics), words),
        *(_Way(name, partial(encoder.encode, lyrics), words) for name, encoder in onnx),
        _Way("word model", partial(small.encode, lyrics), words),
    ]


def _naive(network: Any, lyrics: list[str]) -> FloatArray:
    return np.asarray(network.encode(lyrics, show_progress_bar=False), dtype=np.float32)


def _words_read(network: Any, lyrics: list[str]) -> int:
    """Count the words within the 256 pieces that naive reads."""
    from tokenizers import Tokenizer

    # A copy: the one in use is set to cut and to pad.
    tokenizer = Tokenizer.from_str(network.tokenizer.backend_tokenizer.to_str())
    tokenizer.no_truncation()
    tokenizer.no_padding()
    found = 0
    for text in lyrics:
        encoding = tokenizer.encode(text, add_special_tokens=False)
        ends = encoding.offsets[: _READ_PIECES - 2]
        found += len(text[: ends[-1][1]].split()) if ends else 0
    return found


def _timed(run: Callable[[], FloatArray]) -> tuple[FloatArray, float, float]:
    wall, cpu = time.perf_counter(), time.process_time()
    found = run()
    return found, time.perf_counter() - wall, time.process_time() - cpu


def _rows(
    ways: Sequence[_Way],
    laps: dict[str, list[tuple[float, float]]],
    found: dict[str, FloatArray],
    n: int,
) -> list[PathSpeed]:
    rows = []
    first: tuple[float, float] | None = None
    exact = found[ways[1].name]
    for way in ways:
        wall = statistics.median(seconds for seconds, _ in laps[way.name])
        cpu = statistics.median(seconds for _, seconds in laps[way.name])
        first = first or (wall, cpu)
        cosines = (found[way.name] * exact).sum(axis=1)
        rows.append(
            PathSpeed(
                way.name, n / wall, n / cpu, way.words / cpu, first[0] / wall, first[1] / cpu,
                float(np.nanmean(cosines)) if way.compared else None,
                float(np.nanmin(cosines)) if way.compared else None,
            )
        )  # fmt: skip
    return rows
