"""Statistics of a text by word lists of valence, arousal and dominance.

For the NRC-VAD lexicon (Mohammad, *Obtaining Reliable Human Ratings of Valence, Arousal, and
Dominance for 20,000 English Words*, ACL 2018) and the Warriner norms (Warriner, Kuperman and
Brysbaert, *Norms of valence, arousal, and dominance for 13,915 English lemmas*, Behavior Research
Methods 45, 2013). Both are for research only and do not come with this package.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from data.errors import DatasetFormatError, DatasetNotFoundError

Array64 = NDArray[np.float64]
Lexicon = Mapping[str, Array64]
_WORD = re.compile(r"[a-z']+")
_COLUMNS = (
    ("word", "valence", "arousal", "dominance"),
    ("word", "v.mean.sum", "a.mean.sum", "d.mean.sum"),
)
_LEAST = 3  # words known: of fewer there are no statistics
_PRONOUNS = (
    {"i", "me", "my", "mine", "i'm"},
    {"you", "your", "you're"},
    {"we", "us", "our"},
    {"he", "she", "they", "him", "her", "them"},
)


def read_lexicon(path: Path) -> dict[str, Array64]:
    """Read a csv of words with valence, arousal and dominance, plain or gzipped.

    Returns:
        lower-case word -> float64 (3,), valence first, as rated.

    Raises:
        DatasetNotFoundError: if there is no file at ``path``.
        DatasetFormatError: if it has not the columns of one of the two lexica.
    """
    import pandas as pd

    if not path.is_file():
        raise DatasetNotFoundError(f"no lexicon at {path}: give a .csv or .csv.gz file")
    frame = pd.read_csv(path)
    frame.columns = frame.columns.str.strip().str.lower()
    names = next((n for n in _COLUMNS if set(n) <= set(frame.columns)), None)
    if names is None:
        raise DatasetFormatError(
            f"{path} needs the columns {' or '.join(map(str, _COLUMNS))}; it has {[*frame.columns]}"
        )
    frame = frame[list(names)].dropna()
    rated = frame[list(names[1:])].to_numpy(np.float64)
    return dict(zip(frame[names[0]].astype(str).str.lower(), rated, strict=True))


def words_of(text: str) -> list[str]:
    """Return the lower-case words of a text, letters and apostrophes."""
    return _WORD.findall(text.lower())


def mean_valence(texts: Sequence[str], lexicon: Lexicon) -> Array64:
    """Return float64 (n,), the known words' mean valence; the lexicon's where none is known."""
    neutral = float(np.mean([v[0] for v in lexicon.values()]))
    found = []
    for text in texts:
        known = [lexicon[w][0] for w in words_of(text) if w in lexicon]
        found.append(float(np.mean(known)) if known else neutral)
    return np.array(found)


def lexicon_features(texts: Sequence[str], lexica: Sequence[Lexicon]) -> Array64:
    """Describe texts: spread and extremes of the words' ratings, and the shape of the text.

    Returns:
        float64 (n, 24 per lexicon + 11), NaN where a lexicon knows fewer than three words of it.
    """
    return np.array([_describe(text, lexica) for text in texts], dtype=np.float64)


def _describe(text: str, lexica: Sequence[Lexicon]) -> list[float]:
    words = words_of(text)
    found: list[float] = []
    for lexicon in lexica:
        found += _ratings(words, lexicon)
    return found + _shape(text, words)


def _ratings(words: Sequence[str], lexicon: Lexicon) -> list[float]:
    """Summarise over words as often as sung, and over distinct words."""
    sung = [lexicon[w] for w in words if w in lexicon]
    if len(sung) < _LEAST:
        return [np.nan] * 24
    every, distinct = np.array(sung), np.array([lexicon[w] for w in {*words} if w in lexicon])
    parts = [every.mean(axis=0), distinct.mean(axis=0), every.std(axis=0), distinct.std(axis=0)]
    parts += [np.quantile(distinct, q, axis=0) for q in (0.1, 0.9)]
    parts += [np.quantile(every, q, axis=0) for q in (0.05, 0.95)]
    return [float(v) for v in np.concatenate(parts)]


def _shape(text: str, words: Sequence[str]) -> list[float]:
    lines, count = text.count("\n") + 1, max(1, len(words))
    return [
        float(np.log1p(count)),
        len({*words}) / count,
        float(np.log1p(lines)),
        count / lines,
        text.count("!") / lines,
        text.count("?") / lines,
        *(sum(w in family for w in words) / count for family in _PRONOUNS),
        float(np.mean([len(w) for w in words])) if words else 0.0,
    ]
