"""Keras run -> ``emotion.onnx`` with its card: plain float32, one input, held against Keras."""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from data.artifacts import file_sha256
from data.datasets.fer2013 import FerSplit, read_fer2013
from data.errors import TrainingError
from data.types import EMOTIONS, FloatArray
from vision import calibration as measure
from vision.classifier import EmotionClassifier
from vision.config import ExpressionCard
from vision.evaluation import Evaluation, evaluate_classifier, write_report
from vision.model_card import model_card_text
from vision.runs import keras_logits, load_run
from vision.views import both_views

_PARITY_ROWS = 1500
_PARITY_TOLERANCE = 1e-3
_HALF_LEAST = 1024  # smaller constants are not worth a Cast


@dataclass(frozen=True, slots=True)
class Exported:
    """What was written, and how good it is on PrivateTest."""

    network: Path
    card: Path
    evaluation: Evaluation
    largest_difference: float


def export_run(
    run: Path,
    fer: Path,
    out: Path,
    *,
    report_folder: Path | None = None,
    half: bool = False,
    report: Callable[[str], None] = lambda line: None,
) -> Exported:
    """Export the best epoch of a run, calibrate it on PublicTest, score PrivateTest once.

    Writes ``out/emotion.onnx``, ``out/emotion.json`` and ``out/model_card.md``; the report goes to
    ``report_folder``, by default ``run/evaluation``.

    Args:
        run: a folder of :func:`vision.training.train_network`.
        fer: FER2013 in any form that :func:`data.datasets.fer2013.read_fer2013` takes.
        out: made if absent; files of the same names are replaced.
        report_folder: where ``report.md``, ``metrics.json`` and plots go.
        half: store large weights as float16, which halves the file.
        report: called with one line of progress per step.

    Raises:
        TrainingError: if the run is not complete enough, or ONNX and Keras do not agree.
    """
    model, config = load_run(run)
    validation = read_fer2013(fer, "PublicTest")
    out.mkdir(parents=True, exist_ok=True)
    network, card_path = out / "emotion.onnx", out / "emotion.json"
    write_onnx(model, network, half=half)
    card = fit_card(keras_logits(model), validation, network, config.network.side)
    _write_card(card, card_path)
    classifier = EmotionClassifier.load(network, card_path)
    difference = check_parity(model, classifier, validation.images[:_PARITY_ROWS])
    report(f"ONNX agrees with Keras: largest difference of a probability {difference:.1e}")
    evaluation = evaluate_classifier(
        classifier, read_fer2013(fer, "PrivateTest"), read_fer2013(fer, "Training")
    )
    _write_card(card.model_copy(update={"metrics": headline(evaluation)}), card_path)
    (out / "model_card.md").write_text(
        model_card_text(config, int(model.count_params()), card, evaluation), encoding="utf-8"
    )
    write_report(evaluation, report_folder or run / "evaluation", "FER2013 PrivateTest")
    report(f"PrivateTest accuracy {evaluation.best.accuracy:.4f}, ECE {evaluation.best.ece:.4f}")
    return Exported(network, card_path, evaluation, difference)


def write_onnx(model: keras.Model, path: Path, *, half: bool = False) -> None:
    """Write ``model`` as ONNX with one input of any batch size and logits out.

    Raises:
        TrainingError: if the graph has not exactly one input.
    """
    side = model.input_shape[1]
    model(np.zeros((1, side, side, 1), dtype=np.float32))  # Keras exports only what was called
    partial = path.with_name(f"partial-{path.name}")
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=r".*np\.object.*", category=FutureWarning)
        model.export(partial, format="onnx", verbose=False)
    graph = onnx.load(partial)
    if half:
        store_half(graph)
    graph.producer_name, graph.doc_string = "attune", "gray faces [0, 255] -> expression logits"
    inputs = [i.name for i in graph.graph.input]
    if len(inputs) != 1:
        raise TrainingError(f"the exported graph has the inputs {inputs}; exactly one is allowed")
    onnx.checker.check_model(graph)
    onnx.save(graph, partial)
    os.replace(partial, path)


def store_half(graph: onnx.ModelProto) -> None:
    """Store large float32 constants as float16 with a Cast, which the runtime folds on loading."""
    casts = []
    for constant in graph.graph.initializer:
        values = numpy_helper.to_array(constant)
        if constant.data_type != TensorProto.FLOAT or values.size < _HALF_LEAST:
            continue
        name = constant.name
        constant.CopyFrom(numpy_helper.from_array(values.astype(np.float16), f"{name}_half"))
        casts.append(helper.make_node("Cast", [f"{name}_half"], [name], to=TensorProto.FLOAT))
    for cast in reversed(casts):
        graph.graph.node.insert(0, cast)


def fit_card(
    network: Callable[[NDArray[np.uint8]], FloatArray],
    validation: FerSplit,
    weights: Path,
    side: int,
) -> ExpressionCard:
    """Fit calibration and the abstention threshold on the validation split."""
    single, flipped = both_views(network, validation.images)
    labels = validation.labels
    temperature, vector = (
        measure.fit_temperature(flipped, labels),
        measure.choose_vector(flipped, labels),
    )
    p = measure.calibrated(flipped, temperature, vector)
    return ExpressionCard(
        labels=EMOTIONS,
        side=side,
        temperature=temperature,
        temperature_single=measure.fit_temperature(single, labels),
        vector=vector,
        vector_single=measure.choose_vector(single, labels),
        threshold=measure.abstention_threshold(p.max(axis=1), p.argmax(axis=1) == labels),
        flip_average=True,
        sha256=file_sha256(weights),
        trained_on="FER2013 Training; calibrated on PublicTest",
    )


def check_parity(
    model: keras.Model, classifier: EmotionClassifier, faces: NDArray[np.uint8]
) -> float:
    """Return the largest difference of a probability between Keras and ONNX.

    Raises:
        TrainingError: if a top label differs, or a probability by 1e-3 or more.
    """
    ours = measure.softmax(classifier.logits(faces, flip_average=False))
    keras_p = measure.softmax(keras_logits(model)(faces))
    difference = float(np.abs(ours - keras_p).max())
    changed = int((ours.argmax(axis=1) != keras_p.argmax(axis=1)).sum())
    if changed or difference >= _PARITY_TOLERANCE:
        raise TrainingError(
            f"ONNX and Keras disagree on {len(faces)} faces: {changed} top labels differ, "
            f"largest difference {difference:.2e}"
        )
    return difference


def headline(evaluation: Evaluation) -> dict[str, float]:
    """Return the few figures that travel with the weights."""
    best = evaluation.best
    figures = {
        "private_test_accuracy": best.accuracy,
        "private_test_accuracy_single": evaluation.single.accuracy,
        "private_test_accuracy_deleaked": evaluation.deleaked_accuracy,
        "private_test_accuracy_ferplus": evaluation.ferplus_accuracy,
        "private_test_macro_f1": best.macro_f1,
        "private_test_ece": best.ece,
        "certain_share": evaluation.coverage,
        "certain_accuracy": evaluation.certain_accuracy,
    }
    return {k: round(v, 4) for k, v in figures.items() if v is not None and np.isfinite(v)}


def _write_card(card: ExpressionCard, path: Path) -> None:
    partial = path.with_name(f"partial-{path.name}")
    partial.write_text(json.dumps(card.model_dump(mode="json"), indent=1) + "\n", encoding="utf-8")
    os.replace(partial, path)
