from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from data.types import FloatArray
from nlp.cleaning import clean_lyrics, text_key
from nlp.config import EncoderConfig, Pooling
from nlp.embedding import batches, embed_missing, encode_by_chunks, pool_chunks, pooling_suffix
from nlp.vectors import VectorStore

ROOT = Path(__file__).resolve().parents[2]
VECTORS = np.array([[1, 0], [0, 1], [-1, 0]], dtype=np.float32)
WORDS = np.array([1, 4, 5], dtype=np.float32)
OWNER = np.array([1, 1, 2])


@pytest.mark.parametrize(
    ("pooling", "first"),
    [("words", [1, 4]), ("sqrt", [1, 2]), ("mean", [1, 1]), ("max", [1, 1]), ("first", [1, 0])],
)
def test_pooling_by_hand(pooling: Pooling, first: list[float]) -> None:
    found = pool_chunks(VECTORS, WORDS, OWNER, 4, pooling)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found[1], np.array(first) / np.linalg.norm(first), atol=1e-6)
    np.testing.assert_allclose(found[2], [-1, 0], atol=1e-6)
    assert np.isnan(found[[0, 3]]).all()


def test_no_chunk_at_all_and_chunks_that_cancel() -> None:
    none = np.zeros((0, 2), np.float32)
    empty = pool_chunks(none, np.zeros(0, np.float32), np.zeros(0, np.intp), 2)
    assert np.isnan(empty).all()
    opposite = pool_chunks(VECTORS[[0, 2]], WORDS[:2] * 0 + 1, np.array([0, 0]), 1, "mean")
    np.testing.assert_array_equal(opposite, [[0, 0]])


def test_equal_chunks_are_encoded_once() -> None:
    seen: list[str] = []

    def encode(chunks: list[str]) -> FloatArray:
        seen.extend(chunks)
        return np.array([[len(c), 1] for c in chunks], dtype=np.float32)

    texts = ["one two", "three\n\none two", "[Chorus]", "one two\none two"]
    found = encode_by_chunks(texts, encode, 2, max_words=2)
    assert Counter(seen) == {"one two": 1, "three": 1}
    np.testing.assert_array_equal(found[0], found[3])
    assert np.isnan(found[2]).all()
    seen.clear()
    encode_by_chunks(texts, encode, 2, max_words=2, pooling="first")
    assert sorted(seen) == ["one two", "three"]


def test_other_pooling_is_filed_under_another_name() -> None:
    assert pooling_suffix(EncoderConfig()) == ""
    assert pooling_suffix(EncoderConfig(pooling="max")) == "+max"


def test_batches_are_of_like_length_and_within_budget() -> None:
    lengths = [3, 10, 1, 9, 2, 50]
    assert list(batches(lengths, 20)) == [[5], [1, 3], [0, 4, 2]]
    assert list(batches(lengths, 20, most=1)) == [[5], [1], [3], [0], [4], [2]]
    assert list(batches([], 20)) == []


class CountingEncoder:
    """Counts what it encodes, in memory or in a file that outlives the process."""

    name, dimension = "counting", 2

    def __init__(self, log: Path | None = None, die_after: int | None = None) -> None:
        self.seen: list[str] = []
        self.log, self.left = log, die_after

    def encode(self, texts: Sequence[str], report: object = None) -> FloatArray:
        if self.left is not None:
            if self.left == 0:
                os._exit(9)  # as SIGKILL: nothing is flushed, no handler runs
            self.left -= 1
        self.seen += texts
        if self.log:
            with self.log.open("a") as stream:
                stream.writelines(f"{text}\n" for text in texts)
        return np.array([[float(t.split("g")[1]), 1] for t in texts], dtype=np.float32)


SONGS = [f"song{i}" for i in range(23)]
SCRIPT = """
import sys
from pathlib import Path
from nlp.embedding import embed_missing
from nlp.vectors import VectorStore
from tests.nlp.test_embedding import SONGS, CountingEncoder
folder = Path(sys.argv[1])
store = VectorStore(folder / "v.npz", dimension=2, model="counting")
embed_missing(CountingEncoder(folder / "log", int(sys.argv[2])), store, SONGS, block=5)
"""


def test_killed_between_blocks_nothing_is_lost_and_nothing_embedded_twice(tmp_path: Path) -> None:
    for kills, done in ((2, 10), (1, 15)):
        ended = subprocess.run(
            [sys.executable, "-c", SCRIPT, str(tmp_path), str(kills)],
            cwd=ROOT, check=False, env={**os.environ, "PYTHONPATH": str(ROOT)},
        )  # fmt: skip
        assert ended.returncode == 9
        store = VectorStore(tmp_path / "v.npz", dimension=2, model="counting")
        assert len(store) == done
    encoder = CountingEncoder(tmp_path / "log")
    assert embed_missing(encoder, store, SONGS, block=5) == 8
    encoded = (tmp_path / "log").read_text().split()
    assert sorted(encoded) == sorted(SONGS)  # each exactly once over all three processes
    found = store.get([text_key(clean_lyrics(song)) for song in SONGS])
    np.testing.assert_array_equal(found[:, 0], range(23))
    assert embed_missing(encoder, store, SONGS) == 0
    assert len(encoder.seen) == 8


def test_progress_tells_speed_and_time_left(tmp_path: Path) -> None:
    ticks = iter([0.0, 2.0, 120.0])
    store = VectorStore(tmp_path / "v.npz", dimension=2, model="counting")
    lines: list[str] = []
    embed_missing(
        CountingEncoder(), store, SONGS, lines.append, block=12, clock=lambda: next(ticks)
    )
    assert lines == [
        "embedded 12 of 23 lyrics, 6.0 songs/s, 0:02 min left",
        "embedded 23 of 23 lyrics, 0.2 songs/s, 0:00 min left",
    ]


def test_what_an_encoder_cannot_read_is_asked_again_but_not_written(tmp_path: Path) -> None:
    class Blind(CountingEncoder):
        def encode(self, texts: Sequence[str], report: object = None) -> FloatArray:
            return np.full((len(texts), 2), np.nan, dtype=np.float32)

    store = VectorStore(tmp_path / "v.npz", dimension=2)
    assert embed_missing(Blind(), store, ["song1"]) == 1
    assert len(store) == 0
