"""Which requests a scenario sends: real listeners in turn, with and without a mood or a picture."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from urllib.parse import quote

import numpy as np

#: Every other request states no mood; the others take turns.
MOODS = ("happy", "-0.4,0.5", "sad", "0.3,-0.6", "angry", "0.7,0.2")
PHOTOS = 4


class Scenario(StrEnum):
    """What is asked, and how hard.

    ``overload`` and ``overload-selfie`` send a multiple of what the service managed, whatever
    comes back.
    """

    recommend = "recommend"
    selfie = "selfie"
    overload = "overload"
    overload_selfie = "overload-selfie"

    @property
    def base(self) -> Scenario:
        """The scenario whose requests this one sends."""
        return Scenario.selfie if "selfie" in self.value else Scenario.recommend

    @property
    def is_overload(self) -> bool:
        """Whether the rate is fixed rather than the number of clients."""
        return self is not self.base


def paths_of(scenario: Scenario, users: Sequence[str], seed: int = 0) -> tuple[str, ...]:
    """Return the targets: every listener in turn, in an order drawn once, in some rounds.

    Every other request of a listener states a mood, each time another.
    """
    order = np.random.default_rng(seed).permutation(len(users)).tolist()
    if scenario.base is Scenario.selfie:
        return tuple(f"/recommend?user={quote(users[i])}&consent=true" for i in order)
    found = []
    for turn in range(2 * len(MOODS)):
        for number, i in enumerate(order, start=turn):
            mood = f"&mood={MOODS[number // 2 % len(MOODS)]}" if number % 2 else ""
            found.append(f"/recommend?user={quote(users[i])}{mood}")
    return tuple(found)


def write_photos(folder: Path, selfie: Path | None) -> tuple[str, ...]:
    """Write the pictures that are sent, 1280 x 720 JPEG; return their paths.

    Args:
        folder: where to.
        selfie: a photo with a face; None draws some.

    Raises:
        ImageError: if the photo cannot be read.
    """
    from vision.config import ImageLimits
    from vision.drawn_photo import drawn_photo, fitted_photo
    from vision.images import decode_image

    if selfie is None:
        pictures = [drawn_photo(seed) for seed in range(PHOTOS)]
    else:
        pictures = [fitted_photo(decode_image(selfie.read_bytes(), ImageLimits()))]
    files = []
    for number, picture in enumerate(pictures):
        file = folder / f"selfie-{number}.jpg"
        file.write_bytes(picture)
        files.append(str(file))
    return tuple(files)
