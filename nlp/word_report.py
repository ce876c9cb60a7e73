"""How near the shipped word model comes to MiniLM, on lyrics and queries it was not fitted to."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from data.types import FloatArray
from nlp.text import TextEncoder
from nlp.words import WordTextEncoder

#: Written for this purpose, before the model was fitted; none is used in fitting.
QUERIES = (
    "rainy sunday, slow and warm",
    "driving at night with the windows down",
    "a song about losing a friend",
    "dancing until the morning",
    "angry at the government",
    "falling in love for the first time",
    "missing home far away",
    "christmas with the family",
    "heartbreak and too much whiskey",
    "hope after a hard year",
    "summer on the beach",
    "lonely in a big city",
    "a mother singing to her child",
    "money, cars and fame",
    "war and the soldiers who did not return",
    "growing old together",
    "god, prayer and forgiveness",
    "trains and railway stations",
    "revenge on a cheating lover",
    "flying to the stars, space and planets",
    "working all week for little pay",
    "school days and young friends",
    "the ghost in the old house",
    "quiet piano, winter, snow",
    "party with my friends tonight",
    "jealous of her new boyfriend",
    "the sea and the sailors",
    "I can not sleep, thinking about you",
    "freedom, fight for your rights",
    "goodbye, I am leaving this town",
)


def measure(
    path: Path, teacher: TextEncoder, lyrics: Sequence[str], vectors: FloatArray
) -> dict[str, float]:
    """Compare a word model with its teacher.

    Args:
        path: the word model.
        teacher: MiniLM.
        lyrics: n lyrics not fitted to.
        vectors: float32 (n, d), the teacher's vectors of them.

    Returns:
        Mean cosines on lyrics and on :data:`QUERIES`; what a constant vector has (the floor);
        overlap@20 of the songs found: with a word query among the teacher's songs, and among
        songs that the word model embedded too; neighbour overlap@20 of songs.
    """
    words = WordTextEncoder(path)
    made, asked, wanted = words.encode(lyrics), words.encode(QUERIES), teacher.encode(QUERIES)
    centre = vectors.mean(axis=0) / np.linalg.norm(vectors.mean(axis=0))
    best = top(wanted, vectors)
    return {
        "lyrics: mean cosine": _cosine(made, vectors),
        "lyrics: mean cosine of a constant": float((vectors @ centre).mean()),
        "queries: mean cosine": _cosine(asked, wanted),
        "queries: overlap@20, teacher's songs": overlap(top(asked, vectors), best),
        "queries: overlap@20, word model's songs": overlap(top(asked, made), best),
        "songs: neighbour overlap@20": overlap(_neighbours(made), _neighbours(vectors)),
        "by chance: overlap@20": 20 / len(lyrics),
        "file, MB": path.stat().st_size / 1e6,
    }


def top(queries: FloatArray, songs: FloatArray, n: int = 20) -> list[set[int]]:
    """Return the ``n`` rows of songs nearest to each query by cosine."""
    order = np.argpartition(-(queries @ songs.T), n, axis=1)[:, :n]
    return [set(row.tolist()) for row in order]


def _neighbours(songs: FloatArray, n: int = 20) -> list[set[int]]:
    # Each song finds itself first.
    return [found - {row} for row, found in enumerate(top(songs, songs, n + 1))]


def overlap(a: Sequence[set[int]], b: Sequence[set[int]]) -> float:
    """Return the mean share of rows that two lists of sets have in common."""
    return float(np.mean([len(x & y) / len(y) for x, y in zip(a, b, strict=True)]))


def _cosine(a: FloatArray, b: FloatArray) -> float:
    return float(np.nanmean((a * b).sum(axis=1)))
