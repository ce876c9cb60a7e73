"""How many dimensions of the network's last features hold the expression.

The penultimate tensor is what the last layer sees. Features of a face tell people apart and are
personal data: they stay in memory; only tables and plots of a public data set are written.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from data.config import FrozenConfig
from data.datasets.fer2013 import FerSplit, Usage
from data.errors import ArtifactError, MissingExtraError
from data.reduction import PcaReducer, components_for
from data.types import FloatArray, IntArray
from vision.calibration import bootstrap_interval

_BATCH = 256
_SEED = 20130716  # of the bootstrap and of the folds; any fixed number does


class FeatureConfig(FrozenConfig):
    """Which pictures to fit on and to show, and which sizes to compare."""

    fit: Usage = Field("PublicTest", description="split for components and probe; not trained on")
    show: Usage = Field("PrivateTest", description="split that is scored and drawn")
    dimensions: tuple[int, ...] = Field(
        (1, 2, 3, 4, 5, 6, 8, 12, 16, 32, 64, 128, 256, 384),
        min_length=1,
        description="sizes probed",
    )
    shares: tuple[float, ...] = Field(
        (0.5, 0.8, 0.9, 0.95, 0.99), description="shares of variance whose sizes are told"
    )
    penalties: tuple[float, ...] = Field(
        (0.003, 0.03, 0.3), min_length=1, description="C of the probe, chosen by folds of the fit"
    )


@dataclass(frozen=True, slots=True)
class ProbeRow:
    """A linear probe on the leading components.

    Attributes:
        dimensions: k.
        explained: share of the variance of the shown pictures that k components give back.
        accuracy: of logistic regression on k components, on the shown pictures.
        interval: its 95 %, by bootstrap.
    """

    dimensions: int
    explained: float
    accuracy: float
    interval: tuple[float, float]


@dataclass(frozen=True, slots=True)
class FeatureStudy:
    """All that was measured.

    Attributes:
        width: numbers in a feature vector.
        fitted: pictures that components and probe were fitted on.
        shown: pictures that were scored.
        own_accuracy: of the network's own last layer on the shown pictures.
        rows: one for each size.
        sizes: share of the variance -> fewest components that keep it, on the fitted pictures.
        spectrum: share of the variance along each component, (width,).
        points: float32 (shown, 2), the two leading scores; to be drawn, not kept.
        labels: int64 (shown,).
    """

    width: int
    fitted: int
    shown: int
    own_accuracy: float
    rows: tuple[ProbeRow, ...]
    sizes: dict[float, int]
    spectrum: NDArray[np.float64]
    points: FloatArray
    labels: IntArray


class FeatureNetwork:
    """An expression network that gives its penultimate features beside its logits.

    Args:
        network: ``emotion.onnx``; the file is not changed.
        flip_average: average with the mirror image. As the last layer is linear, its logits of the
            mean features are the mean logits that are served.

    Raises:
        ArtifactError: if the file is missing or does not end in a dense layer.
        MissingExtraError: if onnx is not installed.
    """

    def __init__(self, network: Path, *, flip_average: bool = True) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3
        self._session = onnxruntime.InferenceSession(
            _with_penultimate(network), options, providers=["CPUExecutionProvider"]
        )
        self._input = self._session.get_inputs()[0].name
        self.flip_average = flip_average

    def __call__(self, crops: NDArray[np.uint8]) -> tuple[FloatArray, FloatArray]:
        """Return features float32 (n, width) and logits float32 (n, 7).

        Args:
            crops: uint8 (n, side, side), n at least 1.
        """
        plain = self._view(crops)
        if not self.flip_average:
            return plain
        mirrored = self._view(crops[:, :, ::-1])
        features, logits = (
            np.asarray((a + b) / 2, dtype=np.float32) for a, b in zip(plain, mirrored, strict=True)
        )
        return features, logits

    def _view(self, crops: NDArray[np.uint8]) -> tuple[FloatArray, FloatArray]:
        parts = []
        for start in range(0, len(crops), _BATCH):
            x = crops[start : start + _BATCH, ..., None].astype(np.float32)
            parts.append(self._session.run(None, {self._input: x}))
        logits, features = (np.concatenate(p).astype(np.float32) for p in zip(*parts, strict=True))
        return features.reshape(len(crops), -1), logits


def study_features(
    network: FeatureNetwork,
    fit: FerSplit,
    show: FerSplit,
    config: FeatureConfig,
    report: Callable[[str], None] = lambda line: None,
) -> FeatureStudy:
    """Fit components and probes on one split, score and place the pictures of another.

    Args:
        network: gives features.
        fit: pictures that the network was not trained on; those that are not usable are left out.
        show: all rows are scored.
        config: sizes and penalties.
        report: called with lines of progress.
    """
    fit = fit.take(fit.usable)
    report(f"features of {len(fit)} and {len(show)} faces")
    ours, _ = network(fit.images)
    theirs, logits = network(show.images)
    pca = PcaReducer.fit(ours, ours.shape[1])
    a, b = pca.transform(ours), pca.transform(theirs)
    spread = float(((theirs - pca.mean) ** 2).sum(dtype=np.float64))
    rows = []
    for k in [k for k in config.dimensions if k <= pca.n_components]:
        report(f"probe on {k} components")
        right = _probe(a[:, :k], fit.labels, b[:, :k], config.penalties) == show.labels
        given = float((b[:, :k] ** 2).sum(dtype=np.float64)) / max(spread, 1e-12)
        rows.append(ProbeRow(k, given, float(right.mean()), _interval(right)))
    return FeatureStudy(
        width=ours.shape[1],
        fitted=len(fit),
        shown=len(show),
        own_accuracy=float((logits.argmax(axis=1) == show.labels).mean()),
        rows=tuple(rows),
        sizes={s: components_for(pca.variances, s) for s in config.shares},
        spectrum=pca.explained,
        points=b[:, :2],
        labels=show.labels,
    )


def _probe(
    x: FloatArray, labels: IntArray, test: FloatArray, penalties: tuple[float, ...]
) -> IntArray:
    """Return labels of ``test`` by logistic regression; the penalty is chosen by five folds."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import GridSearchCV, StratifiedKFold

    unit = np.float32(max(float(np.sqrt(x.var(axis=0, dtype=np.float64).mean())), 1e-6))
    folds = StratifiedKFold(5, shuffle=True, random_state=_SEED)
    search = GridSearchCV(LogisticRegression(max_iter=2000), {"C": list(penalties)}, cv=folds)
    return np.asarray(search.fit(x / unit, labels).predict(test / unit), dtype=np.int64)


