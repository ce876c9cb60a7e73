"""Configuration of the networks, of training and of the serving classifier."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Literal, Self

from pydantic import Field, model_validator

from data.config import FrozenConfig
from data.errors import ArtifactError, ConfigError

NetworkName = Literal[
    "simple_nn",
    "cnn",
    "compact_vgg",
    "vgg16",
    "resnet50",
    "mobilenet_v2",
    "inception_v3",
    "xception",
    "efficientnet_b0",
    "efficientnet_b7",
]
OWN_NETWORKS = ("simple_nn", "cnn", "compact_vgg")


class NetworkConfig(FrozenConfig):
    """Which network to build, and how large."""

    name: NetworkName = "compact_vgg"
    side: int = Field(48, ge=24, le=224, description="input height and width, pixels")
    widths: tuple[int, ...] = Field(
        (32, 64, 128, 256), description="own nets: channels of each block, or units of each layer"
    )
    convolutions: int = Field(2, ge=1, le=4, description="own nets: convolutions per block")
    batch_norm: bool = Field(True, description="own nets: batch normalisation")
    dropout: float = Field(0.4, ge=0, lt=1, description="before the last layer")
    block_dropout: float = Field(0.0, ge=0, lt=1, description="cnn: after each block")
    resize: int | None = Field(None, ge=32, le=600, description="side that a backbone sees, pixels")
    weights: str = Field("none", description='of a backbone: "none", "imagenet" or a file')
    norm_statistics: Literal["update", "keep"] = Field(
        "update", description="a backbone's batch-norm statistics while it is trained"
    )

    @model_validator(mode="after")
    def _refuse_what_is_not_used(self) -> Self:
        if self.name in OWN_NETWORKS and (self.resize is not None or self.weights != "none"):
            raise ValueError(f"resize and weights are a backbone's, and {self.name} has none")
        return self


class AugmentationConfig(FrozenConfig):
    """One random view of each face per epoch."""

    flip: bool = True
    shift: int = Field(4, ge=0, le=12, description="largest shift on either axis, pixels")
    rotation: float = Field(8.0, ge=0, le=45, description="largest rotation, degrees")
    zoom: float = Field(0.08, ge=0, le=0.5, description="largest relative change of size")
    contrast: float = Field(0.15, ge=0, le=1, description="largest relative change of contrast")
    brightness: float = Field(0.06, ge=0, le=1, description="largest shift of brightness, of 255")
    noise: float = Field(0.0, ge=0, le=64, description="deviation of Gaussian noise, gray levels")
    erasing: float = Field(0.0, ge=0, le=1, description="probability of one erased rectangle")


class TargetConfig(FrozenConfig):
    """What a picture's answer should be: its label, softened by what else is known."""

    label_smoothing: float = Field(0.1, ge=0, lt=1, description="share spread over all labels")
    ferplus: float = Field(0.0, ge=0, le=1, description="share of the target from FER+ votes")
    drop_not_faces: bool = Field(False, description="leave out what FER+ calls not a face")
    teachers: tuple[str, ...] = Field((), description="run folders, their answers are averaged")
    teacher_share: float = Field(0.5, ge=0, le=1, description="share of the target from teachers")
    teacher_temperature: float = Field(1.0, gt=0, description="softens the teachers' answers")


class TrainingConfig(FrozenConfig):
    """A run of expression training, complete: the same file gives the same run."""

    seed: int = 7
    network: NetworkConfig = NetworkConfig()
    augmentation: AugmentationConfig = AugmentationConfig()
    targets: TargetConfig = TargetConfig()
    align: bool = Field(False, description="level the eyes of every picture before all else")
    mode: Literal["scratch", "finetune", "frozen"] = "scratch"
    head_epochs: int = Field(2, ge=0, description="finetune: epochs of the new layers alone")
    head_learning_rate: float = Field(1e-3, gt=0, description="of these, and of frozen")
    layer_decay: float = Field(
        1.0, gt=0, le=1, description="finetune: share of the rate, per block down"
    )
    epochs: int = Field(30, ge=1, le=1000, description="all, with head_epochs")
    batch_size: int = Field(64, ge=1, le=4096)
    optimizer: Literal["adamw", "sgd"] = "adamw"
    learning_rate: float = Field(1e-3, gt=0, description="peak rate")
    momentum: float = Field(0.9, ge=0, lt=1, description="sgd: Nesterov momentum")
    weight_decay: float = Field(1e-3, ge=0)
    schedule: Literal["constant", "plateau", "cosine"] = "cosine"
    warmup_epochs: float = Field(1.0, ge=0, description="cosine: linear rise before it")
    plateau_epochs: int = Field(3, ge=1, description="plateau: epochs without gain before a cut")
    plateau_factor: float = Field(0.3, gt=0, lt=1, description="plateau: the cut")
    patience: int | None = Field(None, ge=1, description="stop after epochs without gain")
    mixup: float = Field(0.0, ge=0, le=2, description="alpha of the Beta distribution; 0 is off")
    mixup_until: float = Field(0.85, ge=0, le=1, description="share of the epochs with mixup")
    balance: Literal["none", "class_weight", "sampling", "logit_adjustment"] = "none"
    views_on: Literal["cpu", "device"] = Field(
        "cpu", description="where random views are made; with an accelerator, device"
    )
    ema: float = Field(0.0, ge=0, lt=1, description="decay of the averaged weights; 0 is off")
    precision: Literal["float32", "mixed_bfloat16"] = "float32"
    limit: int | None = Field(None, ge=1, description="train on the first rows only (trials)")

    def with_weights(self, files: Mapping[str, Path]) -> Self:
        """Return the recipe with its network's file in place of ``weights = "imagenet"``."""
        network = self.network
        if network.weights != "imagenet" or network.name not in files:
            return self
        network = network.model_copy(update={"weights": str(files[network.name])})
        return self.model_copy(update={"network": network})


