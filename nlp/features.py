"""Features of texts for mood: principal components, words, word lists, side by side.

Everything here is fitted on songs of artists without labels, so that it knows nothing of the songs
that are scored, and is then the same for every fold.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from data.types import FloatArray
from nlp.lexicon import Lexicon, lexicon_features


def word_features(
    fit: Sequence[str], texts: Sequence[str], *, vocabulary: int, size: int, seed: int
) -> FloatArray:
    """Return float32 (n, size): TF-IDF of words, reduced by truncated SVD (latent semantics).

    Scaled to a mean variance of 1 per column over ``fit``.

    Args:
        fit: cleaned texts that the vocabulary and the SVD are fitted on.
        texts: those to describe.
        vocabulary: most frequent words to keep.
        size: columns; fewer where there are fewer words.
        seed: of the randomised SVD.
    """
    from sklearn.decomposition import TruncatedSVD
    from sklearn.feature_extraction.text import TfidfVectorizer

    words = TfidfVectorizer(max_features=vocabulary, min_df=3, sublinear_tf=True)
    x = words.fit_transform(fit)
    svd = TruncatedSVD(max(1, min(size, x.shape[1] - 1, x.shape[0] - 1)), random_state=seed)
    reference = svd.fit_transform(x)
    scale = float(np.sqrt(reference.var(axis=0).mean())) or 1.0
    return np.asarray(svd.transform(words.transform(texts)) / scale, dtype=np.float32)


def list_features(
    fit: Sequence[str], texts: Sequence[str], lexica: Sequence[Lexicon]
) -> FloatArray:
    """Return float32 (n, m) standardised statistics by word lists; what is unknown is the median.

    Args:
        fit: cleaned texts that centre and scale are taken from.
        texts: those to describe.
        lexica: see :func:`nlp.lexicon.lexicon_features`.
    """
    reference, rows = lexicon_features(fit, lexica), lexicon_features(texts, lexica)
    median = np.nanmedian(reference, axis=0)
    reference = np.where(np.isfinite(reference), reference, median)
    deviation = np.maximum(reference.std(axis=0), 1e-9)
    standard = (np.where(np.isfinite(rows), rows, median) - reference.mean(axis=0)) / deviation
    return np.asarray(np.clip(standard, -4, 4), dtype=np.float32)
