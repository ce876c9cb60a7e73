"""From the frames of a request to an apparent expression, behind the inference gate."""

from __future__ import annotations

from collections.abc import Sequence

from api.errors import ExpressionUnavailableError
from api.metrics import count_expression
from api.params import Face
from api.state import Services
from data.types import EmotionScores


async def read_expression(running: Services, frames: Sequence[bytes], face: Face) -> EmotionScores:
    """Read the apparent expression of one moment.

    Raises:
        ExpressionUnavailableError: if no expression network is loaded.
        OverloadedError: if no slot came free in time.
        ImageError: if a picture cannot be used (``vision.errors``).
    """
    reader = running.engine.reader
    if reader is None:
        raise ExpressionUnavailableError(
            "no expression network is loaded here: state `mood=` instead of sending a picture"
        )
    scores = await running.gate.run(reader.read, frames, face=face)
    count_expression(scores)
    return scores
