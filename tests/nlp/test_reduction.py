"""The comparison of reductions, on vectors whose structure is known."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from data.errors import TrainingError
from nlp.corpus import Songs
from nlp.neighbours import Search
from nlp.reduction_methods import METHODS, measure_streaming
from nlp.reduction_report import write_reduction
from nlp.reduction_study import FULL, Comparison, ReductionConfig, compare_reductions, run_reduction
from nlp.vectors import VectorStore
from tests.conftest import ROOT
from tests.nlp.fakes import word_encoder

WIDTH, SIGNAL = 24, 4
CONFIG = ReductionConfig(
    dimensions=(2, SIGNAL, 16, WIDTH, 999),
    queries=50,
    neighbours=5,
    bootstrap=30,
    alphas=(1.0, 30.0, 1000.0),
    repeats=2,
)


def toy(songs: int = 240) -> Songs:
    """Four loud directions, of which the first is valence; the other twenty are quiet noise."""
    rng = np.random.default_rng(3)
    hidden = rng.normal(size=(songs, WIDTH)) * np.where(np.arange(WIDTH) < SIGNAL, 1, 0.02)
    turn = np.linalg.qr(rng.normal(size=(WIDTH, WIDTH)))[0]
    rows = hidden @ turn + 2 * turn[5]  # the mean is far from zero: cosine of the whole sees that
    labels = np.stack([hidden[:, 0], rng.normal(size=songs)], axis=1)
    labels[200:] = np.nan
    artists = tuple(f"artist {i // 4}" for i in range(songs))
    unit = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    texts, tags = ("words",) * songs, ((),) * songs
    return Songs(artists, texts, unit.astype(np.float32), tags, labels)


@pytest.fixture(scope="module")
def found() -> Comparison:
    return compare_reductions(CONFIG, toy())


def test_every_way_at_every_size_that_the_vectors_have(found: Comparison) -> None:
    assert (found.songs, found.labelled, found.artists) == (240, 200, 50)
    assert [(r.method, r.dimensions) for r in found.rows] == [
        (FULL, WIDTH), *((m, k) for m in METHODS for k in (2, SIGNAL, 16, WIDTH)),
    ]  # fmt: skip
    assert all(r.megabytes == pytest.approx(240 * r.dimensions * 4e-6) for r in found.rows)
    assert all(r.query_ms > 0 for r in found.rows)


def test_the_loud_directions_hold_variance_neighbours_and_valence(found: Comparison) -> None:
    rows = {(r.method, r.dimensions): r for r in found.rows}
    full, pca = rows[FULL, WIDTH], rows["PCA", SIGNAL]
    assert (full.by_cosine, full.by_distance, full.explained) == (1, 1, 1)
    assert pca.explained > 0.95
    assert pca.by_distance > 0.8 > rows["PCA", 2].by_distance
    assert pca.mood["valence"].r2 > 0.9 > rows["PCA", 2].mood["valence"].r2
    assert pca.mood["valence"].low < pca.mood["valence"].r2 < pca.mood["valence"].high
    assert pca.mood["arousal"].r2 < 0.1
    assert rows["truncated SVD", SIGNAL].mood["valence"].r2 < 0.9  # one direction went to the mean
    assert found.sizes[0.5] < found.sizes[0.95] <= SIGNAL


def test_no_linear_way_keeps_more_variance_than_principal_components(found: Comparison) -> None:
    most = {r.dimensions: r.explained for r in found.rows if r.method == "PCA"}
    assert all(r.explained <= most[r.dimensions] + 1e-6 for r in found.rows)


def test_what_keeps_all_directions_keeps_what_it_should(found: Comparison) -> None:
    whole = {r.method: r for r in found.rows if r.dimensions == WIDTH and r.method != FULL}
    assert all(r.explained == pytest.approx(1, abs=1e-4) for r in whole.values())
    assert whole["PCA"].by_distance == 1  # a turn and a shift keep distances
    assert whole["PCA"].by_cosine < 0.9  # a shift does not keep angles
    assert whole["truncated SVD"].by_cosine == whole["truncated SVD"].by_distance == 1
    assert whole["PCA, whitened"].by_distance < 0.5  # noise made as loud as the rest


def test_the_same_seed_gives_the_same_figures(found: Comparison) -> None:
    def still(comparison: Comparison) -> list[object]:
        return [replace(r, fit_seconds=0.0, query_ms=0.0) for r in comparison.rows]

    assert still(compare_reductions(CONFIG, toy())) == still(found)


def test_nearest_are_found_without_the_query_itself() -> None:
    angles = np.deg2rad([0.0, 1, 3, 90, 92, 95])
    rows = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)
    search = Search(rows, queries=99, neighbours=2, seed=0)
    expected = [{1, 2}, {0, 2}, {0, 1}, {4, 5}, {3, 5}, {3, 4}]
    assert [set(row.tolist()) for row in search.truth] == expected
    assert search.overlap(rows * 3) == (1, 1)
    assert search.overlap(rows[:, :1]) != (1, 1)


def test_blocks_keep_what_the_whole_fit_keeps_in_less_memory() -> None:
    vectors = np.random.default_rng(0).normal(size=(3000, 32)).astype(np.float32)
    whole, blocks, _ = measure_streaming(vectors, k=4, block=100).values()
    assert blocks.kept == pytest.approx(whole.kept, abs=1e-6)
    assert blocks.megabytes < whole.megabytes / 2


def test_too_little_is_refused() -> None:
    songs = toy()
    with pytest.raises(TrainingError, match="3 songs, of which 3 of 1 artists"):
        compare_reductions(CONFIG, songs.take(np.arange(3)))
    with pytest.raises(TrainingError, match="10 such artists are needed"):
        compare_reductions(CONFIG, songs.take(np.arange(190, 240)))


def test_the_report_holds_the_table_and_the_plot(found: Comparison, tmp_path: Path) -> None:
    write_reduction(tmp_path, CONFIG, found)
    text = (tmp_path / "report.md").read_text("utf-8")
    assert text.count("\n| PCA |") == 4
    assert "overlap@5" in text
    assert "95% " in text
    figures = json.loads((tmp_path / "metrics.json").read_text("utf-8"))
    assert len(figures["rows"]) == len(found.rows)
    assert figures["rows"][1]["mood"]["valence"]["r2"] == found.rows[1].mood["valence"].r2
    assert (tmp_path / "reduction.png").read_bytes().startswith(b"\x89PNG")


def test_from_files_to_the_report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import pandas as pd

    encoder, network = word_encoder()
    monkeypatch.setattr("nlp.encoder.LyricEncoder", lambda _config: encoder)
    words = ["sun run", "rain sleep", "sun sun sleep", "rain run run"]
    rows = [
        {"artist": f"artist {i // 2}", "title": f"song {i}",
         "lyrics": f"{words[i % 4]} {'sun ' * (i % 7)}w{i}", "valence": i % 4, "arousal": i % 3}
        for i in range(60)
    ]  # fmt: skip
    pd.DataFrame(rows).to_csv(tmp_path / "songs.csv")
    config = CONFIG.model_copy(
        update={"lyrics": "songs.csv", "labels": "songs.csv", "dimensions": (2, 4)}
    )
    cache = tmp_path / "cache.npz"
    comparison = run_reduction(config, tmp_path, tmp_path / "out", cache)
    assert (comparison.songs, comparison.labelled, comparison.artists) == (60, 60, 30)
    assert len(VectorStore(cache, dimension=5)) == 60
    assert (tmp_path / "out" / "report.md").is_file()
    read = len(network.seen)
    run_reduction(config, tmp_path, tmp_path / "again", cache)
    assert len(network.seen) == read


def test_the_shipped_configuration_is_valid() -> None:
    config = ReductionConfig.from_toml(ROOT / "configs" / "nlp" / "reduction.toml")
    assert ReductionConfig.parse(json.loads(config.model_dump_json())) == config
    assert config.queries >= 1000
