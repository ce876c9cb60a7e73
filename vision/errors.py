"""Why a picture could not be read as an expression.

The tree, under ``data.errors.ImageError``::

    ImageError
    ├── UnsupportedImageError    the bytes are not JPEG, PNG or WebP
    ├── UnreadableImageError     they claim to be, but are broken or cut off
    ├── ImageTooLargeError       more bytes or pixels than the limits allow
    ├── NoFaceError              no face was found in any frame
    └── MultipleFacesError       several faces where exactly one was asked for
"""

from __future__ import annotations

from data.errors import ImageError

__all__ = [
    "ImageTooLargeError",
    "MultipleFacesError",
    "NoFaceError",
    "UnreadableImageError",
    "UnsupportedImageError",
]


class UnsupportedImageError(ImageError):
    """The bytes are not a JPEG, PNG or WebP picture, whatever their name or content type says."""


class UnreadableImageError(ImageError):
    """The picture starts like one but is broken or cut off."""


class ImageTooLargeError(ImageError):
    """The picture has more bytes or pixels than allowed; nothing of it was decoded."""


class NoFaceError(ImageError):
    """No face was found in any of the frames."""


class MultipleFacesError(ImageError):
    """Several faces were found where exactly one was asked for.

    Attributes:
        faces: how many were found.
    """

    def __init__(self, faces: int) -> None:
        super().__init__(
            f"{faces} faces were found and face=only was asked for: send a picture of one person, "
            "or use face=largest"
        )
        self.faces = faces
