from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from data.datasets.fer2013 import SIDE, VOTE_NAMES, FerSplit, read_fer2013
from data.errors import DatasetFormatError, DatasetNotFoundError

LABELS = [0, 3, 6]


def pictures() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (3, SIDE, SIDE), dtype=np.uint8)


def png(pixels: np.ndarray) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, format="PNG")
    return stream.getvalue()


def as_csv(folder: Path, usage: str = "Training") -> Path:
    lines = ["emotion,pixels,Usage"]
    for label, image in zip(LABELS, pictures(), strict=True):
        lines.append(f"{label},{' '.join(map(str, image.ravel()))},{usage}")
    lines.append(f"1,{' '.join(['0'] * SIDE * SIDE)},PublicTest")
    (folder / "fer2013.csv").write_text("\n".join(lines) + "\n")
    return folder / "fer2013.csv"


def as_parquet(folder: Path) -> Path:
    votes = {f"ferplus_{name}": [0, 0, 0] for name in VOTE_NAMES}
    votes["ferplus_neutral"] = [1, 9, 9]
    votes["ferplus_nf"] = [9, 0, 1]
    table = {
        "image": [png(image) for image in pictures()],
        "label": LABELS,
        "lossless": [True, True, False],
        "dup_group": [-1, 4, 4],
        **votes,
    }
    pq.write_table(pa.table(table), folder / "Training.parquet")
    return folder


def as_folders(folder: Path) -> Path:
    for name, image in zip(("angry", "happy", "neutral"), pictures(), strict=True):
        (folder / "train" / name).mkdir(parents=True)
        (folder / "train" / name / "a.png").write_bytes(png(image))
    return folder


@pytest.mark.parametrize("form", [as_csv, as_parquet, as_folders])
def test_every_form_gives_the_same_pictures(tmp_path: Path, form: object) -> None:
    split = read_fer2013(form(tmp_path), "Training")  # type: ignore[operator]
    assert isinstance(split, FerSplit)
    assert split.images.dtype == np.uint8
    assert np.array_equal(split.images, pictures())
    assert split.labels.tolist() == LABELS
    assert len(split) == 3


def test_csv_splits_by_usage(tmp_path: Path) -> None:
    split = read_fer2013(as_csv(tmp_path), "PublicTest")
    assert split.labels.tolist() == [1]
    with pytest.raises(DatasetNotFoundError):
        read_fer2013(tmp_path / "fer2013.csv", "PrivateTest")


def test_votes_and_refilled_pixels_decide_what_is_usable(tmp_path: Path) -> None:
    split = read_fer2013(as_parquet(tmp_path), "Training")
    assert split.usable.tolist() == [False, True, False]
    assert split.votes is not None
    assert split.votes.shape == (3, 10)
    assert split.dup_group is not None
    assert split.dup_group.tolist() == [-1, 4, 4]
    part = split.take(split.usable)
    assert part.labels.tolist() == [3]
    assert part.dup_group is not None
    assert part.dup_group.tolist() == [4]


def test_wrong_data_is_told(tmp_path: Path) -> None:
    with pytest.raises(DatasetNotFoundError, match=r"fer2013\.csv"):
        read_fer2013(tmp_path / "nowhere", "Training")
    with pytest.raises(DatasetNotFoundError, match="no folder for Training"):
        read_fer2013(tmp_path, "Training")
    (tmp_path / "short.csv").write_text("emotion,pixels,Usage\n0,1 2 3,Training\n")
    with pytest.raises(DatasetFormatError, match="line 2: expected 2304 pixels"):
        read_fer2013(tmp_path / "short.csv", "Training")
    (tmp_path / "names.csv").write_text("label,image\n")
    with pytest.raises(DatasetFormatError, match="needs columns emotion, pixels, Usage"):
        read_fer2013(tmp_path / "names.csv", "Training")
    bad = as_csv(tmp_path).read_text().replace("\n0,", "\n7,")
    (tmp_path / "label.csv").write_text(bad)
    with pytest.raises(DatasetFormatError, match=r"label 7 is not one of 0\.\.6"):
        read_fer2013(tmp_path / "label.csv", "Training")


def test_wrong_folders_are_told(tmp_path: Path) -> None:
    as_folders(tmp_path)
    (tmp_path / "train" / "happy" / "b.png").write_bytes(b"no picture")
    with pytest.raises(DatasetFormatError, match="not a readable picture"):
        read_fer2013(tmp_path, "Training")
    (tmp_path / "train" / "happy" / "b.png").write_bytes(png(np.zeros((9, 9), np.uint8)))
    with pytest.raises(DatasetFormatError, match=r"\(9, 9\), expected \(48, 48\)"):
        read_fer2013(tmp_path, "Training")
    (tmp_path / "train" / "happy" / "b.png").unlink()
    (tmp_path / "train" / "bored").mkdir()
    with pytest.raises(DatasetFormatError, match="not named after an emotion"):
        read_fer2013(tmp_path, "Training")
