"""Which songs a question is about, by what the catalogue tells of them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from data.errors import InvalidParameterError
from data.text import artist_key

#: ISO 639-2 and 639-3 codes that catalogues use for languages with a code of two letters
#: (the Library of Congress' table, its more common rows).
_TWO_LETTERS = {
    "afr": "af", "ara": "ar", "ben": "bn", "bul": "bg", "cat": "ca", "ces": "cs", "chi": "zh",
    "cze": "cs", "dan": "da", "deu": "de", "dut": "nl", "ell": "el", "eng": "en", "est": "et",
    "eus": "eu", "fas": "fa", "fin": "fi", "fra": "fr", "fre": "fr", "ger": "de", "gle": "ga",
    "gre": "el", "heb": "he", "hin": "hi", "hrv": "hr", "hun": "hu", "ind": "id", "isl": "is",
    "ita": "it", "jpn": "ja", "kor": "ko", "lat": "la", "lav": "lv", "lit": "lt", "may": "ms",
    "msa": "ms", "nld": "nl", "nor": "no", "per": "fa", "pol": "pl", "por": "pt", "ron": "ro",
    "rum": "ro", "rus": "ru", "slk": "sk", "slo": "sk", "slv": "sl", "spa": "es", "srp": "sr",
    "swa": "sw", "swe": "sv", "tam": "ta", "tel": "te", "tha": "th", "tur": "tr", "ukr": "uk",
    "urd": "ur", "vie": "vi", "wel": "cy", "cym": "cy", "zho": "zh", "zul": "zu",
}  # fmt: skip
#: What is told about a language that is none of these.
NO_CODE = "must be a language code of two letters (ISO 639-1), such as `en`"


def language_code(text: str | None) -> str | None:
    """Return the code of a language, ``en`` for ``en``, ``EN``, ``en-GB``, ``en_US`` and ``eng``.

    Returns:
        two or three lower-case letters; None for what is no code.
    """
    first = (text or "").strip().lower().replace("_", "-").partition("-")[0]
    if not (first.isascii() and first.isalpha() and len(first) in (2, 3)):
        return None
    return _TWO_LETTERS.get(first, first)


def language_spellings(code: str) -> tuple[str, ...]:
    """Return the codes that :func:`language_code` takes for ``code``."""
    return (code, *(three for three, two in _TWO_LETTERS.items() if two == code))


@dataclass(frozen=True, slots=True)
class SongFilter:
    """Conditions on songs; a song has to meet all of them, and the default admits every song.

    Of a song nobody may know the language or the year: it does not pass where one is asked for.
    One that nobody marked as explicit passes ``explicit=False``, for most catalogues mark only
    the songs that are.

    Attributes:
        languages: codes as :func:`language_code` gives them, any of which will do.
        year_from: first year, included.
        year_to: last year, included.
        explicit: False leaves out the songs that are marked as explicit.
        without_artists: names, however they are spelled (:func:`data.text.artist_key`).
    """

    languages: tuple[str, ...] = ()
    year_from: int | None = None
    year_to: int | None = None
    explicit: bool = True
    without_artists: tuple[str, ...] = ()

    @property
    def without_keys(self) -> frozenset[str]:
        """Folded names of the artists left out."""
        return frozenset(map(artist_key, self.without_artists))


#: Admits every song.
ANY_SONG = SongFilter()


def stated_filter(
    languages: Iterable[str] = (),
    year_from: int | None = None,
    year_to: int | None = None,
    explicit: bool = True,
    without_artists: Iterable[str] = (),
) -> SongFilter:
    """Return the conditions that somebody states, by HTTP or by command.

    Raises:
        InvalidParameterError: if a language is no code, or the years are in the wrong order.
    """
    codes = {text: language_code(text) for text in languages}
    for text, code in codes.items():
        if code is None:
            raise InvalidParameterError("language", f"language {text!r} {NO_CODE}")
    if year_from is not None and year_to is not None and year_from > year_to:
        raise InvalidParameterError(
            "year_to", f"year_to {year_to} lies before year_from {year_from}"
        )
    return SongFilter(
        languages=tuple(dict.fromkeys(code for code in codes.values() if code is not None)),
        year_from=year_from,
        year_to=year_to,
        explicit=explicit,
        without_artists=tuple(dict.fromkeys(without_artists)),
    )
