from __future__ import annotations

import numpy as np
import pytest

from data.errors import TrainingError
from nlp.regression import r_squared
from nlp.tags import FEW, TagHead

WORTH = {"happy": (1.0, 0.5), "sad": (-1.0, -0.5), "loud": (0.0, 1.0), "quiet": (0.0, -1.0)}
FILLER = tuple(f"t{i}" for i in range(12))


def tagged(count: int, seed: int = 0) -> tuple[list[tuple[str, ...]], np.ndarray]:
    """Songs whose mood is the sum of what their tags are worth, over the root of their number."""
    rng = np.random.default_rng(seed)
    songs, labels = [], []
    for _ in range(count):
        own = [w for w in WORTH if rng.random() < 0.4]
        song = (*own, *rng.permutation(FILLER)[: rng.integers(6, 12)].tolist())
        songs.append(song)
        total = np.sum([WORTH[w] for w in own], axis=0) if own else np.zeros(2)
        labels.append(total / np.sqrt(len(song)))
    return songs, np.array(labels)


def test_what_tags_are_worth_is_recovered_on_new_songs() -> None:
    head = TagHead.fit(*tagged(600), alpha=0.01)
    songs, labels = tagged(200, seed=1)
    found = head.predict(songs)
    assert found.dtype == np.float32
    many = head.count(songs) > FEW
    assert 50 < many.sum() < 200
    for axis in (0, 1):
        assert r_squared(labels[many, axis], found[many, axis].astype(float)) > 0.95


def test_few_tags_are_read_with_care_and_none_not_at_all() -> None:
    head = TagHead.fit(*tagged(600), alpha=0.01)
    happy, sad, unknown, none = head.predict([("happy",), ("sad", "sad"), ("polka",), ()])
    assert happy[0] > 0.1 > -0.1 > sad[0]
    assert np.isnan(unknown).all()
    assert np.isnan(none).all()
    assert head.count([("happy", "polka"), ()]).tolist() == [1, 0]


def test_the_same_seed_gives_the_same_heads_and_rare_tags_are_not_known() -> None:
    songs, labels = tagged(60)
    a, b = (TagHead.fit([*songs, ("rare",)], np.vstack([labels, [0, 0]]), alpha=1.0) for _ in "ab")
    np.testing.assert_array_equal(a.few, b.few)
    assert "rare" not in a.vocabulary
    with pytest.raises(TrainingError, match="no tag is shared by 5 songs"):
        TagHead.fit([("one",)], np.zeros((1, 2)), alpha=1.0)
