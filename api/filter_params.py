"""Parameters that say which songs are wanted, the same for lists and for playlists."""

from __future__ import annotations

from typing import Annotated, Protocol

from pydantic import AfterValidator, Field

from api.plain_text import NAMED, plain
from data.filters import NO_CODE, SongFilter, language_code, stated_filter

_CODE = r"^[A-Za-z]{2,3}([-_][A-Za-z0-9]+)*$"


def _language(text: str) -> str:
    code = language_code(text)
    if code is None:
        raise ValueError(NO_CODE)
    return code


def _name(text: str) -> str:
    bare = plain(text).strip()
    if not bare:
        raise ValueError("must not be blank")
    return bare


ArtistName = Annotated[
    str, Field(min_length=1, max_length=512, json_schema_extra=NAMED), AfterValidator(_name)
]
Languages = Annotated[
    list[Annotated[str, Field(pattern=_CODE, max_length=35), AfterValidator(_language)]],
    Field(
        max_length=20,
        description="ISO 639-1 codes, any of which will do; repeat for each. A song of unknown "
        "language does not pass",
        examples=[["en", "fr"]],
    ),
]
FirstYear = Annotated[
    int | None,
    Field(ge=1, le=9999, description="first year; a song of unknown year does not pass"),
]
LastYear = Annotated[
    int | None,
    Field(ge=1, le=9999, description="last year; a song of unknown year does not pass"),
]
Explicit = Annotated[
    bool,
    Field(description="`false` leaves out songs marked as explicit; one that nobody marked passes"),
]
LeftOutArtists = Annotated[
    list[ArtistName],
    Field(
        max_length=100,
        description="names of artists to leave out, whatever case, accents or `The`; repeat for "
        "each",
    ),
]


class FiltersSongs(Protocol):
    """Parameters with these fields."""

    language: Languages
    year_from: FirstYear
    year_to: LastYear
    explicit: Explicit
    exclude_artist: LeftOutArtists


def song_filter(params: FiltersSongs) -> SongFilter:
    """Return the conditions that a request states.

    Raises:
        InvalidParameterError: if the years are in the wrong order.
    """
    return stated_filter(
        params.language,
        params.year_from,
        params.year_to,
        params.explicit,
        params.exclude_artist,
    )
