"""Reasons in words, taken from the evidence that moved a song up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from data.types import FloatArray, IntArray
from recommender.catalogue import Catalogue
from recommender.model import RecommenderModel
from recommender.query import MoodTarget, Reason, ReasonKind
from recommender.scoring.hybrid import DISCOUNT
from recommender.stages import AskedText, Context, ItemList

#: From this cosine of reduced lyric vectors on, a song's lyrics are called close to a text.
CLOSE_TO_TEXT = 0.35
#: A part with a smaller share of the positive evidence is not worth a sentence.
MIN_SHARE = 0.1


def explain(model: RecommenderModel, items: ItemList, context: Context) -> list[tuple[Reason, ...]]:
    """Return the reasons for every row, strongest first; weights are shares of what spoke for it.

    Parts of one kind count together; the sentence is that of the part which adds most.
    """
    sources = Sources(model, items.songs, context)
    spoken = {part: values for part, values in items.evidence.items() if part != DISCOUNT}
    kinds = [(model.kind_of(part), part) for part in spoken]
    rows = np.stack([*spoken.values()], axis=1).tolist() if spoken else [[]] * len(items)
    return [
        tuple(_of_row(sources, row, _by_kind(kinds, values))) for row, values in enumerate(rows)
    ]


class Sources:
    """Which song of the history speaks most for each song of a list, by any part.

    A part is asked for the whole list at once, and only when one of its rows needs it; of songs
    that it was asked for with this history before, the context knows the answer.

    Args:
        model: with the parts.
        songs: int64 (n,) of the list.
        context: with the history.
    """

    def __init__(self, model: RecommenderModel, songs: IntArray, context: Context) -> None:
        self.model = model
        self.songs = songs
        self.context = context
        self._known = {} if context.speaking is None else context.speaking

    def strongest(self, part: str, row: int) -> int | None:
        """Return the position of that song; None where none speaks for it."""
        known, song = self._known.setdefault(part, {}), int(self.songs[row])
        if song not in known:
            new = [listed for listed in self.songs.tolist() if listed not in known]
            known.update(zip(new, self._of_part(part, np.array(new)), strict=True))
        return known[song]

    def _of_part(self, part: str, songs: IntArray) -> list[int | None]:
        influences = self.model.taste[part].influences(self.context, songs)
        if influences is None or not influences.size:
            return [None] * len(songs)
        history = self.context.songs[np.argmax(influences, axis=1)].tolist()
        speaks = (influences.max(axis=1) > 0).tolist()
        return [song if does else None for song, does in zip(history, speaks, strict=True)]


def _of_row(
    sources: Sources, row: int, kinds: Mapping[ReasonKind, tuple[float, str]]
) -> list[Reason]:
    text = sources.context.text
    positive = [(value, kind, part) for kind, (value, part) in kinds.items() if value > 0]
    positive.sort(key=lambda found: -found[0])
    total = sum(value for value, _, _ in positive)
    reasons: list[Reason] = []
    for value, kind, part in positive:
        share = value / total
        if share < MIN_SHARE:
            break
        if kind == "text" and text is not None:
            reasons += text_reasons(sources.model, int(sources.songs[row]), text, share)
        else:
            reasons.append(Reason(kind, round(share, 3), _sentence(sources, kind, part, row)))
    return reasons


def _by_kind(
    kinds: Sequence[tuple[ReasonKind, str]], values: Sequence[float]
) -> dict[ReasonKind, tuple[float, str]]:
    """Return, per kind, what its parts add together, and which of them adds most."""
    found: dict[ReasonKind, tuple[float, str]] = {}
    most: dict[ReasonKind, float] = {}
    for (kind, part), value in zip(kinds, values, strict=True):
        total, first = found.get(kind, (0.0, part))
        if value >= most.get(kind, value):
            first, most[kind] = part, value
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


def _sentence(sources: Sources, kind: ReasonKind, part: str, row: int) -> str:
    model, context, song = sources.model, sources.context, int(sources.songs[row])
    if kind == "mood" and context.target is not None:
        of_text = context.text is not None and context.text.mood == context.target.current
        return _mood_sentence(model.catalogue.moods[song], context.target, of_text)
    if part == "deep":
        return "Fits the whole of what you play"
    if kind == "collaborative":
        return _listeners_sentence(sources, part, row)
    if kind == "content":
        return _content_sentence(sources, part, row)
    if kind == "fresh":
        return "New in the catalogue"
    return _popular_sentence(model, part, song)


def _listeners_sentence(sources: Sources, part: str, row: int) -> str:
    source = sources.strongest(part, row)
    known = None if source is None else _name(sources.model.catalogue, source)
    if part == "session":
        return f"Often put on after {known or 'what you play'}"
    return f"Played by listeners of {known or 'your songs'}"


def _popular_sentence(model: RecommenderModel, part: str, song: int) -> str:
    if part == "recent":
        return "Much played of late"
    count = model.popularity.listeners(song)
    return f"Played by {count} listener{'s' * (count != 1)}"


def _content_sentence(sources: Sources, part: str, row: int) -> str:
    catalogue, song = sources.model.catalogue, int(sources.songs[row])
    source = sources.strongest(part, row)
    if source is None:
        return "Close to what you play"
    if catalogue.artist_codes[source] == catalogue.artist_codes[song]:
        return f"More by {catalogue.artists[song]}, whom you play"
    return f"Close in words and style to {_name(catalogue, source)}"


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
