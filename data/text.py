"""Normalised text: the default id of a song, and folding for search.

The key of ``"The Beatles", "Don't Let Me Down - Remastered 2009"`` is
``beatles|dont let me down``: editions of one recording fall together, songs do not.
"""

from __future__ import annotations

import re
import unicodedata

#: Longest song key, characters: at four bytes each it still fits PostgreSQL's index entries.
KEY_LENGTH = 500

#: Letters that Unicode does not decompose into a base letter and an accent.
_LETTERS = str.maketrans({"ø": "o", "đ": "d", "ł": "l", "ħ": "h", "ı": "i", "æ": "ae", "œ": "oe"})
#: Marks that part words; all other punctuation is dropped ("R.E.M." and "REM" are one band).
_BREAKS = re.compile(r"[-‐-―/\\_|~+–—]")
_BRACKETED = re.compile(r"\([^()]*\)|\[[^\[\]]*\]|\{[^{}]*\}")
_FEATURED = re.compile(r"[\s(\[](?:feat|ft|featuring)(?:\.|\s)\s*\S.*$")
#: Words that mark the tail of ``title - tail`` as an edition of the recording.
_EDITION = re.compile(
    r"\b(?:re-?master(?:ed)?|live|mono|stereo|re-?mix|mix|edit|version|acoustic|demo|bonus|single|"
    r"instrumental|radio|original|extended|unplugged|session|sessions|sped up|slowed|karaoke|"
    r"cover|take|soundtrack|theme|from|vivo|performance|explicit|clean|album|feat|ft)\b|^\d{4}$"
)


def fold(text: str) -> str:
    """Return ``text`` lower-cased, without accents and punctuation, words one space apart.

    Text made of punctuation alone (the band "!!!") is kept, lower-cased.
    """
    # Apostrophe-like accents (U+00B4) decompose into a space and a mark: drop them first.
    parted = _BREAKS.sub(" ", text.casefold().replace("&", " and ").replace("\u00b4", ""))
    decomposed = unicodedata.normalize("NFKD", parted)
    # Only the accents of Latin, Greek and Cyrillic are left out: the marks of other scripts
    # (Thai vowels, Devanagari) carry meaning.
    bare = "".join(c for c in decomposed if not "\u0300" <= c <= "\u036f")
    plain = unicodedata.normalize("NFC", bare).translate(_LETTERS)
    words = "".join(c for c in plain if _is_word(c)).split()
    return " ".join(words) or " ".join(text.casefold().split())


def _is_word(char: str) -> bool:
    return char.isalnum() or char.isspace() or unicodedata.category(char).startswith("M")


def title_key(title: str) -> str:
    """Return the folded title without brackets, featured guests and edition suffixes."""
    lowered = title.casefold()
    bare = _without_brackets(lowered)
    head, *tails = bare.split(" - ")
    while tails and _EDITION.search(tails[-1]):
        tails.pop()
    bare = _FEATURED.sub("", " - ".join([head, *tails]))
    return fold(bare if bare.strip() else lowered)


def artist_key(artist: str) -> str:
    """Return the folded artist without a leading "the" and without featured guests."""
    lowered = artist.casefold()
    return fold(_FEATURED.sub("", lowered) or lowered).removeprefix("the ")


def song_key(artist: str, title: str) -> str:
    """Return ``artist|title``, normalised and cut at 500 characters: the default id of a song.

    Args:
        artist: as displayed.
        title: as displayed.
    """
    return f"{artist_key(artist)}|{title_key(title)}"[:KEY_LENGTH]


def _without_brackets(text: str) -> str:
    """Drop bracketed parts, innermost first; a text that is all brackets is kept."""
    previous, bare = "", text
    while previous != bare:
        previous, bare = bare, _BRACKETED.sub(" ", bare)
    return bare if bare.strip() else text
