"""What requests and answers look like: the examples of ``/openapi.json``."""

from __future__ import annotations

from typing import Any

_RID = "4f1c2d3e"
_VERSION = "20260102T030405000000-0a1b2c3d"
_AT = "2026-01-02T03:04:05Z"
#: Parameters are such that the demo has an answer.
_DEMO_SONG = "demo-nenuphar-drive-swim-lesson"
_PLAYLIST = "0a1b2c3d4e5f60718293a4b5c6d7e8f9"
_NOTICE = {"notice_url": "/privacy", "notice_version": "2026-11-21"}
_EMOTION: dict[str, Any] = {
    "label": "happy",
    "probabilities": {
        "angry": 0.01, "disgust": 0.0, "fear": 0.01, "happy": 0.86,
        "sad": 0.02, "surprise": 0.04, "neutral": 0.06,
    },
    "confidence": 0.86,
    "uncertain": False,
    "source": "selfie",
    "faces": 1,
    "box": {"x": 212, "y": 96, "width": 180, "height": 180},
}  # fmt: skip
_SONG: dict[str, Any] = {
    "id": "song-99",
    "title": "Kettle at Dawn",
    "artist": "The Example Band",
    "album": None,
    "year": 2024,
    "duration_s": None,
    "explicit": None,
    "links": {},
    "mood": {"valence": 0.35, "arousal": -0.4, "emotion": "neutral"},
}
_LISTED: dict[str, Any] = {
    **_SONG,
    "genre": "folk",
    "language": "en",
    "tags": ["slow", "warm"],
}
#: Name of a schema -> what one looks like.
SCHEMAS: dict[str, Any] = {
    "RecommendationOut": {
        "user": "ana",
        "emotion": _EMOTION,
        "mood": {
            "valence": 0.72,
            "arousal": 0.41,
            "strategy": "match",
            "target": {"valence": 0.72, "arousal": 0.41},
        },
        "items": [
            {
                "rank": 1,
                "song": {
                    "id": "song-17",
                    "title": "Lanterns on the Weir",
                    "artist": "The Example Band",
                    "album": None,
                    "year": 2021,
                    "duration_s": 201.0,
                    "links": {},
                    "mood": {"valence": 0.6, "arousal": 0.3, "emotion": "happy"},
                },
                "score": 0.91,
                "reasons": [
                    {"kind": "mood", "weight": 0.4, "text": "Fits a bright, lively mood"}
                ],
            }
        ],
        "fallback": None,
        "model_version": "20260102T030405000000-0a1b2c3d",
        "experiment": {"name": "bolder", "arm": "diverse"},
        "session": "eyJ2IjoxLCJkIjoiM3lRd0JXN0NxVXVGeTJsbiIsImUiOjE4fQ",
        "notice_url": "/privacy",
        "notice_version": "2026-11-21",
        "request_id": "4f1c2d3e",
    },
    "SongIn": {
        "id": "song-99",
        "title": "Kettle at Dawn",
        "artist": "The Example Band",
        "year": 2024,
        "genre": "folk",
        "tags": ["slow", "warm"],
        "language": "en",
        "lyrics": "Slow rain upon the window\nand the kettle sings to me",
    },
    "SongPosted": {
        "song": {**_SONG, "genre": "folk", "language": "en", "tags": ["slow", "warm"],
                 "embedding": "pending"},
        "status": "pending",
        "duplicate": False,
        "request_id": "4f1c2d3e",
    },
    "SongPage": {
        "items": [{**_SONG, "genre": "folk", "language": "en", "tags": ["slow", "warm"]}],
        "next_cursor": "20",
        "request_id": "4f1c2d3e",
    },
    "SimilarOut": {
        "song": _SONG,
        "items": [
            {
                "rank": 1,
                "song": {**_SONG, "id": "song-17", "title": "Lanterns on the Weir"},
                "score": 0.74,
                "reasons": [{"kind": "content", "weight": 1.0, "text": "Lyrics are close"}],
            }
        ],
        "model_version": "20260102T030405000000-0a1b2c3d",
        "request_id": "4f1c2d3e",
    },
    "PlaylistIn": {"user": "ana", "from": "sad", "to": "0.6,0.4", "minutes": 45},
    "PlaylistOut": {
        "id": "0a1b2c3d4e5f60718293a4b5c6d7e8f9",
        "user": "ana",
        "name": "Sad to calm",
        "from": {"valence": -0.63, "arousal": -0.27},
        "to": {"valence": 0.55, "arousal": -0.6},
        "strategy": "match",
        "items": [
            {
                "rank": 1,
                "song": _SONG,
                "score": 0.83,
                "reasons": [{"kind": "mood", "weight": 0.6, "text": "On the way, at calm"}],
                "path": {"valence": -0.63, "arousal": -0.27},
            }
        ],
        "duration_s": 201.0,
        "durations_unknown": 0,
        "fallback": None,
        "model_version": "20260102T030405000000-0a1b2c3d",
        "created_at": "2026-01-02T03:04:05Z",
        "links": {
            name: f"/playlists/0a1b2c3d4e5f60718293a4b5c6d7e8f9.{name}"
            for name in ("json", "m3u8", "xspf", "jspf")
        },
        "duplicate": False,
        "request_id": "4f1c2d3e",
    },
    "FeedbackIn": {"user": "ana", "song": _DEMO_SONG, "event": "like"},
    "Problem": {
        "type": "/docs#no_face",
        "title": "No face was found",
        "status": 422,
        "detail": "no face was found in the picture",
        "code": "no_face",
        "request_id": "4f1c2d3e",
    },
    "EmotionAnswer": {**_EMOTION, **_NOTICE, "request_id": _RID},
    "FeedbackOut": {
        "user": "ana",
        "song": "song-17",
        "event": "like",
        "duplicate": False,
        "request_id": _RID,
    },
    "SongDetail": {**_LISTED, "embedding": "ready"},
    "MoodReadingOut": {
        "song": _SONG,
        "valence": 0.31,
        "arousal": -0.38,
        "emotion": "neutral",
        "deviation": {"valence": 0.9, "arousal": 0.9},
        "emotions": {
            "angry": 0.02, "disgust": 0.01, "fear": 0.03, "happy": 0.3,
            "sad": 0.2, "surprise": 0.04, "neutral": 0.4,
        },
        "quadrants": {"happy": 0.3, "tense": 0.05, "sad": 0.25, "calm": 0.4},
        "source": "lyrics",
        "lines": [{"line": "and the kettle sings to me", "weight": 0.21}],
        "request_id": _RID,
    },
    "HistoryOut": {
        "user": "ana",
        "items": [
            {"song": "song-17", "event": "like", "count": 1, "at": _AT, "emotion": "happy"}
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
        "items": [{"artist": "The Example Band", "at": _AT}],
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
    "genre": "folk",
    "idempotency-key": "6f9619ff-8b86-4d01-b42d-00cf4fc964ff",
    "language": "en",
    "lines": 3,
    "mood": "calm",
    "n": 20,
    "offset": 0,
    "playlist_id": f"{_PLAYLIST}.m3u8",
    "q": "swim lesson",
    "query": "rainy sunday, slow and warm",
    "remember": False,
    "session": SCHEMAS["RecommendationOut"]["session"],
    "song_id": _DEMO_SONG,
    "strategy": "match",
    "tag": "slow",
    "user": "ana",
    "user_id": "ana",
    "year_from": 1990,
    "year_to": 2026,
}
#: (operation, parameter) -> a value where the common one will not do.
_PARAMETERS_OF: dict[tuple[str, str], Any] = {
    ("recommend", "language"): ["en", "fr"],
    ("recommend_post", "language"): ["en", "fr"],
    ("history", "cursor"): 26385,
    ("emotion_history", "cursor"): 17,
}
_M3U8 = (
    "#EXTM3U\n#EXTENC:UTF-8\n#PLAYLIST:Sad to calm\n"
    "#EXTINF:-1,The Example Band - Kettle at Dawn\nhttp://127.0.0.1:8000/songs/song-99\n"
)
#: (operation, media type) -> what answers without a schema of their own look like.
_CONTENT: dict[tuple[str, str], Any] = {
    ("playlist", "application/vnd.apple.mpegurl"): _M3U8,
    ("playlist", "application/xspf+xml"): (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<playlist version="1" xmlns="http://xspf.org/ns/0/"><title>Sad to calm</title>'
        "<trackList><track><title>Kettle at Dawn</title></track></trackList></playlist>\n"
    ),
    ("playlist", "application/jspf+json"): {
        "playlist": {"title": "Sad to calm", "track": [{"title": "Kettle at Dawn"}]}
    },
    ("export_user", "application/json"): {
        "user": "ana",
        "known": True,
        "created_at": _AT,
        "interactions": [
            {"song": "song-17", "event": "like", "count": 1, "at": _AT, "emotion": None}
        ],
        "playlists": [],
        "emotions": [],
        "muted_artists": [],
        "api_keys": [],
    },
    ("metrics", "text/plain"): "attune_up 1.0\n",
    ("metrics", "application/openmetrics-text"): "attune_up 1.0\n# EOF\n",
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
