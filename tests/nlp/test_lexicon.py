from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest

from data.errors import DatasetFormatError, DatasetNotFoundError
from nlp.features import list_features, word_features
from nlp.lexicon import lexicon_features, mean_valence, read_lexicon

CSV = """Word,Valence,Arousal,Dominance
sun,0.9,0.4,0.5
rain,0.1,0.2,0.3
Run,0.5,0.9,0.6
bad,,1,1
"""


@pytest.fixture
def lexicon(tmp_path: Path) -> dict[str, np.ndarray]:
    path = tmp_path / "vad.csv.gz"
    path.write_bytes(gzip.compress(CSV.encode()))
    return read_lexicon(path)


def test_both_published_forms_are_read(tmp_path: Path, lexicon: dict[str, np.ndarray]) -> None:
    assert {w: v.tolist() for w, v in lexicon.items()} == {
        "sun": [0.9, 0.4, 0.5],
        "rain": [0.1, 0.2, 0.3],
        "run": [0.5, 0.9, 0.6],
    }
    path = tmp_path / "warriner.csv"
    path.write_text("Word,V.Mean.Sum,A.Mean.Sum,D.Mean.Sum\nsun,8,4,5\n", encoding="utf-8")
    assert read_lexicon(path)["sun"].tolist() == [8, 4, 5]
    path.write_text("Word,Joy\nsun,8\n", encoding="utf-8")
    with pytest.raises(DatasetFormatError, match="valence"):
        read_lexicon(path)
    with pytest.raises(DatasetNotFoundError, match="gone"):
        read_lexicon(tmp_path / "gone.csv")


def test_mean_valence_by_hand(lexicon: dict[str, np.ndarray]) -> None:
    found = mean_valence(["Sun sun rain", "nothing known"], lexicon)
    np.testing.assert_allclose(found, [(0.9 + 0.9 + 0.1) / 3, 0.5])


def test_statistics_by_hand(lexicon: dict[str, np.ndarray]) -> None:
    rich, poor = lexicon_features(["sun sun\nrain run!", "sun rain"], [lexicon])
    assert rich.shape == (24 + 10,) or rich.shape == (24 + 11,)
    np.testing.assert_allclose(rich[0], (0.9 + 0.9 + 0.1 + 0.5) / 4)  # as sung
    np.testing.assert_allclose(rich[3], 0.5)  # distinct words
    np.testing.assert_allclose(rich[24:28], [np.log1p(4), 3 / 4, np.log1p(2), 2])
    assert rich[28] == 0.5  # one exclamation mark in two lines
    assert np.isnan(poor[:24]).all()
    assert np.isfinite(poor[24:]).all()


def test_features_are_scaled_by_other_songs_and_holes_filled(
    lexicon: dict[str, np.ndarray],
) -> None:
    fit = ["sun sun run", "rain rain run", "sun rain run", "run run sun"]
    found = list_features(fit, [*fit, "unknown words here"], [lexicon])
    np.testing.assert_allclose(found[:4].mean(axis=0), 0, atol=1e-5)
    assert np.isfinite(found).all()
    assert np.abs(found).max() <= 4


def test_words_reduced_keep_like_songs_together() -> None:
    fit = ["sun sky", "sun sky light", "rain cloud", "rain cloud dark"] * 3
    a, b, c = word_features(
        fit, ["sun sky", "sky sun sun", "rain cloud"], vocabulary=50, size=3, seed=0
    )
    assert a @ b > 0.9 * np.linalg.norm(a) * np.linalg.norm(b)
    assert abs(a @ c) < 0.3 * np.linalg.norm(a) * np.linalg.norm(c)
