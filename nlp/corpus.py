"""Songs with words, mood labels and tags, joined on the song key."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from data.datasets.lyrics import LyricTable, MoodLabels
from data.datasets.tags import TagTable
from data.types import FloatArray, IntArray
from nlp.cleaning import clean_lyrics, text_key
from nlp.encoder import embed_missing
from nlp.vectors import VectorStore

if TYPE_CHECKING:
    from nlp.text import TextEncoder

Array64 = NDArray[np.float64]
Report = Callable[[str], None]
Tags = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Songs:
    """Songs with words, in any order.

    Attributes:
        artists: normalised artist of each.
        texts: cleaned lyrics, none empty.
        vectors: float32 (n, d), finite.
        tags: folded; empty for songs without.
        labels: float64 (n, 2), standardised valence and arousal; NaN for songs without.
    """

    artists: tuple[str, ...]
    texts: tuple[str, ...]
    vectors: FloatArray
    tags: tuple[Tags, ...]
    labels: Array64

    def __len__(self) -> int:
        return len(self.texts)

    def take(self, rows: IntArray) -> Songs:
        """Return the songs of these rows."""
        return Songs(
            tuple(self.artists[i] for i in rows),
            tuple(self.texts[i] for i in rows),
            self.vectors[rows],
            tuple(self.tags[i] for i in rows),
            self.labels[rows],
        )

    @property
    def labelled(self) -> IntArray:
        """Rows of the songs that have labels."""
        return np.flatnonzero(np.isfinite(self.labels).all(axis=1))

    def fingerprint(self) -> str:
        """Return a SHA-256 that changes when a text, a label or a tag does."""
        digest = hashlib.sha256(np.round(np.nan_to_num(self.labels), 6).tobytes())
        for text, tags in zip(self.texts, self.tags, strict=True):
            digest.update(bytes.fromhex(text_key(text)) + "|".join(tags).encode())
        return digest.hexdigest()


@dataclass(frozen=True, slots=True)
class TaggedLabels:
    """Labelled songs that have tags, with words or without: what tags mean is learnt from them.

    Attributes:
        artists: normalised artist of each.
        tags: folded.
        labels: float64 (n, 2).
    """

    artists: tuple[str, ...]
    tags: tuple[Tags, ...]
    labels: Array64

    def __len__(self) -> int:
        return len(self.artists)

    def without(self, artists: frozenset[str]) -> TaggedLabels:
        """Leave out the songs of some artists."""
        keep = [i for i, artist in enumerate(self.artists) if artist not in artists]
        return TaggedLabels(
            tuple(self.artists[i] for i in keep),
            tuple(self.tags[i] for i in keep),
            self.labels[keep],
        )


def join_songs(
    lyrics: LyricTable,
    labels: MoodLabels,
    store: VectorStore,
    encoder: TextEncoder | None = None,
    report: Report | None = None,
    *,
    tags: TagTable | None = None,
    everyone: bool = False,
) -> Songs:
    """Join on the song key; songs whose vectors the store lacks are embedded by ``encoder``.

    Args:
        lyrics: the words.
        labels: the moods.
        store: vectors made before, and made now.
        encoder: without one, songs without a vector are left out.
        report: receives progress.
        tags: listeners' tags.
        everyone: keep the songs without labels too.
    """
    row_of = {key: i for i, key in enumerate(labels.keys)}
    rows = [i for i, key in enumerate(lyrics.keys) if everyone or key in row_of]
    texts = [clean_lyrics(lyrics.lyrics[i]) for i in rows]
    if encoder is not None:
        embed_missing(encoder, store, texts, report)
    vectors = store.get([text_key(text) if text else None for text in texts])
    known = np.flatnonzero(np.isfinite(vectors).all(axis=1)).tolist()
    keys = [lyrics.keys[rows[j]] for j in known]
    return Songs(
        tuple(key.split("|", 1)[0] for key in keys),
        tuple(texts[j] for j in known),
        vectors[known],
        _tags_of(keys, tags),
        _labels_of(keys, labels, row_of),
    )


def tagged_labels(labels: MoodLabels, tags: TagTable) -> TaggedLabels:
    """Return the labelled songs that have tags."""
    known = dict(zip(tags.keys, tags.tags, strict=True))
    rows = [i for i, key in enumerate(labels.keys) if key in known]
    return TaggedLabels(
        tuple(labels.artists[i] for i in rows),
        tuple(known[labels.keys[i]] for i in rows),
        np.stack([labels.valence[rows], labels.arousal[rows]], axis=1),
    )


def _tags_of(keys: Sequence[str], tags: TagTable | None) -> tuple[Tags, ...]:
    known = dict(zip(tags.keys, tags.tags, strict=True)) if tags is not None else {}
    return tuple(known.get(key, ()) for key in keys)


def _labels_of(keys: Sequence[str], labels: MoodLabels, row_of: Mapping[str, int]) -> Array64:
    found = np.full((len(keys), 2), np.nan)
    for j, key in enumerate(keys):
        if (i := row_of.get(key)) is not None:
            found[j] = labels.valence[i], labels.arousal[i]
    return found
