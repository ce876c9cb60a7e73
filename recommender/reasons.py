"""Reasons in words, taken from the evidence that moved a song up."""

from __future__ import annotations

import numpy as np

from data.types import FloatArray
from recommender.catalogue import Catalogue
from recommender.model import RecommenderModel
from recommender.query import MoodTarget, Reason, ReasonKind
from recommender.stages import Context, ItemList

#: A part with a smaller share of the positive evidence is not worth a sentence.
MIN_SHARE = 0.1


def explain(model: RecommenderModel, items: ItemList, row: int, context: Context) -> list[Reason]:
    """Return the reasons for one row, strongest first; weights are shares of what spoke for it."""
    positive = {k: max(0.0, float(v[row])) for k, v in items.evidence.items()}
    total = sum(positive.values())
    song = int(items.songs[row])
    reasons: list[Reason] = []
    for kind, value in sorted(positive.items(), key=lambda kv: -kv[1]):
        if total and value / total >= MIN_SHARE:
            text = _sentence(model, kind, song, context)
            reasons.append(Reason(kind, round(value / total, 3), text))
    return reasons


def _sentence(model: RecommenderModel, kind: ReasonKind, song: int, context: Context) -> str:
    if kind == "mood" and context.target is not None:
        return _mood_sentence(model.catalogue.moods[song], context.target)
    if kind == "collaborative":
        source = _strongest(model.collaborative.influences(context, song), context)
        known = None if source is None else _name(model.catalogue, source)
        return f"Played by listeners of {known or 'your songs'}"
    if kind == "content":
        return _content_sentence(model, song, context)
    count = model.popularity.listeners(song)
    return f"Played by {count} listener{'s' * (count != 1)}"


def _content_sentence(model: RecommenderModel, song: int, context: Context) -> str:
    catalogue = model.catalogue
    source = _strongest(model.content.influences(context, song), context)
    if source is None:
        return "Close to what you play"
    if catalogue.artist_codes[source] == catalogue.artist_codes[song]:
        return f"More by {catalogue.artists[song]}, whom you play"
    return f"Close in words and style to {_name(catalogue, source)}"


def _strongest(influences: FloatArray | None, context: Context) -> int | None:
    if influences is None or not len(influences) or not float(influences.max()) > 0:
        return None
    return int(context.songs[int(np.argmax(influences))])


def _name(catalogue: Catalogue, song: int) -> str:
    return f"“{catalogue.titles[song]}” by {catalogue.artists[song]}"


def _mood_sentence(mood: FloatArray, target: MoodTarget) -> str:
    valence, arousal = (float(v) for v in mood)
    words = [_word(arousal, "calm", "lively"), _word(valence, "dark", "bright")]
    described = " and ".join(w for w in words if w) or "even"
    if target.strategy == "match":
        return f"Near the mood of this moment: {described}"
    return f"Chosen to {target.strategy}: {described}"


def _word(value: float, low: str, high: str) -> str | None:
    """Name one axis of a song's mood; near the middle there is nothing to say."""
    return low if value < -0.2 else high if value > 0.2 else None
