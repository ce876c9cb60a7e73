"""Selfie bytes -> upright RGB or gray pixels, within limits checked before anything is decoded.

The format is told by the first bytes, never by a file name or a content type. Nothing is written
to disk.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image, JpegImagePlugin, PngImagePlugin, WebPImagePlugin

from vision.config import ImageLimits
from vision.errors import ImageTooLargeError, UnreadableImageError, UnsupportedImageError

Format: TypeAlias = Literal["jpeg", "png", "webp"]
RgbArray: TypeAlias = NDArray[np.uint8]

_ORIENTATION = 0x0112
#: Start of a scan of a JPEG (ITU-T T.81, B.1.1.3); within a scan's data, FF is followed by 00.
_SCAN = b"\xff\xda"
#: Encoders write about ten. A scan of sixty bytes can cost as much as a whole picture, so that a
#: file of some megabytes would be decoded for minutes.
_MAX_SCANS = 64
#: EXIF orientation -> the transposition that turns the picture upright (Exif 2.32, 4.6.4).
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
#: What Pillow's readers raise on broken bytes, depending on where the break is.
_BROKEN = (
    OSError,
    SyntaxError,
    ValueError,
    TypeError,
    IndexError,
    KeyError,
    EOFError,
    struct.error,
)
#: The readers are used directly: ``Image.open`` would guess among 40 formats and warn about large
#: pictures before our own limit is looked at.
_READERS: dict[Format, Callable[[io.BytesIO], Image.Image]] = {
    "jpeg": JpegImagePlugin.JpegImageFile,
    "png": PngImagePlugin.PngImageFile,
    "webp": WebPImagePlugin.WebPImageFile,
}


@dataclass(frozen=True, slots=True)
class Photo:
    """A decoded picture.

    Attributes:
        pixels: uint8 (H, W, 3) RGB, or (H, W) gray where that was asked for; upright, longest side
            within ``ImageLimits.longest_side``.
        scale: upright pixels of the original per pixel of ``pixels``, >= 1.
    """

    pixels: NDArray[np.uint8]
    scale: float


def sniff_format(data: bytes) -> Format | None:
    """Return the format that the first bytes belong to, or None if Attune does not take it."""
    if data.startswith(b"\xff\xd8\xff"):
        return "jpeg"
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "png"
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "webp"
    return None


def decode_image(data: bytes, limits: ImageLimits) -> RgbArray:
    """Return upright RGB pixels, uint8 (H, W, 3); see :func:`decode_photo`."""
    return decode_photo(data, limits).pixels


def decode_photo(data: bytes, limits: ImageLimits, *, gray: bool = False) -> Photo:
    """Decode one JPEG, PNG or WebP picture.

    The EXIF turn is applied, transparency is laid on white, 16-bit grays are scaled to 8 bits, and
    of an animation the first frame is taken. Pictures with a side above ``limits.longest_side``
    come back reduced; large JPEGs are decoded at reduced size at once.

    Args:
        data: the file.
        limits: what it may take.
        gray: gray levels (ITU-R BT.601) instead of RGB: less than half the time for a JPEG, whose
            colours are stored apart.

    Raises:
        ImageTooLargeError: if there are too many bytes or pixels.
        UnsupportedImageError: if the bytes are of no format taken.
        UnreadableImageError: if the picture is broken or cut off.
    """
    if len(data) > limits.max_bytes:
        raise ImageTooLargeError(
            f"the picture has {len(data)} bytes, allowed are {limits.max_bytes}: send a smaller one"
        )
    kind = sniff_format(data)
    if kind is None:
        raise UnsupportedImageError("the picture is not JPEG, PNG or WebP: send one of these")
    try:
        _check_pixels(_webp_size(data) if kind == "webp" else None, limits)
        with _READERS[kind](io.BytesIO(data)) as picture:
            _check_pixels(picture.size, limits)
            if kind == "jpeg":
                _check_scans(data)
            return _upright(picture, limits.longest_side, gray)
    except _BROKEN as exc:
        raise UnreadableImageError(
            f"the {kind} picture is broken or cut off: send it again"
        ) from exc


def _check_pixels(size: tuple[int, int] | None, limits: ImageLimits) -> None:
    if size is not None and size[0] * size[1] > limits.max_pixels:
        raise ImageTooLargeError(
            f"the picture is {size[0]} x {size[1]}, the limit is {limits.max_pixels} pixels: "
            "send a smaller one"
        )


def _check_scans(data: bytes) -> None:
    scans = data.count(_SCAN)
    if scans > _MAX_SCANS:
        raise UnreadableImageError(
            f"the JPEG is cut into {scans} scans, the limit is {_MAX_SCANS}: save it anew"
        )


def _webp_size(data: bytes) -> tuple[int, int]:
    """Read a WebP canvas size from its header (RFC 9649, 2.5-2.7).

    Pillow's reader allocates the whole canvas on opening, so the size must be known before.
    """
    head = data[12:30]
    if head[:4] == b"VP8X":
        return (
            1 + int.from_bytes(head[12:15], "little"),
            1 + int.from_bytes(head[15:18], "little"),
        )
    if head[:4] == b"VP8L":
        bits = int.from_bytes(head[9:13], "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    width, height = struct.unpack("<HH", head[14:18])
    return width & 0x3FFF, height & 0x3FFF


def _upright(picture: Image.Image, longest: int, gray: bool) -> Photo:
    width = picture.width
    # JPEG only: decode at 1/2, 1/4 or 1/8, and without colours.
    picture.draft("L" if gray else None, _within(picture.size, longest))
    picture.load()
    turn = _UPRIGHT.get(_orientation(picture))
    plain = _plain(_thinned(picture, 2 * longest), gray)
    if longest < max(plain.size):
        plain = plain.resize(_within(plain.size, longest), Image.Resampling.BOX)
    scale = width / plain.width
    if turn is not None:
        plain = plain.transpose(turn)
    return Photo(np.ascontiguousarray(np.asarray(plain, dtype=np.uint8)), scale)


def _within(size: tuple[int, int], longest: int) -> tuple[int, int]:
    """Return ``size`` reduced so that its longest side is at most ``longest``."""
    ratio = min(1.0, longest / max(size))
    return max(1, round(size[0] * ratio)), max(1, round(size[1] * ratio))


def _thinned(picture: Image.Image, longest: int) -> Image.Image:
    """Drop rows and columns of a huge picture in its own mode.

    Converting it whole would take several times the memory it has already.
    """
    if longest >= max(picture.size) or picture.mode in {"RGB", "L"}:
        return picture
    return picture.resize(_within(picture.size, longest), Image.Resampling.NEAREST)


def _orientation(picture: Image.Image) -> int:
    try:
        return int(picture.getexif().get(_ORIENTATION, 1))
    except _BROKEN:
        return 1  # broken EXIF is no reason to refuse intact pixels


def _plain(picture: Image.Image, gray: bool) -> Image.Image:
    if not gray:
        return _to_rgb(picture)
    opaque = picture.mode == "L" and not picture.has_transparency_data
    return picture if opaque else _to_rgb(picture).convert("L")


def _to_rgb(picture: Image.Image) -> Image.Image:
    if picture.mode.startswith("I"):  # 16-bit gray; Pillow's own conversion clips at 255
        levels = np.asarray(picture).astype(np.int64)
        return Image.fromarray(((levels + 128) // 257).clip(0, 255).astype(np.uint8)).convert("RGB")
    if picture.has_transparency_data:
        layer = picture.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", layer.size, "white"), layer).convert("RGB")
    return picture.convert("RGB")
