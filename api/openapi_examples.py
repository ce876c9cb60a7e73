"""What requests and answers look like: the examples of ``/openapi.json``."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from data.playlist_formats import Track, TrackList, to_jspf, to_m3u8, to_xspf

_RID = "4f1c2d3e5b6a47988190a1b2c3d4e5f6"
_VERSION = "20260102T030405000000-0a1b2c3d"
_AT = "2026-01-02T03:04:05Z"
#: Parameters are such that the demo has an answer.
_DEMO_SONG = "demo-nenuphar-drive-swim-lesson"
_PLAYLIST = "0a1b2c3d4e5f60718293a4b5c6d7e8f9"
_NOTICE = {"notice_url": "/privacy", "notice_version": "2026-11-21"}
_EMOTION: dict[str, Any] = {
    "label": "happy",
    "probabilities": {
        "angry": 0.005, "disgust": 0.003, "fear": 0.007, "happy": 0.963,
        "sad": 0.008, "surprise": 0.003, "neutral": 0.011,
    },
    "confidence": 0.963,
    "uncertain": False,
    "source": "selfie",
    "faces": 1,
    "box": {"x": 235, "y": 39, "width": 173, "height": 173},
}  # fmt: skip
_SONG: dict[str, Any] = {
    "id": _DEMO_SONG,
    "title": "Swim Lesson",
    "artist": "Nenuphar Drive",
    "album": "A Boat Called Maybe",
    "year": 2023,
    "duration_s": 239.0,
    "explicit": None,
    "links": {},
    "mood": {"valence": 0.54, "arousal": 0.26, "emotion": "happy"},
}
_LISTED: dict[str, Any] = {
    **_SONG,
    "genre": "downtempo",
    "language": "en",
    "tags": ["balearic", "nylon guitar", "chillout", "learning", "sea", "courage"],
}
_ALIKE: dict[str, Any] = {
    "id": "demo-nenuphar-drive-the-off-season",
    "title": "The Off Season",
    "artist": "Nenuphar Drive",
    "album": "Meltemi Letters",
    "year": 2016,
    "duration_s": 298.0,
    "explicit": None,
    "links": {},
    "mood": {"valence": -0.4, "arousal": -0.66, "emotion": "sad"},
}
_POSTED: dict[str, Any] = {
    "id": "song-99",
    "title": "Kettle at Dawn",
    "artist": "The Example Band",
    "year": 2024,
    "genre": "folk",
    "tags": ["slow", "warm"],
    "language": "en",
}
#: Of a list with the parameters below.
_SESSION = (
    "eyJ2IjoxLCJkIjoiLVF0aWdwN3ZCamhfRFFLbCIsImUiOjI2Mzg1LCJzIjo0MzIsIm0iOjEsImIiOiIyMDI2MDEw"
    "MlQwMzA0MDUwMDAwMDAtMGExYjJjM2QgYm9sZGVyL2RpdmVyc2UiLCJ0IjoiY2FsbSJ9"
)
#: Name of a schema -> what one looks like.
SCHEMAS: dict[str, Any] = {
    "RecommendationOut": {
        "user": "ana",
        "emotion": _EMOTION,
        "mood": {
            "valence": 0.77,
            "arousal": 0.5,
            "strategy": "match",
            "target": {"valence": 0.77, "arousal": 0.5},
        },
        "items": [
            {
                "rank": 1,
                "song": _SONG,
                "score": 4.092,
                "reasons": [
                    {"kind": "popular", "weight": 0.793, "text": "Much played of late"},
                    {
                        "kind": "mood",
                        "weight": 0.207,
                        "text": "Near the mood of this moment: lively and bright",
                    },
                ],
            }
        ],
        "fallback": None,
        "model_version": _VERSION,
        "experiment": {"name": "bolder", "arm": "diverse"},
        "session": _SESSION,
        **_NOTICE,
        "request_id": _RID,
    },
    "SongIn": {**_POSTED, "lyrics": "Slow rain upon the window\nand the kettle sings to me"},
    "SongPosted": {
        "song": {
            **_POSTED,
            "album": None,
            "duration_s": None,
            "explicit": None,
            "links": {},
            "mood": {"valence": None, "arousal": None, "emotion": None},
            "embedding": "pending",
        },
        "status": "pending",
        "duplicate": False,
        "request_id": _RID,
    },
    "SongPage": {"items": [_LISTED], "next_cursor": "20", "request_id": _RID},
    "SimilarOut": {
        "song": _SONG,
        "items": [
            {
                "rank": 1,
                "song": _ALIKE,
                "score": 0.6388,
                "reasons": [
                    {
                        "kind": "content",
                        "weight": 0.518,
                        "text": "By the same artist, Nenuphar Drive",
                    },
                    {"kind": "content", "weight": 0.344, "text": "Lyrics are somewhat alike"},
                ],
            }
        ],
        "model_version": _VERSION,
        "request_id": _RID,
    },
    "PlaylistIn": {"user": "ana", "from": "sad", "to": "calm", "minutes": 45},
    "PlaylistOut": {
        "id": _PLAYLIST,
        "user": "ana",
        "name": "Sad to calm",
        "from": {"valence": -0.63, "arousal": -0.27},
        "to": {"valence": 0.55, "arousal": -0.6},
        "strategy": "match",
        "items": [
            {
                "rank": 1,
                "song": _ALIKE,
                "score": 1.3795,
                "reasons": [
                    {"kind": "mood", "weight": 0.677, "text": "On the way, at calm and dark"},
                    {"kind": "popular", "weight": 0.323, "text": "Much played of late"},
                ],
                "path": {"valence": -0.63, "arousal": -0.27},
            }
        ],
        "duration_s": 298.0,
        "durations_unknown": 0,
        "fallback": None,
        "model_version": _VERSION,
        "created_at": _AT,
        "links": {
            name: f"/playlists/{_PLAYLIST}.{name}" for name in ("json", "m3u8", "xspf", "jspf")
        },
        "duplicate": False,
        "request_id": _RID,
    },
    "FeedbackIn": {"user": "ana", "song": _DEMO_SONG, "event": "like"},
    "Problem": {
        "type": "/docs#no_face",
        "title": "No face was found",
        "status": 422,
        "detail": "no face was found: face the camera in even light, or state a mood instead",
        "code": "no_face",
        "request_id": _RID,
    },
    "EmotionAnswer": {**_EMOTION, **_NOTICE, "request_id": _RID},
    "FeedbackOut": {
        "user": "ana",
        "song": _DEMO_SONG,
        "event": "like",
        "duplicate": False,
        "request_id": _RID,
    },
    "SongDetail": {**_LISTED, "embedding": "ready"},
    "MoodReadingOut": {
        "song": _SONG,
        "valence": 0.099,
        "arousal": -0.96,
        "emotion": "neutral",
        "deviation": {"valence": 0.802, "arousal": 0.733},
        "emotions": {
            "angry": 0.0125, "disgust": 0.025, "fear": 0.0075, "happy": 0.09,
            "sad": 0.39, "surprise": 0.0075, "neutral": 0.4675,
        },
        "quadrants": {"happy": 0.075, "tense": 0.0725, "sad": 0.4025, "calm": 0.45},
        "source": "few_tags_and_lyrics",
        "lines": [{"line": "Kick like you're angry, breathe like a sigh", "weight": 0.621}],
        "request_id": _RID,
    },
    "HistoryOut": {
        "user": "ana",
        "items": [
            {
                "song": _DEMO_SONG,
                "title": "Swim Lesson",
                "artist": "Nenuphar Drive",
                "event": "like",
                "count": 1,
                "at": _AT,
                "emotion": "happy",
            }
        ],
        "next_cursor": "26385",
        "request_id": _RID,
    },
    "EmotionHistoryOut": {
        "user": "ana",
        "items": [
            {
                "label": "happy",
                "confidence": 0.86,
                "source": "selfie",
                "at": _AT,
                "expires_at": "2026-02-01T03:04:05Z",
            }
        ],
        "next_cursor": None,
        "request_id": _RID,
    },
    "MutedArtistsOut": {
        "user": "ana",
        "items": [{"artist": "Nenuphar Drive", "at": _AT}],
        "request_id": _RID,
    },
    "LiveOut": {"status": "live"},
    "ReadyOut": {
        "status": "ready",
        "model_version": _VERSION,
        "database": "ready",
        "expression": "ready",
        "songs": "ready",
        "bundle": "ready",
        "experiments": "ready",
        "songs_pending": 0,
        "detail": None,
    },
    "ReloadOut": {
        "model_version": _VERSION,
        "previous": "20260101T030405000000-9f8e7d6c",
        "changed": True,
        "request_id": _RID,
    },
}  # fmt: skip

#: Name of a parameter -> a value that will do in most operations.
_PARAMETERS: dict[str, Any] = {
    "artist": "Nenuphar Drive",
    "consent": True,
    "cursor": "20",
    "exclude": [_DEMO_SONG],
    "exclude_artist": ["Nenuphar Drive"],
    "exclude_heard": True,
    "explain": True,
    "explicit": False,
    "face": "largest",
    "genre": "downtempo",
    "idempotency-key": "6f9619ff-8b86-4d01-b42d-00cf4fc964ff",
    "language": ["en", "fr"],
    "lines": 3,
    "mood": "calm",
    "n": 20,
    "offset": 0,
    "playlist_id": f"{_PLAYLIST}.m3u8",
    "q": "swim lesson",
    "query": "rainy sunday, slow and warm",
    "remember": False,
    "session": _SESSION,
    "song_id": _DEMO_SONG,
    "strategy": "match",
    "tag": "balearic",
    "user": "ana",
    "user_id": "ana",
    "year_from": 1990,
    "year_to": 2026,
}
#: (operation, parameter) -> a value where the common one will not do.
_PARAMETERS_OF: dict[tuple[str, str], Any] = {
    ("history", "cursor"): 26385,
    ("emotion_history", "cursor"): 17,
}
_METRIC = (
    "# HELP attune_database_up 1 if the database answered this scrape.\n"
    "# TYPE attune_database_up gauge\nattune_database_up 1.0\n"
)
_FILE = TrackList(
    "Sad to calm",
    f"http://127.0.0.1:8000/playlists/{_PLAYLIST}",
    datetime.fromisoformat(_AT),
    [
        Track(
            _ALIKE["title"], _ALIKE["artist"], f"http://127.0.0.1:8000/songs/{_ALIKE['id']}",
            _ALIKE["album"], None, _ALIKE["duration_s"], "On the way, at calm and dark",
        )
    ],
)  # fmt: skip
#: (operation, media type) -> what answers without a schema of their own look like.
_CONTENT: dict[tuple[str, str], Any] = {
    ("playlist", "application/vnd.apple.mpegurl"): to_m3u8(_FILE),
    ("playlist", "application/xspf+xml"): to_xspf(_FILE),
    ("playlist", "application/jspf+json"): json.loads(to_jspf(_FILE)),
    ("export_user", "application/json"): {
        "user": "ana",
        "known": True,
        "created_at": _AT,
        "interactions": [
            {
                "song": _DEMO_SONG,
                "event": "like",
                "count": 1,
                "at": _AT,
                "emotion": "happy",
            }
        ],
        "playlists": [],
        "emotions": [],
        "muted_artists": [],
        "api_keys": [],
    },
    ("metrics", "text/plain"): _METRIC,
    ("metrics", "application/openmetrics-text"): f"{_METRIC}# EOF\n",
    ("privacy", "text/html"): "<!doctype html><title>Attune: privacy notice</title>",
    ("demo_listeners", "application/json"): ["ada-007", "noor-054"],
}


def parameter_example(name: str, operation: str) -> Any:
    """Return a value of a parameter."""
    return _PARAMETERS_OF.get((operation, name), _PARAMETERS.get(name))


def response_example(media: str, content: dict[str, Any], operation: str) -> Any:
    """Return what a body looks like: by operation and media type, else by its schema's name."""
    if (operation, media) in _CONTENT:
        return _CONTENT[operation, media]
    return SCHEMAS[content["schema"]["$ref"].rpartition("/")[2]]
