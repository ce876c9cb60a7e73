"""What requests may say about songs: the body of ``POST /songs`` and the searches."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from api.filter_params import FirstYear, Languages, LastYear
from api.params import SongId
from api.plain_text import NAMED, PLAIN, plain
from data.filters import SongFilter, stated_filter
from data.text import song_key
from data.types import SongInput

#: Longer lyrics are refused; the embedding would not read on (``nlp.cleaning``).
MOST_LYRICS = 50_000


def _named(text: str) -> str:
    bare = plain(text).strip()
    if not bare:
        raise ValueError("must not be blank")
    return bare


def _lyric(text: str) -> str:
    # No database stores these; every other control character is passed over by the cleaning.
    if any(c == "\0" or "\ud800" <= c <= "\udfff" for c in text):
        raise ValueError("must not contain NUL characters or lone surrogates")
    return text


def _address(text: str) -> str:
    # Anything else, "javascript:" above all, would be run by a page that shows the link.
    if not plain(text).startswith(("https://", "http://")):
        raise ValueError("must be an http(s) address")
    return text


Name = Annotated[
    str, Field(min_length=1, max_length=512, json_schema_extra=NAMED), AfterValidator(_named)
]
Tag = Annotated[
    str, Field(min_length=1, max_length=100, json_schema_extra=NAMED), AfterValidator(_named)
]
Code = Annotated[
    str, Field(min_length=1, max_length=35, json_schema_extra=NAMED), AfterValidator(_named)
]
Address = Annotated[
    str,
    Field(max_length=2000, json_schema_extra={"pattern": r"^https?://[^\x00-\x1f\x7f-\x9f]*$"}),
    AfterValidator(_address),
]
Axis = Annotated[float, Field(ge=-1, le=1, allow_inf_nan=False)]


class SongIn(BaseModel):
    """A song of the catalogue; of a song that is there, what is left out stays as it was."""

    model_config = ConfigDict(extra="forbid", strict=True)

    id: SongId | None = Field(None, description="default: made of artist and title")
    title: Name
    artist: Name
    album: Name | None = None
    year: int | None = Field(None, ge=1, le=2200)
    duration_s: float | None = Field(None, gt=0, le=360_000, allow_inf_nan=False)
    language: Code | None = Field(None, description="a code such as `en`")
    genre: Name | None = None
    explicit: bool | None = Field(None, description="whether the words are marked as explicit")
    tags: list[Tag] = Field([], max_length=100)
    lyrics: Annotated[str, AfterValidator(_lyric)] | None = Field(
        None,
        max_length=MOST_LYRICS,
        json_schema_extra={"pattern": r"^[^\x00]*$"},
        description="the whole text; never logged and never shown. Empty text takes lyrics away",
    )
    valence: Axis | None = Field(None, description="stated mood; needs `arousal`")
    arousal: Axis | None = Field(None, description="stated mood; needs `valence`")
    links: dict[Tag, Address] = Field({}, max_length=20, description="service and http(s) address")

    @model_validator(mode="after")
    def _whole_mood(self) -> Self:
        if (self.valence is None) != (self.arousal is None):
            raise ValueError("valence and arousal go together: one of them is missing")
        return self

    def to_input(self) -> SongInput:
        """Return the song as the catalogue takes it."""
        return SongInput(
            id=self.id or song_key(self.artist, self.title),
            title=self.title,
            artist=self.artist,
            album=self.album,
            year=self.year,
            duration_s=self.duration_s,
            genre=self.genre,
            tags=tuple(dict.fromkeys(self.tags)),
            language=self.language,
            links=self.links or None,
            lyrics=self.lyrics,
            valence=self.valence,
            arousal=self.arousal,
            explicit=self.explicit,
        )


class SongSearch(BaseModel):
    """Query parameters of ``GET /songs``; a song has to meet all that are given."""

    q: Name | None = Field(
        None, max_length=200, description="words of artist, title or album, whatever case or accent"
    )
    artist: Name | None = Field(None, description="exact name")
    genre: Name | None = Field(None, description="exact genre, whatever case")
    tag: Tag | None = Field(None, description="one whole tag")
    language: Languages = []
    year_from: FirstYear = None
    year_to: LastYear = None
    explicit: bool | None = Field(
        None, description="`true`: only songs marked as explicit; `false`: only others"
    )
    n: int = Field(20, ge=1, le=100, description="songs on a page")
    cursor: Annotated[str, AfterValidator(plain)] | None = Field(
        None,
        max_length=32,
        json_schema_extra=PLAIN,
        description="`next_cursor` of the page before",
    )

    def to_filter(self) -> SongFilter:
        """Return the conditions that lists know too.

        Raises:
            InvalidParameterError: if the years are in the wrong order.
        """
        return stated_filter(
            self.language, self.year_from, self.year_to, explicit=self.explicit is not False
        )
