"""Fixtures of the vision room."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from data.datasets.fer2013 import FerSplit


@pytest.fixture
def keras_policy() -> Iterator[None]:
    """Put Keras' global precision back, whatever the test sets."""
    import keras

    before = keras.config.dtype_policy()
    yield
    keras.config.set_dtype_policy(before)
    keras.backend.clear_session()


@pytest.fixture
def undrawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out the pictures at the end of a run, a third of the time of a small one."""
    for plot in ("class_counts", "confusion", "examples", "learning_curve"):
        monkeypatch.setattr(f"vision.training.plot_{plot}", lambda *drawn: None)


@pytest.fixture(scope="session")
def toy_faces() -> FerSplit:
    """Fifty-six pictures whose label is where a bright band lies: learnable in seconds."""
    rng = np.random.default_rng(0)
    labels = np.tile(np.arange(7), 8)
    images = rng.integers(0, 60, (56, 48, 48), dtype=np.uint8)
    for image, label in zip(images, labels, strict=True):
        image[6 * label : 6 * label + 8] += 180
    return FerSplit(images, labels.astype(np.int64), np.ones(56, dtype=np.bool_))
