from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.artifacts import file_sha256
from data.errors import ArtifactError
from data.moods import EMOTION_MOODS, MOOD_WORDS, nearest_emotions
from data.reduction import PcaReducer
from data.types import EMOTIONS
from nlp.mood import SHIPPED, MoodModel, from_plane, to_plane


def toy() -> MoodModel:
    """First coordinate is valence, second is arousal; valence is stretched twofold."""
    reducer = PcaReducer(
        np.zeros(3, np.float32), np.eye(3, dtype=np.float32)[:2], np.ones(2, np.float32)
    )
    return MoodModel(
        reducer,
        coefficients=np.eye(2, dtype=np.float32),
        intercepts=np.zeros(2, np.float32),
        centres=np.zeros(2, np.float32),
        gains=np.tile(np.array([2, 1], np.float32), (5, 1)),
        deviations=np.ones((5, 2), np.float32),
    )


def test_prediction_worked_out_by_hand() -> None:
    found = toy().predict(np.array([[1, 0, 9], [-1, -0.5, 0], [0, 0, 0]], np.float32))
    np.testing.assert_allclose(found.valence, np.tanh([2, -2, 0]), rtol=1e-6)
    np.testing.assert_allclose(found.arousal, np.tanh([0, -0.5, 0]), rtol=1e-6)
    np.testing.assert_array_equal(found.raw[0], [1, 0])
    assert found.emotion == ["happy", "sad", "neutral"]
    assert found.valence.dtype == np.float32


def test_nan_rows_get_nan_and_no_emotion_and_leave_the_others_alone() -> None:
    vectors = np.array([[np.nan] * 3, [1, 0, 0]], np.float32)
    found = toy().predict(vectors)
    assert np.isnan([found.valence[0], found.arousal[0]]).all()
    assert found.emotion == [None, "happy"]
    assert found.valence[1] == toy().predict(vectors[1:]).valence[0]
    assert toy().predict(np.zeros((0, 3), np.float32)).emotion == []


def test_saved_and_loaded_predicts_the_same(tmp_path: Path) -> None:
    vectors = np.random.default_rng(0).normal(size=(9, 3)).astype(np.float32)
    toy().save(tmp_path / "mood.npz")
    found = MoodModel.load(tmp_path / "mood.npz").predict(vectors)
    np.testing.assert_array_equal(found.valence, toy().predict(vectors).valence)
    assert found.emotion == toy().predict(vectors).emotion


def test_what_is_not_a_mood_model_is_refused(tmp_path: Path) -> None:
    toy().reducer.save(tmp_path / "pca.npz")
    with pytest.raises(ArtifactError, match=r"pca\.npz"):
        MoodModel.load(tmp_path / "pca.npz")
    with pytest.raises(ArtifactError, match="gone"):
        MoodModel.load(tmp_path / "gone.npz")


@given(st.floats(-3.5, 3.5))
def test_the_label_map_can_be_inverted_and_stays_inside(z: float) -> None:
    assert -1 < to_plane(z) < 1
    assert from_plane(to_plane(z)) == pytest.approx(z, abs=2e-3)


def test_every_emotion_is_nearest_to_itself() -> None:
    valence = np.array([EMOTION_MOODS[e].valence for e in EMOTIONS], np.float32)
    arousal = np.array([EMOTION_MOODS[e].arousal for e in EMOTIONS], np.float32)
    assert nearest_emotions(valence, arousal) == list(EMOTIONS)
    assert not set(MOOD_WORDS) & set(EMOTIONS)
    assert all(abs(m.valence) <= 1 and abs(m.arousal) <= 1 for m in MOOD_WORDS.values())


def test_the_shipped_model_loads_agrees_with_its_card_and_is_small() -> None:
    card = json.loads(SHIPPED.with_suffix(".json").read_text(encoding="utf-8"))
    assert card["sha256"] == file_sha256(SHIPPED)
    assert SHIPPED.stat().st_size < 1_000_000
    found = MoodModel.load().predict(np.zeros((2, 384), np.float32))
    assert np.isfinite(found.valence).all()
    assert card["metrics"]["MiniLM + PCA + ridge"]["valence"]["low"] > 0.1
    assert card["metrics"]["MiniLM + PCA, taught by tags"]["valence"]["low"] > 0.15
