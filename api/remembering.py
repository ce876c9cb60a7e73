"""The emotion history: off unless the operator keeps one and the request asks for it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from api.schemas import EmotionOut
from api.state import Services
from data.db.repositories import EmotionRepository
from data.errors import InvalidParameterError
from data.moods import nearest_emotion
from data.settings import Settings
from data.types import Mood


def check_remember(settings: Settings, remember: bool) -> None:
    """Refuse to be asked for what this installation does not do.

    Raises:
        InvalidParameterError: if no history is kept here.
    """
    if remember and not settings.emotion_history_days:
        raise InvalidParameterError(
            "remember",
            "this service keeps no emotion history: leave `remember` out "
            "(an operator turns it on by ATTUNE_EMOTION_HISTORY_DAYS)",
        )


def remember_emotion(
    running: Services, user: str, emotion: EmotionOut | None, stated: Mood | None
) -> None:
    """Keep what was read or stated until it expires.

    Args:
        running: says for how many days.
        user: whose history it is.
        emotion: of the answer; nothing is kept where there is none.
        stated: the point of the mood plane, which has no word of its own.
    """
    label = None if emotion is None else emotion.label
    if label is None and stated is not None:
        label = nearest_emotion(stated.valence, stated.arousal)
    if emotion is None or label is None:
        return
    now = datetime.now(UTC)
    expires = now + timedelta(days=running.settings.emotion_history_days)
    with running.database.session() as session:
        EmotionRepository(session).add(
            user, label, emotion.confidence, emotion.source, now, expires
        )
