"""Decoding: formats, limits, turns, colour modes."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from tests.vision.pictures import animated, encoded, png_of_claimed_size, split_picture
from vision.config import ImageLimits
from vision.errors import ImageTooLargeError, UnreadableImageError, UnsupportedImageError
from vision.images import decode_image, decode_photo, sniff_format

LIMITS = ImageLimits()
RED, BLUE, WHITE = (255, 0, 0), (0, 0, 255), (255, 255, 255)


def near(pixel: np.ndarray, colour: tuple[int, int, int], tolerance: int = 12) -> bool:
    return bool(np.abs(pixel.astype(int) - colour).max() <= tolerance)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_the_three_formats_decode_to_rgb(kind: str) -> None:
    rgb = decode_image(encoded(split_picture(), kind), LIMITS)
    assert rgb.shape == (48, 64, 3)
    assert rgb.dtype == np.uint8
    assert near(rgb[24, 8], RED)
    assert near(rgb[24, 56], BLUE)


@pytest.mark.parametrize("kind", ["GIF", "BMP", "TIFF", "PPM", "ICO"])
def test_other_formats_are_unsupported(kind: str) -> None:
    with pytest.raises(UnsupportedImageError, match="JPEG, PNG or WebP"):
        decode_image(encoded(split_picture(), kind), LIMITS)


@pytest.mark.parametrize(
    "data", [b"", b"not a picture, though named .jpg", b"%PDF-1.7", b"\xff\xd8", b"RIFF0000WAVE"]
)
def test_other_bytes_are_unsupported(data: bytes) -> None:
    with pytest.raises(UnsupportedImageError):
        decode_image(data, LIMITS)


def test_an_animated_gif_is_unsupported() -> None:
    with pytest.raises(UnsupportedImageError):
        decode_image(animated("GIF"), LIMITS)


@pytest.mark.parametrize("kind", ["WEBP", "PNG"])
def test_the_first_frame_of_an_animation_is_taken(kind: str) -> None:
    rgb = decode_image(animated(kind), LIMITS)
    assert rgb.shape == (32, 32, 3)
    assert near(rgb[16, 16], RED)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_a_cut_off_picture_is_unreadable(kind: str, share: float) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (120, 160, 3), dtype=np.uint8)
    data = encoded(Image.fromarray(noise), kind)
    with pytest.raises(UnreadableImageError, match="broken or cut off"):
        decode_image(data[: int(len(data) * share)], LIMITS)


@pytest.mark.parametrize(
    "data",
    [
        b"\xff\xd8\xff\xe0 and then text",
        b"\x89PNG\r\n\x1a\n and then text",
        b"RIFF\x10\x00\x00\x00WEBPVP8 ",
        b"RIFF\x10\x00\x00\x00WEBPjunk" + bytes(30),
    ],
)
def test_bytes_that_only_start_like_a_picture_are_unreadable(data: bytes) -> None:
    with pytest.raises(UnreadableImageError):
        decode_image(data, LIMITS)


def test_too_many_bytes_are_refused_before_their_content_is_looked_at() -> None:
    with pytest.raises(ImageTooLargeError, match="11 bytes"):
        decode_image(b"hello world", ImageLimits(max_bytes=10))


def test_a_small_file_of_a_huge_picture_is_refused() -> None:
    data = png_of_claimed_size(20_000, 20_000)
    assert len(data) < 4096
    with pytest.raises(ImageTooLargeError, match="20000 x 20000"):
        decode_image(data, LIMITS)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("lossless", [False, True])
def test_the_pixel_limit_is_exact(kind: str, lossless: bool) -> None:
    options = {"lossless": lossless} if kind == "WEBP" else {}
    data = encoded(split_picture(size=(100, 70)), kind, **options)
    assert decode_image(data, ImageLimits(max_pixels=7000)).shape == (70, 100, 3)
    with pytest.raises(ImageTooLargeError, match="100 x 70"):
        decode_image(data, ImageLimits(max_pixels=6999))


def test_the_canvas_of_an_animated_webp_counts() -> None:
    with pytest.raises(ImageTooLargeError, match="32 x 32"):
        decode_image(animated("WEBP"), ImageLimits(max_pixels=1000))


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_exif_turn_is_applied(kind: str, orientation: int) -> None:
    upright = split_picture()
    undo = {2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}  # Image.Transpose that EXIF turns back
    stored = upright if orientation == 1 else upright.transpose(Image.Transpose(undo[orientation]))
    exif = Image.Exif()
    exif[0x0112] = orientation
    rgb = decode_image(encoded(stored, kind, exif=exif.tobytes()), LIMITS)
    assert rgb.shape == (48, 64, 3)
    assert near(rgb[24, 8], RED)
    assert near(rgb[24, 56], BLUE)


@pytest.mark.filterwarnings("ignore:.*EXIF data:UserWarning")
def test_broken_exif_does_not_spoil_the_picture() -> None:
    data = encoded(split_picture(), "JPEG", exif=b"Exif\x00\x00II*\x00garbage")
    assert decode_image(data, LIMITS).shape == (48, 64, 3)


def test_cmyk_decodes() -> None:
    rgb = decode_image(encoded(split_picture("CMYK"), "JPEG"), LIMITS)
    assert near(rgb[24, 8], RED)
    assert near(rgb[24, 56], BLUE)


def test_sixteen_bit_grays_are_scaled_not_clipped() -> None:
    levels = np.array([[0, 257, 32896, 65535]], dtype=np.uint16)
    rgb = decode_image(encoded(Image.fromarray(levels), "PNG"), LIMITS)
    assert rgb[0, :, 0].tolist() == [0, 1, 128, 255]


@pytest.mark.parametrize("mode", ["L", "1", "P"])
def test_few_colours_decode(mode: str) -> None:
    rgb = decode_image(encoded(split_picture(mode), "PNG"), LIMITS)
    assert rgb.shape == (48, 64, 3)
    assert (rgb[24, 8] != rgb[24, 56]).any()


@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
def test_transparency_is_laid_on_white(kind: str) -> None:
    picture = Image.new("RGBA", (32, 32), (0, 0, 0, 0))
    picture.paste((255, 0, 0, 255), (0, 0, 16, 32))
    rgb = decode_image(
        encoded(picture, kind, **({"lossless": True} if kind == "WEBP" else {})), LIMITS
    )
    assert near(rgb[16, 4], RED)
    assert near(rgb[16, 28], WHITE)


def test_transparent_palette_and_gray_are_laid_on_white() -> None:
    palette = Image.new("P", (4, 4), 0)
    palette.putpalette([0, 0, 0, 255, 0, 0])
    assert near(decode_image(encoded(palette, "PNG", transparency=0), LIMITS)[0, 0], WHITE)
    gray = Image.new("LA", (4, 4), (0, 0))
    assert near(decode_image(encoded(gray, "PNG"), LIMITS)[0, 0], WHITE)


def test_one_pixel_decodes() -> None:
    photo = decode_photo(encoded(Image.new("RGB", (1, 1), "blue"), "PNG"), LIMITS)
    assert photo.pixels.tolist() == [[[0, 0, 255]]]
    assert photo.scale == 1.0


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_large_pictures_come_back_reduced_with_their_scale(kind: str) -> None:
    data = encoded(split_picture(size=(2000, 1500)), kind)
    photo = decode_photo(data, ImageLimits(longest_side=500))
    assert photo.pixels.shape == (375, 500, 3)
    assert photo.scale == pytest.approx(4.0)
    assert near(photo.pixels[187, 50], RED)
    assert near(photo.pixels[187, 450], BLUE)


def test_a_very_narrow_picture_keeps_one_pixel() -> None:
    photo = decode_photo(encoded(Image.new("RGB", (3000, 1)), "PNG"), ImageLimits(longest_side=100))
    assert photo.pixels.shape == (1, 100, 3)


def test_the_format_is_told_by_the_bytes() -> None:
    kinds = {k: sniff_format(encoded(split_picture(), k)) for k in ("JPEG", "PNG", "WEBP", "GIF")}
    assert kinds == {"JPEG": "jpeg", "PNG": "png", "WEBP": "webp", "GIF": None}


def test_a_multi_picture_jpeg_of_a_phone_decodes() -> None:
    stream = io.BytesIO()
    split_picture().save(stream, "MPO", save_all=True, append_images=[Image.new("RGB", (64, 48))])
    assert near(decode_image(stream.getvalue(), LIMITS)[24, 8], RED)


@pytest.mark.parametrize("mode", ["RGBA", "P", "I;16"])
def test_a_huge_picture_of_any_mode_is_thinned_before_it_is_converted(mode: str) -> None:
    if mode == "I;16":
        picture = Image.fromarray(np.full((300, 400), 65535 // 2, dtype=np.uint16))
        expected = (128, 128, 128)
    else:
        picture = Image.new("RGBA", (400, 300), (200, 0, 0, 255))
        picture = picture.quantize(4) if mode == "P" else picture
        expected = (200, 0, 0)
    stream = io.BytesIO()
    picture.save(stream, "PNG")
    photo = decode_photo(stream.getvalue(), ImageLimits(longest_side=64))
    assert photo.pixels.shape == (48, 64, 3)
    assert photo.scale == pytest.approx(400 / 64)
    np.testing.assert_allclose(photo.pixels.reshape(-1, 3), [expected] * (48 * 64), atol=1)


@pytest.mark.parametrize(
    ("kind", "mode"),
    [("JPEG", "RGB"), ("JPEG", "L"), ("JPEG", "CMYK"), ("PNG", "RGB"), ("PNG", "L"),
     ("PNG", "RGBA"), ("WEBP", "RGB"), ("WEBP", "RGBA")],
)  # fmt: skip
@pytest.mark.parametrize("longest", [64, 20])
def test_gray_is_what_the_colours_would_give(kind: str, mode: str, longest: int) -> None:
    row, column = np.mgrid[:48, :64]
    levels = np.stack([4 * column, 5 * row, 255 - 4 * column], axis=2).astype(np.uint8)
    data = encoded(Image.fromarray(levels).convert(mode), kind)
    limits = ImageLimits.model_construct(**{**LIMITS.model_dump(), "longest_side": longest})
    gray, rgb = decode_photo(data, limits, gray=True), decode_photo(data, limits)
    assert gray.pixels.shape == rgb.pixels.shape[:2]
    assert gray.scale == rgb.scale
    weighted = rgb.pixels @ np.array([0.299, 0.587, 0.114])
    assert np.abs(gray.pixels - weighted).mean() < 3


@pytest.mark.parametrize("orientation", [3, 6, 8])
def test_gray_pictures_are_turned_too(orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = encoded(split_picture(), "JPEG", exif=exif.tobytes())
    gray, rgb = decode_photo(data, LIMITS, gray=True), decode_photo(data, LIMITS)
    assert np.abs(gray.pixels - rgb.pixels @ np.array([0.299, 0.587, 0.114])).mean() < 3


def test_transparent_gray_is_laid_on_white() -> None:
    data = encoded(Image.new("LA", (4, 4), (0, 0)), "PNG")
    assert (decode_photo(data, LIMITS, gray=True).pixels == 255).all()


def test_a_wide_jpeg_is_decoded_reduced_but_never_below_the_limit() -> None:
    data = encoded(split_picture(size=(1280, 400)), "JPEG")
    for longest in (1280, 700, 640, 200):
        photo = decode_photo(data, ImageLimits(longest_side=longest), gray=True)
        assert photo.pixels.shape[1] == longest
        assert photo.scale == pytest.approx(1280 / longest)
