"""Songs near a song: by lyrics and metadata, then by who plays them."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from data.errors import InvalidParameterError
from data.types import FloatArray
from recommender.errors import UnknownSongError
from recommender.model import RecommenderModel
from recommender.query import RankedSong, Reason
from recommender.reasons import shared_out
from recommender.stages import top_positions

#: No more songs of one artist in a list, by default.
PER_ARTIST = 3
#: A part with a smaller share is not worth a sentence.
_LEAST = 0.05
#: Tags named in one reason.
_NAMED = 3
#: From these cosines of reduced lyric vectors on, lyrics are called close, or somewhat alike.
CLOSE, ALIKE = 0.5, 0.3


def similar_songs(
    model: RecommenderModel, song_id: str, n: int, per_artist: int = PER_ARTIST
) -> tuple[RankedSong, ...]:
    """Return the songs nearest to one, best first, itself left out.

    Songs come in order of ``share * cosine of lyrics + (1 - share) * cosine of metadata``. Where
    fewer than ``n`` songs have any content in common, those that the same listeners play follow,
    with a score below. The list is shorter than ``n`` when neither knows more.

    Args:
        n: how many, 1 or more.
        per_artist: at most so many songs of one artist.

    Raises:
        UnknownSongError: if the model lacks the song.
        InvalidParameterError: if ``n`` or ``per_artist`` is below 1.
    """
    for name, value in (("n", n), ("per_artist", per_artist)):
        if value < 1:
            raise InvalidParameterError(name, f"{name} must be 1 or more, not {value}")
    song = model.catalogue.positions.get(song_id)
    if song is None:
        raise UnknownSongError(f"the model in force does not know the song {song_id[:60]!r}")
    found: list[RankedSong] = []
    for other, score, reasons in _capped(model, song, per_artist):
        found.append(
            RankedSong(len(found) + 1, model.catalogue.ids[other], round(score, 4), tuple(reasons))
        )
        if len(found) == n:
            break
    return tuple(found)


def _capped(
    model: RecommenderModel, song: int, per_artist: int
) -> Iterator[tuple[int, float, list[Reason]]]:
    """Yield neighbours of both kinds, an artist at the cap passed over."""
    used: dict[int, int] = {}
    for other, score, reasons in _neighbours(model, song):
        artist = int(model.catalogue.artist_codes[other])
        used[artist] = used.get(artist, 0) + 1
        if used[artist] <= per_artist:
            yield other, score, reasons


def _neighbours(model: RecommenderModel, song: int) -> Iterator[tuple[int, float, list[Reason]]]:
    by_lyrics, by_metadata = model.content.neighbours(song)
    share = model.config.similar.lyrics_share
    lyrics, metadata = share * np.nan_to_num(by_lyrics), (1 - share) * by_metadata
    blend = _without(lyrics + metadata, song)
    order = top_positions(np.where(blend > 0, blend, np.nan), len(blend))
    for other in order.tolist():
        parts = (float(lyrics[other]), float(metadata[other]))
        yield other, float(blend[other]), content_reasons(model, song, other, *parts)
    listeners = _without(model.listening_neighbours(song), song)
    listeners[order] = np.nan
    listeners = np.where(listeners > 0, listeners, np.nan).astype(np.float32)
    lowest = float(blend[order[-1]]) if len(order) else 1.0
    for other in top_positions(listeners, len(listeners)).tolist():
        reason = Reason("collaborative", 1.0, "Played by the same listeners")
        yield other, lowest * float(listeners[other]) * 0.99, [reason]


def _without(scores: FloatArray, song: int) -> FloatArray:
    scores = scores.astype(np.float32)
    scores[song] = np.nan
    return scores


def content_reasons(
    model: RecommenderModel, song: int, other: int, lyrics: float, metadata: float
) -> list[Reason]:
    """Say what two songs have in common; weights are shares of what speaks for it."""
    parts: dict[str, float] = {}
    cosine_of_lyrics = lyrics / (model.config.similar.lyrics_share or 1.0)
    if cosine_of_lyrics >= ALIKE:
        close = cosine_of_lyrics >= CLOSE
        parts["Lyrics are close" if close else "Lyrics are somewhat alike"] = lyrics
    shared = model.content.shared_terms(song, other)
    cosine = sum(shared.values()) or 1.0
    for text, value in _sentences(model, shared, other).items():
        parts[text] = metadata * value / cosine
    return shared_out("content", parts, 1.0, _LEAST)


def _sentences(model: RecommenderModel, shared: dict[str, float], other: int) -> dict[str, float]:
    """Put shared terms in words: sentence -> what its terms add to the cosine."""
    groups: dict[str, dict[str, float]] = {}
    for term, value in shared.items():
        kind, _, name = term.partition(":")
        groups.setdefault(kind, {})[name] = value
    said = {
        "artist": f"By the same artist, {model.catalogue.artists[other]}",
        "album": "From the same album",
        "genre": f"Same genre: {', '.join(groups.get('genre', {}))}",
        "tag": f"Shares tags: {', '.join(list(groups.get('tag', {}))[:_NAMED])}",
    }
    return {said[kind]: sum(values.values()) for kind, values in groups.items()}
