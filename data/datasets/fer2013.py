"""FER2013 in the three forms it is published in: Kaggle's csv, image folders, Parquet.

Source: Goodfellow et al., *Challenges in Representation Learning* (2013); the crowd votes of
the Parquet form are FER+ (Barsoum et al., 2016). The images are 48 x 48 gray.
"""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from data.errors import DatasetFormatError, DatasetNotFoundError
from data.types import EMOTIONS

Usage = Literal["Training", "PublicTest", "PrivateTest"]
SIDE = 48
VOTE_NAMES = (
    "neutral", "happiness", "surprise", "sadness", "anger",
    "disgust", "fear", "contempt", "unknown", "nf",
)  # fmt: skip
#: Kaggle's folder version names its classes in its own words and merges both test splits.
_FOLDER_NAMES = {
    "angry": 0, "anger": 0, "disgust": 1, "disgusted": 1, "fear": 2, "fearful": 2, "happy": 3,
    "sad": 4, "surprise": 5, "surprised": 5, "neutral": 6,
}  # fmt: skip
_FOLDER_SPLITS: dict[Usage, tuple[str, ...]] = {
    "Training": ("train", "Training"),
    "PublicTest": ("validation", "valid", "PublicTest"),
    "PrivateTest": ("test", "PrivateTest"),
}


@dataclass(frozen=True, slots=True)
class FerSplit:
    """One split of FER2013.

    Attributes:
        images: uint8 (n, 48, 48).
        labels: int64 (n,), indices into :data:`data.types.EMOTIONS`.
        usable: bool (n,), False where the pixels are a stand-in or no face was seen by the taggers.
        votes: uint8 (n, 10) FER+ votes in the order of :data:`VOTE_NAMES`, or None.
        dup_group: int64 (n,), equal and >= 0 for pixel-identical images, or None if unknown.
    """

    images: NDArray[np.uint8]
    labels: NDArray[np.int64]
    usable: NDArray[np.bool_]
    votes: NDArray[np.uint8] | None = None
    dup_group: NDArray[np.int64] | None = None

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, index: NDArray[np.int64] | NDArray[np.bool_]) -> FerSplit:
        """Return the rows chosen by ``index`` (integer positions or a mask)."""
        return FerSplit(
            self.images[index],
            self.labels[index],
            self.usable[index],
            None if self.votes is None else self.votes[index],
            None if self.dup_group is None else self.dup_group[index],
        )


def read_fer2013(path: Path, usage: Usage) -> FerSplit:
    """Read one split of FER2013.

    Args:
        path: ``fer2013.csv``, a folder with ``Training.parquet`` and its like, or a folder with
            one sub-folder per split and, in it, one per emotion. Kaggle's folder version has only
            ``train`` and ``test``: its ``test`` is returned as PrivateTest, every tenth picture of
            each emotion of ``train`` as PublicTest, and the others as Training.
        usage: which split.

    Raises:
        DatasetNotFoundError: if ``path`` or the split does not exist.
        DatasetFormatError: if a label, a picture or a column is not as published.
    """
    if not path.exists():
        raise DatasetNotFoundError(
            f"no FER2013 data at {path}: give fer2013.csv, or a folder of parquet or image files"
        )
    if path.is_file():
        return _read_csv(path, usage)
    if (path / f"{usage}.parquet").exists():
        return _read_parquet(path / f"{usage}.parquet")
    return _read_folders(path, usage)


def _checked(images: list[NDArray[np.uint8]], labels: list[int], origin: Path) -> FerSplit:
    if not images:
        raise DatasetNotFoundError(f"{origin} holds no picture of this split")
    y = np.asarray(labels, dtype=np.int64)
    if y.min() < 0 or y.max() >= len(EMOTIONS):
        raise DatasetFormatError(f"{origin}: label {int(y.max())} is not one of 0..6")
    return FerSplit(np.stack(images), y, np.ones(len(y), dtype=np.bool_))


