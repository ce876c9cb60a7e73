"""``session``: what a list began with, carried by the client from page to page.

A token says which events, mutes and songs the ranking of the first page had seen, which model made
it, and the mood it was made for, so that no selfie has to be sent again. It holds nothing that the
answer did not tell the same client, no name and no secret, and is not signed: all that a forged
one brings is another cut of the caller's own list.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from dataclasses import dataclass, replace
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from api.experiments import Assignment
from api.params import RecommendParams
from data.errors import InvalidParameterError
from data.types import EMOTIONS, EmotionScores, FaceBox
from recommender.query import Snapshot

#: Parameters that decide the ranking: a token is of no use with others.
_RANKING = (
    "user", "strategy", "query", "exclude_heard", "exclude", "language", "year_from", "year_to",
    "explicit", "exclude_artist",
)  # fmt: skip
_Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
_Pixels = Annotated[int, Field(ge=-(2**31), le=2**31)]


class _Reading(BaseModel):
    """An apparent expression as the first page told it."""

    model_config = ConfigDict(extra="forbid")

    p: Annotated[list[_Share], Field(min_length=len(EMOTIONS), max_length=len(EMOTIONS))]
    c: _Share
    u: bool
    f: int = Field(ge=0, le=10_000)
    b: Annotated[list[_Pixels], Field(min_length=4, max_length=4)] | None = None

    @classmethod
    def of(cls, scores: EmotionScores) -> Self:
        box = scores.box
        return cls(
            p=[float(p) for p in scores.probabilities],
            c=float(scores.confidence),
            u=bool(scores.uncertain),
            f=scores.faces,
            b=None if box is None else [box.x, box.y, box.width, box.height],
        )

    def scores(self) -> EmotionScores:
        box = None if self.b is None else FaceBox(*self.b)
        return EmotionScores(tuple(self.p), self.c, self.u, self.f, box)


class _Token(BaseModel):
    model_config = ConfigDict(extra="forbid")

    v: int = Field(ge=1, le=1)
    d: str = Field(max_length=32)
    e: int = Field(ge=0, lt=2**63)
    s: int = Field(ge=0, lt=2**31)
    m: int = Field(ge=0, lt=2**31)
    b: str | None = Field(None, max_length=300)
    t: str | None = Field(None, max_length=64)
    r: _Reading | None = None


@dataclass(frozen=True, slots=True)
class Session:
    """What a list began with.

    Attributes:
        snapshot: events, songs and mutes.
        made_by: the model, and the arm of an experiment, that made it.
        mood: the ``mood`` that was stated, as it was written.
        reading: what was read in a selfie.
    """

    snapshot: Snapshot
    made_by: str | None
    mood: str | None = None
    reading: EmotionScores | None = None

    def of(self, made_by: str | None) -> Snapshot:
        """Return what the next page begins with: all songs, where the model is another by now."""
        return self.snapshot if made_by == self.made_by else replace(self.snapshot, songs=None)

    def token(self, params: RecommendParams) -> str:
        """Return the text that stands for it together with the parameters of its list."""
        snapshot = self.snapshot
        token = _Token(
            v=1,
            d=_digest(params),
            e=snapshot.last_event,
            s=snapshot.songs or 0,
            m=snapshot.muted,
            b=self.made_by,
            t=self.mood,
            r=None if self.reading is None else _Reading.of(self.reading),
        )
        text = token.model_dump_json(exclude_none=True)
        return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")

    @classmethod
    def read(cls, params: RecommendParams) -> Self | None:
        """Return the session of a request, or None if it names none.

        Raises:
            InvalidParameterError: if it is damaged, or of a list with other parameters.
        """
        if params.session is None:
            return None
        token = _parsed(params.session)
        if token.d != _digest(params) or (params.mood is not None and params.mood != token.t):
            raise InvalidParameterError(
                "session",
                "session is of another list: send it with the parameters of the answer it came "
                "with (n, offset and explain may differ), or leave it out to begin anew",
            )
        reading = None if token.r is None else token.r.scores()
        return cls(Snapshot(token.e, token.s, token.m), token.b, token.t, reading)


def made_by_of(version: str | None, part: Assignment | None) -> str | None:
    """Name the model of a list, and the arm of an experiment that decided how it answers."""
    return version if part is None else f"{version} {part.experiment}/{part.arm.name}"


def _parsed(text: str) -> _Token:
    try:
        padded = text + "=" * (-len(text) % 4)
        raw = base64.b64decode(padded, altchars=b"-_", validate=True)
        return _Token.model_validate_json(raw, strict=True)
    except (binascii.Error, ValidationError, ValueError) as exc:
        raise InvalidParameterError(
            "session",
            "session is not one that an answer had: pass it on unchanged, or leave it out",
        ) from exc


def _digest(params: RecommendParams) -> str:
    told = json.dumps([getattr(params, name) for name in _RANKING], sort_keys=True)
    return base64.urlsafe_b64encode(hashlib.sha256(told.encode()).digest()[:12]).decode()
