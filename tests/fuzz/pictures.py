"""Decoding of pictures, with the limits of a real service."""

from __future__ import annotations

import io
import warnings

import numpy as np
from PIL import Image

from data.errors import ImageError
from tests.api.pictures import cmyk_jpeg, encoded, jpeg, noise, rotated_jpeg, vast_png
from tests.fuzz.target import Target
from vision.config import ImageLimits
from vision.images import decode_photo

LIMITS = ImageLimits()


def seeds() -> list[bytes]:
    """Every kind that is taken, and GIF, BMP and TIFF, which are not."""
    small = noise(24, 32)
    gray = Image.fromarray(np.arange(24 * 32, dtype=np.uint16).reshape(24, 32) * 80)
    clear = small.convert("RGBA")
    clear.putalpha(99)
    return [
        jpeg(), rotated_jpeg(), cmyk_jpeg(), vast_png(), encoded(small, progressive=True),
        encoded(small.convert("L")), encoded(small, "PNG"), encoded(clear, "PNG"),
        encoded(small.convert("P"), "PNG", transparency=3), encoded(gray, "PNG"),
        encoded(small.convert("1"), "PNG"), encoded(small, "PNG", icc_profile=b"x" * 200),
        encoded(small, "WEBP"), encoded(clear, "WEBP", lossless=True), _film(), _moving_png(),
        encoded(small.convert("P"), "GIF"), encoded(small, "BMP"), encoded(small, "TIFF"),
        encoded(small, exif=b"Exif\x00\x00II*\x00\x08\x00\x00\x00\x01\x00\x12\x01\x03\x00"),
    ]  # fmt: skip


def _film() -> bytes:
    stream = io.BytesIO()
    noise(24, 32).save(stream, "WEBP", save_all=True, append_images=[noise(24, 32).rotate(90)])
    return stream.getvalue()


def _moving_png() -> bytes:
    stream = io.BytesIO()
    noise(24, 32).save(stream, "PNG", save_all=True, append_images=[noise(24, 32).rotate(180)])
    return stream.getvalue()


def check(data: bytes) -> None:
    """Decode in gray or colour; what comes out is within the limits."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow warns of odd EXIF; nobody would see it
        photo = decode_photo(data, LIMITS, gray=len(data) % 2 == 0)
    assert photo.pixels.dtype == np.uint8
    assert max(photo.pixels.shape[:2]) <= LIMITS.longest_side
    assert photo.pixels.ndim == (2 if len(data) % 2 == 0 else 3)


TARGETS = (
    Target(
        "image",
        seeds,
        check,
        (b"IHDR", b"IDAT", b"iCCP", b"zTXt", b"eXIf", b"acTL", b"fcTL", b"\xff\xd8\xff\xe1",
         b"\xff\xda", b"\xff\xc0", b"\xff\xc2", b"\xff\xdd", b"VP8X", b"VP8L", b"VP8 ", b"ANIM",
         b"ANMF", b"ALPH"),
        (ImageError,),
    ),
)  # fmt: skip
