"""Random views: repeatable, in range, and nothing when everything is off."""

from __future__ import annotations

import numpy as np

from vision.augmentation import augment
from vision.config import AugmentationConfig

OFF = AugmentationConfig(flip=False, shift=0, rotation=0, zoom=0, contrast=0, brightness=0)
FACES = np.random.default_rng(0).integers(0, 256, (32, 48, 48), dtype=np.uint8)


def view(config: AugmentationConfig, seed: int = 1) -> np.ndarray:
    return augment(FACES, config, np.random.default_rng(seed))


def test_the_same_seed_gives_the_same_views_and_another_does_not() -> None:
    config = AugmentationConfig(erasing=0.5)
    np.testing.assert_array_equal(view(config), view(config))
    assert (view(config) != view(config, seed=2)).any()


def test_views_keep_shape_type_and_range() -> None:
    strong = AugmentationConfig(
        contrast=1, brightness=1, rotation=45, zoom=0.5, shift=12, erasing=1
    )
    out = view(strong)
    assert out.shape == (32, 48, 48, 1)
    assert out.dtype == np.float32
    assert out.min() >= 0
    assert out.max() <= 255


def test_nothing_on_returns_the_pictures() -> None:
    np.testing.assert_allclose(view(OFF)[..., 0], FACES, atol=1e-3)


def test_flip_mirrors_some_and_leaves_the_others() -> None:
    out = view(OFF.model_copy(update={"flip": True}))[..., 0]
    same = [np.allclose(a, b, atol=1e-3) for a, b in zip(out, FACES, strict=True)]
    mirrored = [np.allclose(a, b[:, ::-1], atol=1e-3) for a, b in zip(out, FACES, strict=True)]
    assert 0 < sum(same) < 32
    assert sum(same) + sum(mirrored) == 32


def test_erasing_flattens_one_rectangle() -> None:
    out = view(OFF.model_copy(update={"erasing": 1.0}))[..., 0]
    changed = np.abs(out - FACES).max(axis=0) > 1e-3
    assert changed.any()
    for one, face in zip(out, FACES, strict=True):
        assert (np.abs(one - face) > 1e-3).mean() <= 0.09


def test_turned_pictures_have_no_black_corners() -> None:
    white = np.full((16, 48, 48), 200, dtype=np.uint8)
    turned = augment(white, OFF.model_copy(update={"rotation": 45.0}), np.random.default_rng(0))
    assert turned.min() > 199


def test_noise_has_the_deviation_asked_for_and_no_bias() -> None:
    gray = np.full((64, 48, 48), 128, dtype=np.uint8)
    out = augment(gray, OFF.model_copy(update={"noise": 8.0}), np.random.default_rng(0))
    assert abs(float(out.mean()) - 128) < 0.1
    assert abs(float(out.std()) - 8) < 0.1
