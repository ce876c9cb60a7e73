"""Which words of a text name tags, genres or artists of the catalogue."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from data.moods import EMOTION_MOODS, MOOD_WORDS
from data.text import fold
from data.types import IntArray

#: No longer run of words is looked up.
MAX_WORDS = 4
_PHRASES = re.compile(r"[,;:.!?()\[\]\"“”\n]+")
#: An artist of one word is often an ordinary word ("Slow", "Warm"): it counts only as a whole
#: phrase or after one of these.
_INTRODUCES = frozenset({"by", "like"})
#: Words that are tags in public data but say nothing in a sentence.
_SILENT = frozenset(
    {
        "a", "an", "and", "are", "as", "at", "be", "by", "for", "from", "i", "in", "is", "it",
        "like", "me", "music", "my", "of", "on", "or", "play", "please", "some", "something",
        "song", "songs", "that", "the", "this", "to", "want", "with", "you",
    }
)  # fmt: skip


def singular(text: str) -> str:
    """Drop the plural "s" of every word: ``slow songs`` is ``slow song``, ``bass`` stays."""
    return " ".join(
        w[:-1] if len(w) > 3 and w.endswith("s") and not w.endswith("ss") else w
        for w in text.split()
    )


@dataclass(frozen=True, slots=True)
class NamedTerms:
    """What a text names.

    Attributes:
        columns: int64, metadata columns of tags and genres, sorted.
        artists: int64 artist codes, sorted.
    """

    columns: IntArray
    artists: IntArray

    def __bool__(self) -> bool:
        """Tell whether anything is named."""
        return bool(len(self.columns) or len(self.artists))


@dataclass(frozen=True, slots=True)
class WordIndex:
    """Folded names of tags and genres (to their columns) and of artists (to their codes)."""

    columns: dict[str, tuple[int, ...]]
    artists: dict[str, int]

    @classmethod
    def build(cls, terms: Sequence[str], artists: Sequence[str]) -> WordIndex:
        """Index a vocabulary, by name and by its singular where that is no name of its own.

        Args:
            terms: ``kind:name``, one per column.
            artists: folded names, one per code.
        """
        columns: dict[str, tuple[int, ...]] = {}
        for column, term in enumerate(terms):
            kind, _, name = term.partition(":")
            if kind in {"tag", "genre"} and name not in _SILENT:
                columns[name] = (*columns.get(name, ()), column)
        codes = {name: code for code, name in enumerate(artists)}
        for name, of_name in list(columns.items()):
            columns.setdefault(singular(name), of_name)
        for name, code in list(codes.items()):
            codes.setdefault(singular(name), code)
        return cls(columns, codes)

    def find(self, text: str) -> NamedTerms:
        """Look up every run of up to four words, longest first, no word used twice."""
        columns: set[int] = set()
        artists: set[int] = set()
        for phrase in _PHRASES.split(text):
            words = fold(phrase).split()
            start = 0
            while start < len(words):
                size, found, artist = self._longest(words, start)
                columns.update(found)
                artists.update([] if artist is None else [artist])
                start += size
        return NamedTerms(*(np.array(sorted(v), dtype=np.int64) for v in (columns, artists)))

    def _longest(self, words: list[str], start: int) -> tuple[int, tuple[int, ...], int | None]:
        """Return how many words were used, and the columns or the artist they name."""
        for size in range(min(MAX_WORDS, len(words) - start), 0, -1):
            name = " ".join(words[start : start + size])
            for form in _forms(name):
                if form in self.columns:
                    return size, self.columns[form], None
            if _may_be_artist(words, start, size):
                for form in _forms(name.removeprefix("the ")):
                    if form in self.artists:
                        return size, (), self.artists[form]
        return 1, (), None


def _forms(name: str) -> Iterator[str]:
    yield name
    yield singular(name)


def _may_be_artist(words: list[str], start: int, size: int) -> bool:
    if size > 1 and words[start] != "the":
        return not set(words[start : start + size]) <= _SILENT
    alone = start == 0 and size == len(words)
    introduced = start > 0 and words[start - 1] in _INTRODUCES
    name = words[start + size - 1]
    mood = name in EMOTION_MOODS or name in MOOD_WORDS
    return (alone or introduced or size > 2) and not mood and name not in _SILENT


def mood_words(text: str) -> list[str]:
    """Return the words of a text that :mod:`data.moods` places, in order."""
    return [w for w in fold(text).split() if w in EMOTION_MOODS or w in MOOD_WORDS]


def runs(text: str) -> list[str]:
    """Return every run of up to three words within a phrase: what could be a tag."""
    phrases = [fold(phrase).split() for phrase in _PHRASES.split(text)]
    return [
        " ".join(words[start : start + size])
        for words in phrases
        for size in (3, 2, 1)
        for start in range(len(words) - size + 1)
    ]
