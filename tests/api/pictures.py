"""Small pictures made on the spot; none shows anybody."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
from PIL import Image

#: A run of bytes that occurs nowhere else; put into pictures to look for afterwards.
MARKER = b"att-picture-marker-7f3a91c4e2"


def noise(height: int = 60, width: int = 80) -> Image.Image:
    pixels = np.random.default_rng(3).integers(0, 255, (height, width, 3), dtype=np.uint8)
    return Image.fromarray(pixels)


def encoded(image: Image.Image, kind: str = "JPEG", **options: object) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def jpeg() -> bytes:
    return encoded(noise(), comment=MARKER)


def padded_jpeg(size: int) -> bytes:
    """A decodable JPEG of ``size`` bytes: what follows its end is passed over."""
    picture = jpeg()
    return picture + MARKER * ((size - len(picture)) // len(MARKER))


def rotated_jpeg() -> bytes:
    image = noise(60, 80)
    exif = Image.Exif()
    exif[0x0112] = 6
    return encoded(image, exif=exif)


def cmyk_jpeg() -> bytes:
    return encoded(noise().convert("CMYK"))


def vast_png(side: int = 20_000) -> bytes:
    """A PNG whose header promises ``side`` x ``side`` pixels, in a few kilobytes."""
    rows = zlib.compress(b"\x00" * (side // 8 + 1) * 100)

    def chunk(kind: bytes, data: bytes) -> bytes:
        checksum = struct.pack(">I", zlib.crc32(kind + data))
        return struct.pack(">I", len(data)) + kind + data + checksum

    header = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    signature = b"\x89PNG\r\n\x1a\n"
    return signature + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")
