"""Names that are the same everywhere: MusicBrainz recordings, ISRCs, Spotify tracks.

One is written ``mbid:<uuid>``, ``isrc:<12 characters>`` or ``spotify:<22 characters>``. A song of
the catalogue has them as its id, or in its links: ``https://musicbrainz.org/recording/<uuid>``,
``https://musicbrainz.org/isrc/<isrc>``, ``https://open.spotify.com/track/<id>``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

_UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
#: Kind -> how it may be written as a whole: bare, as a URI, or as an address.
_FORMS = {
    "mbid": re.compile(
        rf"(?:mbid:|https?://(?:beta\.)?musicbrainz\.org/recording/)?({_UUID})(?:[/?#].*)?", re.I
    ),
    "isrc": re.compile(
        r"(?:isrc:|https?://(?:beta\.)?musicbrainz\.org/isrc/)?"
        r"([A-Z]{2}-?[A-Z0-9]{3}-?[0-9]{2}-?[0-9]{5})(?:[/?#].*)?",
        re.I,
    ),
    "spotify": re.compile(
        r"(?:spotify:track:|https?://open\.spotify\.com/(?:intl-[a-z-]+/)?track/)?"
        r"([0-9A-Za-z]{22})(?:[/?#].*)?"
    ),
}
#: Kind -> name and address of the link under which a new song keeps it.
_LINKS = {
    "mbid": ("musicbrainz", "https://musicbrainz.org/recording/"),
    "isrc": ("isrc", "https://musicbrainz.org/isrc/"),
    "spotify": ("spotify", "https://open.spotify.com/track/"),
}


def identifier(kind: str, value: Any) -> str | None:
    """Return ``value`` as an identifier of ``kind``; None where it is none.

    Exports hold rubbish in these fields, and a list where a recording has several: the first
    counts.
    """
    if isinstance(value, list):
        value = value[0] if value else None
    found = _FORMS[kind].fullmatch(value.strip()) if isinstance(value, str) else None
    if found is None:
        return None
    bare = found[1]
    if kind == "isrc":
        bare = bare.replace("-", "").upper()
    return f"{kind}:{bare.lower() if kind == 'mbid' else bare}"


def row_identifiers(row: Mapping[str, Any]) -> tuple[str, ...]:
    """Return those of the columns ``mbid``, ``isrc`` and ``spotify``, the surest first."""
    found = (identifier(kind, row.get(kind)) for kind in _FORMS)
    return tuple(one for one in found if one is not None)


def song_identifiers(song_id: str, links: Mapping[str, str] | None) -> Iterator[str]:
    """Yield those of a song of the catalogue."""
    for kind in _FORMS:
        if (found := identifier(kind, song_id)) is not None:
            yield found
        for address in (links or {}).values():
            # Only addresses here: any word of 22 letters would do as a bare one.
            if "/" in address and (found := identifier(kind, address)) is not None:
                yield found


def links_of(identifiers: tuple[str, ...]) -> dict[str, str] | None:
    """Return the links under which a new song keeps its identifiers."""
    parts = (one.partition(":") for one in identifiers)
    return {_LINKS[kind][0]: _LINKS[kind][1] + bare for kind, _, bare in parts} or None
