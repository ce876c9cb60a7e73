"""A network asked for one view of a face, or for the mean of the face and its mirror image."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from data.types import FloatArray

#: A network: uint8 (n, 48, 48) gray faces -> float32 (n, 7) logits of that single view.
Network: TypeAlias = Callable[[NDArray[np.uint8]], FloatArray]


def both_views(network: Network, images: NDArray[np.uint8]) -> tuple[FloatArray, FloatArray]:
    """Return logits float32 (n, 7) of single views, and averaged with the mirror images."""
    single = network(images)
    mirrored = network(np.ascontiguousarray(images[:, :, ::-1]))
    return single, np.asarray((single + mirrored) / 2, dtype=np.float32)
