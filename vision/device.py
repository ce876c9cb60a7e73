"""Training with the pictures and their random views on the accelerator.

The pictures are copied to the device once. A batch is row numbers and the draws of
:func:`vision.augmentation.draw_views`, a few bytes each; the views are made by Keras operations in
the compiled step, on TensorFlow, JAX and torch alike. What is drawn is what the CPU would draw.
"""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import ops
from numpy.typing import NDArray

from vision.augmentation import Views
from vision.config import AugmentationConfig

_MARGIN = 24  # mirrored border, pixels; a larger shift or turn repeats the last row


class DeviceViews(keras.layers.Layer):  # type: ignore[misc]
    """Row numbers and draws in, views out.

    Call it with the dict of :func:`device_inputs`; returns float32 (b, side, side, 1) in [0, 255].

    Args:
        images: uint8 (n, side, side), kept on the device.
        config: for the noise, which is drawn on the device.
        seed: of that noise.
    """

    def __init__(
        self, images: NDArray[np.uint8], config: AugmentationConfig, seed: int, **kwargs: Any
    ) -> None:
        super().__init__(dtype="float32", **kwargs)
        self.seed_generator = keras.random.SeedGenerator(seed)
        self._noise, self._side = config.noise, images.shape[1]
        self._images = keras.Variable(images, trainable=False, dtype="uint8", name="images")

    def call(self, inputs: dict[str, Any]) -> Any:
        """Make the views of a batch, and blend them if it is to be mixed."""
        faces = ops.cast(ops.take(self._images, inputs["row"], axis=0), "float32")[..., None]
        border = ((0, 0), (_MARGIN, _MARGIN), (_MARGIN, _MARGIN), (0, 0))
        wide = ops.pad(faces, border, mode="reflect")
        view = ops.image.affine_transform(wide, inputs["inverse"], "bilinear", "nearest")
        view = self._lit(self._erased(view[:, : self._side, : self._side], inputs), inputs)
        if self._noise:
            noise = keras.random.normal(ops.shape(view), seed=self.seed_generator)
            view = view + self._noise * noise
        view = ops.clip(view, 0.0, 255.0)
        share = inputs["share"][:, None, None, None]
        return view * (1 - share) + ops.take(view, inputs["other"], axis=0) * share

    def _erased(self, view: Any, inputs: dict[str, Any]) -> Any:
        box = inputs["erased"][:, None, None, :]
        at = ops.arange(self._side, dtype="int32")
        row, column = at[None, :, None], at[None, None, :]
        inside = (row >= box[..., 0]) & (row < box[..., 2])
        inside = inside & (column >= box[..., 1]) & (column < box[..., 3])
        return ops.where(inside[..., None], ops.mean(view, axis=(1, 2), keepdims=True), view)

    def _lit(self, view: Any, inputs: dict[str, Any]) -> Any:
        mean = ops.mean(view, axis=(1, 2), keepdims=True)
        contrast, brightness = (
            inputs[name][:, None, None, None] for name in ("contrast", "brightness")
        )
        return (view - mean) * contrast + mean + brightness


def on_device(
    network: keras.Model, images: NDArray[np.uint8], config: AugmentationConfig, seed: int
) -> keras.Model:
    """Put the views of ``images`` before ``network``; the result takes :func:`device_inputs`."""
    inputs = {
        "row": keras.Input((), dtype="int32", name="row"),
        "inverse": keras.Input((8,), name="inverse"),
        "contrast": keras.Input((), name="contrast"),
        "brightness": keras.Input((), name="brightness"),
        "erased": keras.Input((4,), dtype="int32", name="erased"),
        "other": keras.Input((), dtype="int32", name="other"),
        "share": keras.Input((), name="share"),
    }
    views = DeviceViews(images, config, seed, name="views")(inputs)
    return keras.Model(inputs, network(views), name="on_device")


def device_inputs(
    rows: NDArray[np.int64],
    views: Views,
    other: NDArray[np.int64],
    share: NDArray[np.float32],
) -> dict[str, NDArray[Any]]:
    """Return one batch as arrays of b rows.

    Args:
        rows: of the pictures.
        views: drawn for them.
        other: position in the batch of each picture's partner in mixup.
        share: float32 (b,) of the partner; 0 is not mixed.
    """
    return {
        "row": rows.astype(np.int32),
        "inverse": _inverse(views.warp),
        "contrast": views.contrast,
        "brightness": views.brightness,
        "erased": views.erased.astype(np.int32),
        "other": other.astype(np.int32),
        "share": share,
    }


def _inverse(warp: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return float32 (b, 8): view pixel -> pixel of the picture with its border."""
    linear = np.linalg.inv(warp[:, :, :2].astype(np.float64))
    offset = _MARGIN - np.einsum("bij,bj->bi", linear, warp[:, :, 2])
    rows = np.concatenate([linear, offset[..., None]], axis=2).reshape(-1, 6)
    return np.pad(rows, ((0, 0), (0, 2))).astype(np.float32)
