"""Repositories: the only place that writes queries. Each takes a session and never commits."""

from data.db.repositories.bundles import BundleRepository
from data.db.repositories.emotions import EmotionRepository, RememberedEmotion
from data.db.repositories.imported_listens import ImportedListenRepository
from data.db.repositories.interactions import HistoryStamp, InteractionRepository
from data.db.repositories.keys import ApiKeyInfo, ApiKeyRepository, key_digest
from data.db.repositories.muted import MutedArtistRepository
from data.db.repositories.playlists import PlaylistRepository, SavedPlaylist
from data.db.repositories.posted_songs import Posted, PostedSongRepository
from data.db.repositories.rate_buckets import BucketRule, Drawn, RateBucketRepository
from data.db.repositories.song_changes import SongChange, SongChangeRepository
from data.db.repositories.songs import SongRepository
from data.db.repositories.users import UserRepository

__all__ = [
    "ApiKeyInfo",
    "ApiKeyRepository",
    "BucketRule",
    "BundleRepository",
    "Drawn",
    "EmotionRepository",
    "HistoryStamp",
    "ImportedListenRepository",
    "InteractionRepository",
    "MutedArtistRepository",
    "PlaylistRepository",
    "Posted",
    "PostedSongRepository",
    "RateBucketRepository",
    "RememberedEmotion",
    "SavedPlaylist",
    "SongChange",
    "SongChangeRepository",
    "SongRepository",
    "UserRepository",
    "key_digest",
]
