"""Reasons in words, taken from the evidence that moved a song up."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from data.types import FloatArray
from recommender.catalogue import Catalogue
from recommender.model import RecommenderModel
from recommender.query import MoodTarget, Reason, ReasonKind
from recommender.scoring.hybrid import DISCOUNT
from recommender.stages import AskedText, Context, ItemList

#: From this cosine of reduced lyric vectors on, a song's lyrics are called close to a text.
CLOSE_TO_TEXT = 0.35
#: A part with a smaller share of the positive evidence is not worth a sentence.
MIN_SHARE = 0.1


def explain(model: RecommenderModel, items: ItemList, row: int, context: Context) -> list[Reason]:
    """Return the reasons for one row, strongest first; weights are shares of what spoke for it.

    Parts of one kind count together; the sentence is that of the part which adds most.
    """
    song = int(items.songs[row])
    kinds = _by_kind(model, {part: float(values[row]) for part, values in items.evidence.items()})
    positive = {kind: value for kind, (value, _) in kinds.items() if value > 0}
    total = sum(positive.values())
    reasons: list[Reason] = []
    for kind, value in sorted(positive.items(), key=lambda kv: -kv[1]):
        share = value / total
        if share < MIN_SHARE:
            continue
        if kind == "text" and context.text is not None:
            reasons += text_reasons(model, song, context.text, share)
        else:
            said = _sentence(model, kind, kinds[kind][1], song, context)
            reasons.append(Reason(kind, round(share, 3), said))
    return reasons


def _by_kind(
    model: RecommenderModel, evidence: Mapping[str, float]
) -> dict[ReasonKind, tuple[float, str]]:
    """Return, per kind, what its parts add together, and which of them adds most."""
    found: dict[ReasonKind, tuple[float, str]] = {}
    for part, value in sorted(evidence.items(), key=lambda kv: -kv[1]):
        if part == DISCOUNT:
            continue
        kind = model.kind_of(part)
        total, first = found.get(kind, (0.0, part))
        found[kind] = (total + value, first)
    return found


def text_reasons(model: RecommenderModel, song: int, text: AskedText, share: float) -> list[Reason]:
    """Say by what a song is close to a text: its lyrics, its tags, its artist."""
    by_lyrics, by_names = model.text.contributions(text, song)
    close = model.content.lyric_cosine(song, text.lyrics) >= CLOSE_TO_TEXT
    parts = {"Lyrics close to your words": by_lyrics} if close else {}
    tags = {t.partition(":")[2]: w for t, w in by_names.items() if t.startswith("tag:")}
    genres = {t.partition(":")[2]: w for t, w in by_names.items() if t.startswith("genre:")}
    if tags:
        parts[f"Tagged {', '.join(tags)}"] = sum(tags.values())
    if genres:
        parts[f"Genre: {', '.join(genres)}"] = sum(genres.values())
    if "artist" in by_names:
        parts[f"By {model.catalogue.artists[song]}, whom you name"] = by_names["artist"]
    return shared_out("text", parts, share)


def shared_out(
    kind: ReasonKind, parts: Mapping[str, float], share: float, least: float = MIN_SHARE
) -> list[Reason]:
    """Share a weight out over sentences, by what each adds; those below ``least`` are left out."""
    total = sum(value for value in parts.values() if value > 0)
    weights = {text: share * value / total for text, value in parts.items() if value > 0}
    ordered = sorted(weights.items(), key=lambda kv: -kv[1])
    return [Reason(kind, round(w, 3), text) for text, w in ordered if w >= least * share]


def _sentence(
    model: RecommenderModel, kind: ReasonKind, part: str, song: int, context: Context
) -> str:
    if kind == "mood" and context.target is not None:
        of_text = context.text is not None and context.text.mood == context.target.current
        return _mood_sentence(model.catalogue.moods[song], context.target, of_text)
    if part == "deep":
        return "Fits the whole of what you play"
    if kind == "collaborative":
        return _listeners_sentence(model, part, song, context)
    if kind == "content":
        return _content_sentence(model, song, context)
    if kind == "fresh":
        return "New in the catalogue"
    return _popular_sentence(model, part, song)


def _listeners_sentence(model: RecommenderModel, part: str, song: int, context: Context) -> str:
    source = _strongest(model.taste[part].influences(context, song), context)
    known = None if source is None else _name(model.catalogue, source)
    if part == "session":
        return f"Often put on after {known or 'what you play'}"
    return f"Played by listeners of {known or 'your songs'}"


def _popular_sentence(model: RecommenderModel, part: str, song: int) -> str:
    if part == "recent":
        return "Much played of late"
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


def _mood_sentence(mood: FloatArray, target: MoodTarget, of_text: bool) -> str:
    valence, arousal = (float(v) for v in mood)
    words = [_word(arousal, "calm", "lively"), _word(valence, "dark", "bright")]
    described = " and ".join(w for w in words if w) or "even"
    if target.strategy == "match":
        return f"Near the mood of {'your words' if of_text else 'this moment'}: {described}"
    return f"Chosen to {target.strategy}: {described}"


def _word(value: float, low: str, high: str) -> str | None:
    """Name one axis of a song's mood; near the middle there is nothing to say."""
    return low if value < -0.2 else high if value > 0.2 else None