def _read_csv(path: Path, usage: Usage) -> FerSplit:
    images: list[NDArray[np.uint8]] = []
    labels: list[int] = []
    with path.open(newline="", encoding="utf-8") as stream:
        reader = csv.DictReader(stream)
        names = {(n or "").strip(): n for n in reader.fieldnames or ()}
        if not {"emotion", "pixels", "Usage"} <= names.keys():
            raise DatasetFormatError(
                f"{path} needs columns emotion, pixels, Usage; has {sorted(names)}"
            )
        for row in reader:
            if row[names["Usage"]].strip() != usage:
                continue
            pixels = np.array(row[names["pixels"]].split(), dtype=np.int64)
            if pixels.size != SIDE * SIDE or pixels.min() < 0 or pixels.max() > 255:
                raise DatasetFormatError(
                    f"{path} line {reader.line_num}: expected {SIDE * SIDE} pixels of 0..255"
                )
            images.append(pixels.astype(np.uint8).reshape(SIDE, SIDE))
            labels.append(int(row[names["emotion"]]))
    return _checked(images, labels, path)


def _decode(data: bytes, origin: str) -> NDArray[np.uint8]:
    try:
        with Image.open(io.BytesIO(data)) as picture:
            pixels = np.asarray(picture.convert("L"), dtype=np.uint8)
    except OSError as exc:
        raise DatasetFormatError(f"{origin} is not a readable picture") from exc
    if pixels.shape != (SIDE, SIDE):
        raise DatasetFormatError(f"{origin} is {pixels.shape}, expected {(SIDE, SIDE)}")
    return pixels


def _read_folders(path: Path, usage: Usage) -> FerSplit:
    merged = _split_folder(path, "PublicTest") is None and usage != "PrivateTest"
    root = _split_folder(path, "Training" if merged else usage)
    if root is None:
        raise DatasetNotFoundError(
            f"{path} has no folder for {usage} (looked for {', '.join(_FOLDER_SPLITS[usage])})"
        )
    images: list[NDArray[np.uint8]] = []
    labels: list[int] = []
    for folder in sorted(p for p in root.iterdir() if p.is_dir()):
        if folder.name.lower() not in _FOLDER_NAMES:
            raise DatasetFormatError(f"{folder} is not named after an emotion of FER2013")
        for number, file in enumerate(sorted(folder.iterdir())):
            if merged and (number % 10 == 9) != (usage == "PublicTest"):
                continue
            images.append(_decode(file.read_bytes(), str(file)))
            labels.append(_FOLDER_NAMES[folder.name.lower()])
    return _checked(images, labels, root)


def _split_folder(path: Path, usage: Usage) -> Path | None:
    return next((path / n for n in _FOLDER_SPLITS[usage] if (path / n).is_dir()), None)


def _read_parquet(path: Path) -> FerSplit:
    import pyarrow.parquet as pq

    table = pq.read_table(path)
    missing = {"image", "label"} - set(table.column_names)
    if missing:
        raise DatasetFormatError(f"{path} lacks the columns {sorted(missing)}")
    images = [_decode(blob, f"{path} row {i}") for i, blob in enumerate(table["image"].to_pylist())]
    split = _checked(images, table["label"].to_pylist(), path)
    votes: NDArray[np.uint8] | None = None
    usable = split.usable
    if f"ferplus_{VOTE_NAMES[0]}" in table.column_names:
        votes = np.stack(
            [table[f"ferplus_{n}"].to_numpy().astype(np.uint8) for n in VOTE_NAMES], axis=1
        )
        usable = usable & (votes.argmax(axis=1) != VOTE_NAMES.index("nf"))
    if "lossless" in table.column_names:
        usable = usable & table["lossless"].to_numpy(zero_copy_only=False).astype(np.bool_)
    groups = (
        table["dup_group"].to_numpy().astype(np.int64)
        if "dup_group" in table.column_names
        else None
    )
    return FerSplit(split.images, split.labels, usable, votes, groups)
