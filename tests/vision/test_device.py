"""Views made on the device are those that the CPU makes of the same draws."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from data.datasets.fer2013 import FerSplit
from vision.augmentation import augment, draw_views
from vision.batches import blend, draw_mixture
from vision.config import AugmentationConfig, NetworkConfig, TrainingConfig
from vision.device import DeviceViews, device_inputs
from vision.training import TrainedRun, train_network

pytestmark = pytest.mark.usefixtures("keras_policy")
STRONG = AugmentationConfig(
    shift=6, rotation=20, zoom=0.2, contrast=0.3, brightness=0.2, erasing=0.5
)


def smooth_faces(n: int = 24) -> np.ndarray:
    """Soft random blobs: bilinear sampling of either kind agrees on what is not noise."""
    rows, columns = np.mgrid[:48, :48]
    rng = np.random.default_rng(0)
    centres = rng.uniform(8, 40, (n, 2, 1, 1))
    distance = (rows - centres[:, 0]) ** 2 + (columns - centres[:, 1]) ** 2
    return np.asarray(40 + 200 * np.exp(-distance / 120), dtype=np.uint8)


def test_device_and_cpu_agree_on_every_kind_of_view() -> None:
    faces, rows = smooth_faces(), np.arange(24)[::-1].copy()
    views = draw_views(STRONG, 24, 48, np.random.default_rng(5))
    other, share = draw_mixture(24, 0.4, np.random.default_rng(6))
    layer = DeviceViews(faces, STRONG, seed=0)
    ours = np.asarray(layer(device_inputs(rows, views, other, share)))
    cpu = blend(augment(faces[rows], STRONG, np.random.default_rng(5)), other, share)
    assert ours.shape == cpu.shape
    # OpenCV interpolates in steps of 1/32 pixel; an erased edge may fall on either side.
    assert np.abs(ours - cpu).mean() < 0.3
    assert (np.abs(ours - cpu) < 4).mean() > 0.995


def test_noise_on_the_device_has_its_deviation() -> None:
    gray = np.full((32, 48, 48), 128, dtype=np.uint8)
    still = AugmentationConfig(
        flip=False, shift=0, rotation=0, zoom=0, contrast=0, brightness=0, noise=8
    )
    views = draw_views(still, 32, 48, np.random.default_rng(0))
    inputs = device_inputs(np.arange(32), views, np.arange(32), np.zeros(32, dtype=np.float32))
    out = np.asarray(DeviceViews(gray, still, seed=1)(inputs))
    assert abs(float(out.mean()) - 128) < 0.2
    assert abs(float(out.std()) - 8) < 0.1


CONFIG = TrainingConfig(
    network=NetworkConfig(widths=(8, 16), convolutions=1, dropout=0.3),
    epochs=2,
    batch_size=14,
    views_on="device",
    mixup=0.2,
    ema=0.9,
)


@pytest.fixture(scope="module")
def device(tmp_path_factory: pytest.TempPathFactory, toy_faces: FerSplit) -> TrainedRun:
    return train_network(CONFIG, toy_faces, toy_faces, tmp_path_factory.mktemp("device") / "run")


@pytest.mark.usefixtures("undrawn")
def test_a_run_on_the_device_follows_the_run_on_the_cpu(
    tmp_path: Path, toy_faces: FerSplit, device: TrainedRun
) -> None:
    cpu = CONFIG.model_copy(update={"views_on": "cpu"})
    other = train_network(cpu, toy_faces, toy_faces, tmp_path / "cpu")
    for a, b in zip(device.history, other.history, strict=True):
        assert a["loss"] == pytest.approx(b["loss"], rel=0.02)


def test_the_same_code_trains_on_torch(
    tmp_path: Path, toy_faces: FerSplit, device: TrainedRun
) -> None:
    np.savez(tmp_path / "faces.npz", images=toy_faces.images, labels=toy_faces.labels)
    (tmp_path / "config.toml").write_text(CONFIG.model_copy(update={"epochs": 1}).to_toml())
    environment = {
        **os.environ, "KERAS_BACKEND": "torch", "PYTHONPATH": os.pathsep.join(sys.path),
        "TORCHDYNAMO_DISABLE": "1",
    }  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-c", _TRAIN, str(tmp_path)],
        env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    on_torch = [float(x) for x in done.stdout.split()]
    # Other initial weights, so only the size of the first loss is shared.
    assert on_torch[0] == pytest.approx(device.history[0]["loss"], rel=0.25)


_TRAIN = """
import sys
from pathlib import Path
import numpy as np
from data.datasets.fer2013 import FerSplit
from vision.config import TrainingConfig
from vision.training import train_network
folder = Path(sys.argv[1])
with np.load(folder / "faces.npz") as z:
    faces = FerSplit(z["images"], z["labels"], np.ones(len(z["labels"]), dtype=bool))
run = train_network(TrainingConfig.from_toml(folder / "config.toml"), faces, faces, folder / "run")
print(*(h["loss"] for h in run.history))
"""
