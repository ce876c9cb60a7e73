"""Where the vectors of lyrics are, and how far one lyric has come.

Each encoder writes a cache of its own, since a file never mixes encoders. A reader asks the best
one first: that of the configured model with the demo's behind it, then that of the ONNX encoder in
the settings, then whatever else is there, which is the small word model.
"""

from __future__ import annotations

import contextlib
import json
import re
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from data.errors import ConfigError
from data.settings import Settings
from data.types import FloatArray

if TYPE_CHECKING:
    from nlp.text import TextEncoder
    from nlp.vectors import VectorStore

#: ``none``: there is nothing to read; ``pending``: no vector yet; ``ready``: there is one.
LyricState = Literal["none", "pending", "ready"]

_VECTORS, _UNREAD = "lyric_vectors", "lyrics_unread"


def lyric_key(text: str | None) -> str | None:
    """Return the key of a lyric's vector; None where cleaning leaves nothing."""
    from nlp.cleaning import clean_lyrics, text_key

    cleaned = clean_lyrics(text) if text else ""
    return text_key(cleaned) if cleaned else None


def open_encoder(settings: Settings) -> TextEncoder:
    """Open the encoder of new lyrics: without torch, unless the settings name another model.

    Raises:
        ArtifactError: if it is broken or not installed.
        ConfigError: if its vectors are of another length than those of bundles.
    """
    from nlp.config import EncoderConfig
    from nlp.encoder import LyricEncoder
    from nlp.text import open_text_encoder
    from recommender.bootstrap import DIMENSION

    encoder: TextEncoder
    if _is_packaged(settings):
        encoder = open_text_encoder(settings.encoder_folder)
    else:
        encoder = LyricEncoder(EncoderConfig(model=settings.encoder_model))
    if encoder.dimension != DIMENSION:
        raise ConfigError(
            f"vectors of {encoder.name} have {encoder.dimension} numbers, bundles hold {DIMENSION}"
        )
    return encoder


def writing_store(settings: Settings, encoder: TextEncoder) -> VectorStore:
    """Open the cache that takes this encoder's vectors; what a better one has is not missing."""
    from nlp.encoder import PACKAGED
    from nlp.vectors import VectorStore
    from recommender.bootstrap import vector_store

    if encoder.name == (settings.encoder_model or PACKAGED):
        return vector_store(settings, encoder.name)
    path = _cache(settings, _VECTORS, encoder.name)
    return VectorStore(path, model=encoder.name, fallbacks=[vector_store(settings)])


def unread_store(settings: Settings, encoder: TextEncoder) -> VectorStore:
    """Open the list of lyrics that this encoder cannot read: a store of one number each."""
    from nlp.vectors import VectorStore

    path = _cache(settings, _UNREAD, encoder.name)
    return VectorStore(path, dimension=1, model=encoder.name)


class LyricVectors:
    """Reads every cache of lyric vectors; safe to share between threads.

    The caches are opened by the first question and read again where a writer changed them.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._opened: dict[Path, VectorStore] = {}
        self._first: VectorStore | None = None

    def get(self, keys: Sequence[str | None]) -> FloatArray:
        """Return float32 (n, d) vectors of lyric keys, NaN rows where there is none.

        Raises:
            ArtifactError: if a cache cannot be read.
        """
        from recommender.bootstrap import DIMENSION, vector_store

        found = np.full((len(keys), DIMENSION), np.nan, dtype=np.float32)
        with self._lock:
            if self._first is None:
                self._first = vector_store(self._settings)
            for store in (self._first, *self._stores(_VECTORS)):
                lacking = np.flatnonzero(np.isnan(found[:, 0])).tolist()
                if lacking:
                    found[lacking] = store.get([keys[row] for row in lacking])
        return found

    def unread(self, keys: Sequence[str]) -> set[str]:
        """Return those of ``keys`` whose lyrics an encoder tried and could not read."""
        with self._lock:
            tried = [np.isfinite(store.get(keys)[:, 0]) for store in self._stores(_UNREAD)]
        return {key for row in tried for key, was in zip(keys, row.tolist(), strict=True) if was}

    def state(self, text: str | None) -> LyricState:
        """Tell how far a song's lyrics, as given, have come."""
        key = lyric_key(text)
        if key is None:
            return "none"
        if np.isfinite(self.get([key])).all():
            return "ready"
        return "none" if self.unread([key]) else "pending"

    def _stores(self, kind: str) -> list[VectorStore]:
        """Open the other encoders' files of one kind, the best first."""
        from nlp.vectors import VectorStore
        from recommender.bootstrap import DIMENSION

        if not _is_packaged(self._settings):
            return []  # of another model's space
        dimension = 1 if kind == _UNREAD else DIMENSION
        better = self._better()
        folder = self._settings.home / "cache"
        found = sorted(
            folder.glob(f"{kind}.*.npz"), key=lambda path: (better not in path.name, path.name)
        )
        for path in found:
            if path not in self._opened:
                self._opened[path] = VectorStore(path, dimension=dimension)
        return [self._opened[path] for path in found]

    def _better(self) -> str:
        """Return what the file name of the settings' encoder has in it."""
        folder = self._settings.encoder_folder
        if folder is None:
            return "\0"
        # The name alone: the worker verifies the encoder, nobody opens it here.
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            card = json.loads((folder / "encoder.json").read_text(encoding="utf-8"))
            return f".{_slug(str(card['name']))}."
        return "\0"


def _is_packaged(settings: Settings) -> bool:
    """Tell whether lyrics lie in the space of the packaged MiniLM."""
    from nlp.encoder import PACKAGED

    return Path(settings.encoder_model or PACKAGED).name == PACKAGED


def _cache(settings: Settings, kind: str, name: str) -> Path:
    return settings.home / "cache" / f"{kind}.{_slug(name)}.npz"


def _slug(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
