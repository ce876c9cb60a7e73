"""The first answers of an engine that was just loaded, before anybody waits for them.

First calls are slower, and files that agree with their manifest may still not make an engine that
answers: both are met here rather than by a listener.
"""

from __future__ import annotations

import math

from data.errors import BundleCorruptError
from data.types import Mood, UserHistory
from recommender.engine import Engine
from recommender.query import Query

#: Songs of the history that is asked with: enough for every part that learns from one.
_SONGS = 5


def warm_up(engine: Engine) -> None:
    """Answer for a listener with a history and for one without, and run the expression network.

    Raises:
        BundleCorruptError: if an answer is empty, or its numbers are none.
    """
    if engine.reader is not None and not engine.reader.warm_up():
        raise BundleCorruptError("the expression network gives no probabilities: publish again")
    if engine.pipeline is None:
        return
    ids = tuple(engine.pipeline.model.catalogue.ids)
    played = ids[:_SONGS]
    known = UserHistory("", True, played, (1.0,) * len(played))
    query = Query("", n=min(20, len(ids)), stated=Mood(0.5, 0.5), exclude_heard=False)
    for history in (UserHistory(""), known):
        songs = engine.recommend(query, history).songs
        if not songs or not all(math.isfinite(song.score) for song in songs):
            raise BundleCorruptError("the model ranks no songs: train and publish again")
