"""Configuration of the networks, of training and of the serving classifier."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Literal, Self

from pydantic import Field

from data.config import FrozenConfig
from data.errors import ArtifactError, ConfigError


class NetworkConfig(FrozenConfig):
    """Which network to build, and how large."""

    name: Literal["compact_vgg"] = "compact_vgg"
    side: int = Field(48, ge=24, le=224, description="input height and width, pixels")
    widths: tuple[int, ...] = Field((32, 64, 128, 256), description="channels of each block")
    convolutions: int = Field(2, ge=1, le=4, description="convolutions per block")
    dropout: float = Field(0.4, ge=0, lt=1)


class AugmentationConfig(FrozenConfig):
    """One random view of each face per epoch."""

    flip: bool = True
    shift: int = Field(4, ge=0, le=12, description="largest shift on either axis, pixels")
    rotation: float = Field(8.0, ge=0, le=45, description="largest rotation, degrees")
    zoom: float = Field(0.08, ge=0, le=0.5, description="largest relative change of size")
    contrast: float = Field(0.15, ge=0, le=1, description="largest relative change of contrast")
    brightness: float = Field(0.06, ge=0, le=1, description="largest shift of brightness, of 255")
    erasing: float = Field(0.0, ge=0, le=1, description="probability of one erased rectangle")


class TrainingConfig(FrozenConfig):
    """A run of expression training, complete: the same file gives the same run."""

    seed: int = 7
    network: NetworkConfig = NetworkConfig()
    augmentation: AugmentationConfig = AugmentationConfig()
    epochs: int = Field(30, ge=1, le=1000)
    batch_size: int = Field(64, ge=1, le=4096)
    learning_rate: float = Field(1e-3, gt=0, description="peak rate of AdamW")
    weight_decay: float = Field(1e-3, ge=0)
    warmup_epochs: float = Field(1.0, ge=0)
    label_smoothing: float = Field(0.1, ge=0, lt=1)
    precision: Literal["float32", "mixed_bfloat16"] = "float32"
    limit: int | None = Field(None, ge=1, description="train on the first rows only (trials)")


class EvaluationConfig(FrozenConfig):
    """Which split of FER2013 to score the network in force on."""

    usage: Literal["PublicTest", "PrivateTest"] = "PrivateTest"
    find_leaks: bool = Field(True, description="also score without copies of training pictures")


class ImageLimits(FrozenConfig):
    """What one picture may take, checked before it is decoded."""

    max_bytes: int = Field(10_000_000, ge=1, description="largest file, bytes")
    max_pixels: int = Field(40_000_000, ge=1, description="largest picture, pixels")
    longest_side: int = Field(1280, ge=64, description="larger ones are reduced, pixels")


class FaceConfig(FrozenConfig):
    """How faces are looked for and framed. Figures are told in docs/evaluation.md."""

    search_side: int = Field(480, ge=120, description="longest side searched, pixels")
    coarse_side: int = Field(200, ge=120, description="the same for borders and rotations, pixels")
    smallest: float = Field(0.08, gt=0, le=1, description="smallest face, of the shorter side")
    scale_step: float = Field(1.2, gt=1, le=2, description="step of the image pyramid")
    neighbours: int = Field(1, ge=1, description="overlapping hits a candidate needs")
    padding: float = Field(0.35, ge=0, le=1, description="border added, of the longest side")
    angles: tuple[float, ...] = Field((15, -15, 25, -25), description="tried last, degrees")
    sure_hits: int = Field(50, ge=1, description="hits of the second cascade that are proof alone")
    weak_hits: int = Field(6, ge=1, description="hits that are proof where eyes are seen too")
    overlap: float = Field(0.3, gt=0, le=1, description="IoU above which two boxes are one face")
    margin: float = Field(1.05, gt=0.5, le=2, description="side of the crop, of the face box")
    shift: float = Field(0.03, ge=-0.5, le=0.5, description="crop centre below the box's centre")
    level_eyes: bool = Field(True, description="turn the crop so that the eyes are level")
    yunet_score: float = Field(0.7, gt=0, lt=1, description="least score of a YuNet face")


class ExpressionCard(FrozenConfig):
    """What must be known beside a network's weights; ``emotion.json`` next to ``emotion.onnx``."""

    labels: tuple[str, ...]
    side: int = Field(48, ge=24, le=224, description="input height and width, pixels")
    temperature: float = Field(1.0, gt=0, description="divides flip-averaged logits")
    temperature_single: float = Field(1.0, gt=0, description="divides logits of a single view")
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