class EvaluationConfig(FrozenConfig):
    """Which split of FER2013 to score the network in force on."""

    usage: Literal["PublicTest", "PrivateTest"] = "PrivateTest"
    heat_maps: int = Field(20, ge=0, description="faces per expression whose maps are averaged")
    find_leaks: bool = Field(True, description="also score without copies of training pictures")
    framing: tuple[float, ...] = Field(
        (), description="margins of the crop to compare on found faces of PublicTest; () is off"
    )
    framing_faces: int = Field(500, ge=1, description="pictures of PublicTest taken for that")
    runs: tuple[str, ...] = Field(
        (), description="run folders whose mean logits are scored instead; calibrated on PublicTest"
    )


class ImageLimits(FrozenConfig):
    """What one picture may take, checked before it is decoded."""

    max_bytes: int = Field(10_000_000, ge=1, description="largest file, bytes")
    max_pixels: int = Field(40_000_000, ge=1, description="largest picture, pixels")
    longest_side: int = Field(1280, ge=64, description="larger ones are reduced, pixels")


class FaceConfig(FrozenConfig):
    """How faces are looked for and framed. Figures are told in docs/evaluation.md."""

    search_side: int = Field(480, ge=120, description="longest side searched, pixels")
    smallest: float = Field(0.1, gt=0, le=1, description="smallest face, of the shorter side")
    smallest_alone: float = Field(0.07, gt=0, le=1, description="the same where nothing was found")
    largest: float = Field(1.3, gt=0, le=4, description="largest face, of the shorter side")
    beside: float = Field(0.33, ge=0, le=1, description="smallest face, of the largest found")
    scale_step: float = Field(1.2, gt=1, le=2, description="step of the sizes searched")
    fine_step: float = Field(1.1, gt=1, le=2, description="the same where nothing was found so far")
    smallest_turned: float = Field(0.2, gt=0, le=1, description="smallest face looked for so")
    angles: tuple[float, ...] = Field((12, -12, 25, -25), description="tried last, degrees")
    sure_hits: int = Field(33, ge=1, description="hits of the second cascade that are proof alone")
    large_hits: int = Field(21, ge=1, description="the same for a face that fills the picture")
    weak_hits: int = Field(10, ge=1, description="the same where it shows two eyes too")
    overlap: float = Field(0.3, gt=0, le=1, description="IoU above which two boxes are one face")
    margin: float = Field(1.0, gt=0.5, le=2, description="side of the crop, of the face box")
    shift: float = Field(0.02, ge=-0.5, le=0.5, description="crop centre below the box's centre")
    level_eyes: bool = Field(False, description="turn the crop so that the eyes are level")
    yunet_score: float = Field(0.7, gt=0, lt=1, description="least score of a YuNet face")


class VectorScaling(FrozenConfig):
    """Calibration with one factor and one offset per label: softmax(scale * logits + bias)."""

    scale: tuple[float, ...] = Field(min_length=7, max_length=7)
    bias: tuple[float, ...] = Field(min_length=7, max_length=7)


class ExpressionCard(FrozenConfig):
    """What must be known beside a network's weights; ``emotion.json`` next to ``emotion.onnx``."""

    labels: tuple[str, ...]
    side: int = Field(48, ge=24, le=224, description="input height and width, pixels")
    temperature: float = Field(1.0, gt=0, description="divides flip-averaged logits")
    temperature_single: float = Field(1.0, gt=0, description="divides logits of a single view")
    vector: VectorScaling | None = Field(None, description="replaces temperature")
    vector_single: VectorScaling | None = Field(None, description="replaces temperature_single")
    threshold: float = Field(0.0, ge=0, le=1, description="confidence below it is `uncertain`")
    flip_average: bool = Field(True, description="average with the mirror image")
    sha256: str = Field("", description="of the network file; empty is not checked")
    metrics: dict[str, float] = Field(default_factory=dict, description="measured, see the report")
    trained_on: str = ""

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read the card at ``path``.

        Raises:
            ArtifactError: if it is missing, is not JSON, or has an unknown or wrong value.
        """
        try:
            values = json.loads(path.read_text(encoding="utf-8"))
            return cls.parse(values, origin=str(path))
        except FileNotFoundError as exc:
            raise ArtifactError(f"no model card at {path}: export the run again") from exc
        except (json.JSONDecodeError, UnicodeDecodeError, ConfigError) as exc:
            raise ArtifactError(f"{path} is not a model card: {exc}; export the run again") from exc
