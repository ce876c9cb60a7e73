"""The served network: face crops -> calibrated probabilities, by ONNX Runtime on one thread."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from data.artifacts import file_sha256
from data.errors import ArtifactError, BundleCorruptError
from data.types import EMOTIONS, FloatArray
from vision.calibration import calibrated
from vision.config import ExpressionCard

_BATCH = 256


class EmotionClassifier:
    """One shared inference session; safe to call from several threads.

    Attributes:
        card: what was saved beside the weights.
    """

    def __init__(self, session: onnxruntime.InferenceSession, card: ExpressionCard) -> None:
        self._session, self.card = session, card
        self._input = session.get_inputs()[0].name

    @classmethod
    def load(
        cls, network: Path, card: Path, *, flip_average: bool | None = None
    ) -> EmotionClassifier:
        """Open ``emotion.onnx`` with its ``emotion.json``.

        Args:
            network: the weights.
            card: labels, calibration, threshold.
            flip_average: stands above the card's choice; None keeps it.

        Raises:
            ArtifactError: if a file is missing or the network does not keep the contract.
            BundleCorruptError: if the weights are not those that the card describes.
        """
        values = ExpressionCard.read(card)
        if not network.is_file():
            raise ArtifactError(f"no network at {network}: export or publish a run first")
        if values.sha256 and file_sha256(network) != values.sha256:
            raise BundleCorruptError(
                f"{network} is not the file that {card} describes; export again"
            )
        if values.labels != EMOTIONS:
            raise ArtifactError(f"{card} has the labels {values.labels}, expected {EMOTIONS}")
        session = _open_session(network)
        _check_contract(session, network, values.side)
        if flip_average is not None:
            values = values.model_copy(update={"flip_average": flip_average})
        return cls(session, values)

    @property
    def threshold(self) -> float:
        """Confidence below which an answer is called uncertain."""
        return self.card.threshold

    def logits(self, crops: NDArray[np.uint8], *, flip_average: bool | None = None) -> FloatArray:
        """Return float32 (n, 7) logits of uint8 (n, side, side) gray crops.

        Args:
            crops: faces; n may be 0.
            flip_average: average with the mirror image; None takes the card's choice.
        """
        self._check_crops(crops)
        single = self._run(crops)
        if not self._flips(flip_average):
            return single
        return np.asarray((single + self._run(crops[:, :, ::-1])) / 2, dtype=np.float32)

    def probabilities(
        self, crops: NDArray[np.uint8], *, flip_average: bool | None = None
    ) -> FloatArray:
        """Return calibrated float32 (n, 7) probabilities in the order of ``EMOTIONS``."""
        card = self.card
        flips = self._flips(flip_average)
        logits = self.logits(crops, flip_average=flips)
        if flips:
            return calibrated(logits, card.temperature, card.vector)
        return calibrated(logits, card.temperature_single, card.vector_single)

    def _flips(self, flip_average: bool | None) -> bool:
        return self.card.flip_average if flip_average is None else flip_average

    def _check_crops(self, crops: NDArray[np.uint8]) -> None:
        side = self.card.side
        if crops.dtype != np.uint8 or crops.ndim != 3 or crops.shape[1:] != (side, side):
            raise ValueError(
                f"crops must be uint8 (n, {side}, {side}), not {crops.dtype} {crops.shape}"
            )

    def _run(self, crops: NDArray[np.uint8]) -> FloatArray:
        parts = [np.empty((0, len(EMOTIONS)), dtype=np.float32)]
        for start in range(0, len(crops), _BATCH):  # bounds the memory of large evaluations
            x = crops[start : start + _BATCH, ..., None].astype(np.float32)
            parts.append(np.asarray(self._session.run(None, {self._input: x})[0], dtype=np.float32))
        return np.concatenate(parts)


def _open_session(network: Path) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    # One thread: requests run side by side, and threads that wait for each other cost more.
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    try:
        return onnxruntime.InferenceSession(
            network.read_bytes(), options, providers=["CPUExecutionProvider"]
        )
    except Exception as exc:  # the runtime's own errors share no narrower base
        raise ArtifactError(f"{network} cannot be opened as ONNX: {exc}") from exc


def _check_contract(session: onnxruntime.InferenceSession, network: Path, side: int) -> None:
    inputs, outputs = session.get_inputs(), session.get_outputs()
    if len(inputs) != 1 or len(outputs) != 1:
        raise ArtifactError(
            f"{network} has {len(inputs)} inputs, {len(outputs)} outputs; wanted 1, 1"
        )
    shape = inputs[0].shape
    if isinstance(shape[0], int) or list(shape[1:]) != [side, side, 1]:
        raise ArtifactError(f"{network} takes {shape}, expected [n, {side}, {side}, 1]")
    if outputs[0].shape[-1] != len(EMOTIONS):
        raise ArtifactError(f"{network} gives {outputs[0].shape}, expected [n, {len(EMOTIONS)}]")
