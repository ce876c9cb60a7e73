from __future__ import annotations

import numpy as np
import pytest

from data.reduction import PcaReducer
from nlp.calibration import LEVELS, calibrate, quadrant_of
from nlp.fusion import Source, fit_fusion, fuse
from nlp.mood import QUADRANTS, MoodModel, TagPart
from nlp.tags import TagHead

NAN = np.nan


def model() -> MoodModel:
    """Reads valence and arousal off the first two coordinates; one tag, worth 2 of each."""
    reducer = PcaReducer(np.zeros(2, "f4"), np.eye(2, dtype="f4"), np.ones(2, "f4"))
    head = TagHead(("loud",), np.array([[0, 1], [2, 0]], "f4"), np.array([[0, 1], [2, 0]], "f4"))
    half = np.full((2, 2, 3), 0.5, "f4")
    half[..., 2] = 0
    return MoodModel(
        reducer, np.eye(2, dtype="f4"), np.zeros(2, "f4"), np.zeros(2, "f4"),
        gains=np.array([[3, 3], [1, 1], [1, 1], [2, 2], [2, 2]], "f4"),
        deviations=np.array([[1, 1], [0.8, 0.8], [0.6, 0.6], [0.7, 0.7], [0.5, 0.5]], "f4"),
        tags=TagPart(head, half),
    )  # fmt: skip


def test_weights_are_those_that_made_the_labels() -> None:
    rng = np.random.default_rng(0)
    tags, lyrics = rng.normal(size=(2, 200))
    found = fit_fusion(tags, lyrics, 0.7 * tags + 0.2 * lyrics + 0.1)
    np.testing.assert_allclose(found, [0.7, 0.2, 0.1], atol=1e-9)


def test_each_song_is_read_from_what_there_is() -> None:
    tags = np.array([[1, 1], [1, 1], [NAN, NAN], [NAN, NAN], [1, 1]], "f4")
    lyrics = np.array([[3, 3], [NAN, NAN], [3, 3], [NAN, NAN], [3, 3]], "f4")
    weights = np.zeros((2, 2, 3), "f4")
    weights[0, :, :2] = 0.5
    weights[1, :, 0] = 1
    found, source = fuse(tags, lyrics, np.array([False, True, False, False, True]), weights)
    np.testing.assert_allclose(found[:, 0], [2, 1, 3, NAN, 1])
    assert source.tolist() == [
        Source.FEW_TAGS_AND_LYRICS, Source.MANY_TAGS, Source.LYRICS, -1,
        Source.MANY_TAGS_AND_LYRICS,
    ]  # fmt: skip


def test_a_model_puts_tags_and_lyrics_together_and_says_how_sure_it_is() -> None:
    vectors = np.array([[0, 0], [0, 0], [NAN, NAN], [NAN, NAN]], "f4")
    found = model().predict(vectors, [("loud",), (), ("loud",), ("polka",)])
    np.testing.assert_allclose(found.raw[:, 1], [1, 0, 2, NAN])
    np.testing.assert_allclose(found.arousal[[0, 2]], np.tanh([2, 2]), rtol=1e-6)
    np.testing.assert_allclose(found.deviation[:, 0], [0.7, 1, 0.8, NAN])
    assert found.source.tolist() == [3, 0, 1, -1]
    assert found.emotion[3] is None
    alone = model().predict(vectors)
    assert alone.source.tolist() == [0, 0, -1, -1]


def test_distributions_add_up_are_wide_where_little_is_known_and_repeat() -> None:
    vectors = np.array([[2, 2], [0.3, 0.3], [NAN, NAN]], "f4")
    found = model().predict(vectors)
    quadrants, emotions = model().quadrants(found), model().emotions(found)
    np.testing.assert_allclose(quadrants[:2].sum(axis=1), 1, atol=1e-5)
    np.testing.assert_allclose(emotions[:2].sum(axis=1), 1, atol=1e-5)
    assert np.isnan(quadrants[2]).all()
    assert QUADRANTS[int(quadrants[0].argmax())] == "happy"
    assert quadrants[0].max() > 0.9 > 0.5 > quadrants[1].max()
    np.testing.assert_array_equal(quadrants, model().quadrants(found))


def test_calibration_of_labels_drawn_as_said() -> None:
    rng = np.random.default_rng(2)
    predicted = model().predict(rng.normal(size=(4000, 2)).astype("f4"))
    labels = predicted.raw + rng.normal(size=(4000, 2))
    found = calibrate(model(), predicted, labels)
    for shares in found.coverage.values():
        np.testing.assert_allclose(shares, LEVELS, atol=0.02)
    for said, seen, count in found.bins:
        assert seen == pytest.approx(said, abs=0.05 if count > 300 else 0.2)
    assert found.quadrant_log_loss < found.base_log_loss
    assert found.quadrant_accuracy > found.base_accuracy
    certain = calibrate(model(), predicted, labels * 3)
    assert max(certain.coverage["valence"]) < 0.8  # wider labels than said do not pass for right
    assert quadrant_of(np.array([[1, 1], [-1, 1], [-1, -1], [1, -1.0]]), model()).tolist() == [
        0, 1, 2, 3,
    ]  # fmt: skip