def _interval(right: NDArray[np.bool_]) -> tuple[float, float]:
    return bootstrap_interval(lambda rows: float(right[rows].mean()), len(right), seed=_SEED)


def _with_penultimate(network: Path) -> bytes:
    """Return the network with what its last dense layer sees as a second output."""
    try:
        import onnx
    except ImportError as exc:
        raise MissingExtraError("features need onnx: pip install 'attune[train]'") from exc
    if not network.is_file():
        raise ArtifactError(f"no network at {network}: export or publish a run first")
    model = onnx.load(str(network))
    name = _seen_by_last_layer(model.graph)
    if name is None:
        raise ArtifactError(f"{network} does not end in a dense layer: it has no features")
    kind = onnx.TensorProto.FLOAT
    model.graph.output.append(onnx.helper.make_tensor_value_info(name, kind, None))
    return bytes(model.SerializeToString())


def _seen_by_last_layer(graph: Any) -> str | None:
    """Walk back from the output to the first dense layer; return the tensor it takes."""
    makers = {output: node for node in graph.node for output in node.output}
    constants = {tensor.name for tensor in graph.initializer}
    name = graph.output[0].name
    while (node := makers.get(name)) is not None:
        inputs = [i for i in node.input if i not in constants]
        if not inputs:
            return None
        if node.op_type in {"MatMul", "Gemm"}:
            return str(inputs[0])
        name = inputs[0]
    return None
