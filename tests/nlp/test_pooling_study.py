from __future__ import annotations

from pathlib import Path

import numpy as np

from nlp.pooling_study import compare_pooling, pooled_variants
from nlp.vectors import VectorStore
from tests.nlp.fakes import word_encoder


def test_every_way_is_compared_and_chunks_are_encoded_once(tmp_path: Path) -> None:
    """Valence is whether the second stanza is sunny: the first chunk alone cannot tell."""
    rng = np.random.default_rng(0)
    sunny = rng.integers(0, 2, size=60)
    texts = [
        f"run run {'sleep' if i % 3 else 'rain'}\n\n{'sun sun sun' if s else 'rain rain rain'} {i}"
        for i, s in enumerate(sunny)
    ]
    labels = np.stack([sunny * 2.0 - 1, rng.normal(size=60)], axis=1)
    labels[5, 0] = np.nan
    encoder, network = word_encoder(max_words=4)
    store = VectorStore(tmp_path / "chunks.npz", dimension=5)
    variants = pooled_variants(encoder, texts, store)
    assert set(variants) == {"words", "sqrt", "mean", "max", "first", "sif"}
    assert len(network.seen) == 62  # two first stanzas, sixty second ones
    again = pooled_variants(encoder, texts, store)
    assert len(network.seen) == 62
    np.testing.assert_array_equal(variants["max"], again["max"])
    scores = compare_pooling(variants, labels, [f"artist {i % 20}" for i in range(60)])
    assert scores["words"][0].r2 > 0.9
    assert scores["mean"][0].r2 > 0.9
    assert scores["first"][0].r2 < 0.3
    assert all(arousal.r2 < 0.2 for _, arousal in scores.values())
