"""Answers as JSON text, with the text of a song kept between requests.

An answer has twenty songs, and the same songs are in many answers: to check and write each of them
anew took a third of a request. The models of :mod:`api.schemas` stay what says how an answer
looks; the tests read these texts back by them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import orjson
from starlette.responses import Response

from api.schemas import RecommendationOut, SongMood, SongOut
from data.types import Song
from recommender.query import RankedSong

#: Texts kept at most; about half a kilobyte each.
MOST_TEXTS = 50_000


class SongTexts:
    """The JSON text of songs, as :class:`api.schemas.SongOut` has it; safe to share.

    A text is kept with the row and the mood that it was made of, and is made anew when either is
    another: rows come from :class:`api.song_rows.SongRows`, which keeps them.
    """

    def __init__(self) -> None:
        self._kept: dict[str, tuple[Song, SongMood | None, orjson.Fragment]] = {}

    def of(self, song: Song, predicted: SongMood | None) -> orjson.Fragment:
        """Return the text of one song.

        Args:
            song: its row.
            predicted: its mood by the model, where the row has none.
        """
        kept = self._kept.get(song.id)
        if kept is not None and kept[0] is song and kept[1] == predicted:
            return kept[2]
        text = SongOut.from_song(song, predicted).model_dump_json()
        fragment = orjson.Fragment(text.encode())
        if len(self._kept) >= MOST_TEXTS:
            self._kept.clear()
        self._kept[song.id] = (song, predicted, fragment)
        return fragment


def items_of(
    ranked: Sequence[RankedSong], songs: Sequence[orjson.Fragment]
) -> list[Mapping[str, Any]]:
    """Return the items of an answer, as :class:`api.schemas.ItemOut` has them."""
    return [
        {
            "rank": one.rank,
            "song": song,
            "score": one.score,
            "reasons": [{"kind": r.kind, "weight": r.weight, "text": r.text} for r in one.reasons],
        }
        for one, song in zip(ranked, songs, strict=True)
    ]


def rendered(answer: RecommendationOut, items: Sequence[Mapping[str, Any]]) -> Response:
    """Return the response of an answer.

    Args:
        answer: without its items.
        items: of :func:`items_of`.
    """
    content = {**answer.model_dump(), "items": items}
    return Response(orjson.dumps(content), media_type="application/json")
