"""Small pictures made in memory, and a tiny network in the exported form."""

from __future__ import annotations

import io
import json
import struct
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

from data.types import EMOTIONS


def encoded(picture: Image.Image, kind: str, **options: Any) -> bytes:
    """The bytes of ``picture`` as a file of ``kind``."""
    stream = io.BytesIO()
    picture.save(stream, kind, **options)
    return stream.getvalue()


def split_picture(mode: str = "RGB", size: tuple[int, int] = (64, 48)) -> Image.Image:
    """Left half red, right half blue: tells apart every turn and mirror."""
    picture = Image.new("RGB", size, "red")
    picture.paste("blue", (size[0] // 2, 0, size[0], size[1]))
    return picture.convert(mode)


def animated(kind: str) -> bytes:
    """Two frames, red then blue."""
    frames = [Image.new("RGB", (32, 32), colour) for colour in ("red", "blue")]
    options = {"lossless": True} if kind == "WEBP" else {}
    return encoded(
        frames[0], kind, save_all=True, append_images=frames[1:], duration=100, **options
    )


def png_of_claimed_size(width: int, height: int) -> bytes:
    """A valid PNG header of any size followed by next to no pixels."""

    def chunk(name: bytes, body: bytes) -> bytes:
        return (
            struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
        )

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    pixels = zlib.compress(bytes(4096))
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")
    )


def textures(seed: int = 0) -> dict[str, NDArray[np.uint8]]:
    """Pictures without a face, of the kinds that cascades like to see faces in."""
    rng = np.random.default_rng(seed)
    row, column = np.mgrid[:360, :480]
    gray = {
        "noise": rng.integers(0, 256, (360, 480)),
        "checks": (row // 24 + column // 24) % 2 * 255,
        "stripes": column // 12 % 2 * 255,
        "gradient": column * 255 // 480,
        "rings": 127 + 127 * np.sin(np.hypot(row - 180, column - 240) / 9),
        "black": np.zeros((360, 480)),
        "clouds": _clouds(rng),
    }
    return {
        name: np.repeat(levels.astype(np.uint8)[..., None], 3, axis=2)
        for name, levels in gray.items()
    }


def _clouds(rng: np.random.Generator) -> NDArray[np.float64]:
    """1/f noise scaled to 0..255."""
    down, across = np.fft.fftfreq(360)[:, None], np.fft.rfftfreq(480)[None]
    spectrum = np.fft.rfft2(rng.normal(size=(360, 480)))
    levels = np.fft.irfft2(spectrum / np.maximum(np.hypot(down, across), 1 / 480), s=(360, 480))
    return np.asarray((levels - levels.min()) / (levels.max() - levels.min()) * 255)


def write_network(
    folder: Path, inputs: Sequence[str] = ("gray",), **card: Any
) -> tuple[Path, Path]:
    """A linear network whose weights are drawn from a fixed seed, with its card."""
    weights = np.random.default_rng(5).normal(0, 0.001, (48 * 48, 7)).astype(np.float32)
    shape = numpy_helper.from_array(np.array([-1, 48 * 48], dtype=np.int64), "shape")
    graph = helper.make_graph(
        [
            helper.make_node("Reshape", ["gray", "shape"], ["flat"]),
            helper.make_node("MatMul", ["flat", "weights"], ["logits"]),
        ],
        "tiny",
        [helper.make_tensor_value_info(n, TensorProto.FLOAT, ["n", 48, 48, 1]) for n in inputs],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["n", 7])],
        [shape, numpy_helper.from_array(weights, "weights")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 15)], ir_version=8)
    network, path = folder / "emotion.onnx", folder / "emotion.json"
    onnx.save(model, network)
    path.write_text(json.dumps({"labels": EMOTIONS, **card}), encoding="utf-8")
    return network, path
