"""Toy data with one right answer: two groups of listeners who share no song (a checkerboard)."""

from __future__ import annotations

import numpy as np

from data.interactions import Interactions
from data.types import Song, UserHistory
from recommender.candidates.factors import IalsConfig
from recommender.catalogue import Catalogue
from recommender.config import ContentConfig, PipelineConfig, RerankingConfig
from recommender.dataset import TrainingData
from recommender.fitting import fit_model, listening_of
from recommender.model import RecommenderModel

SONGS, USERS = 24, 30


def songs() -> tuple[Song, ...]:
    """Even songs are bright folk, odd songs are dark metal; two songs an artist."""
    return tuple(
        Song(
            id=f"s{i:02d}",
            title=f"Title {i}",
            artist=f"Artist {i // 4}-{i % 2}",
            genre="folk" if i % 2 == 0 else "metal",
            valence=0.8 if i % 2 == 0 else -0.8,
            arousal=-0.5 if i % 2 == 0 else 0.5,
        )
        for i in range(SONGS)
    )


def interactions(leave_out: int = 3) -> Interactions:
    """User u plays every song of its parity except ``leave_out`` of them, in turn."""
    pairs = [
        (u, i)
        for u in range(USERS)
        for i in range(u % 2, SONGS, 2)
        if (i // 2 + u // 2) % (SONGS // 2) >= leave_out
    ]
    user, item = (np.array(v, dtype=np.int64) for v in zip(*pairs, strict=True))
    return Interactions(
        user_ids=tuple(f"u{u}" for u in range(USERS)),
        item_ids=tuple(s.id for s in songs()),
        user=user,
        item=item,
        weight=np.ones(len(pairs), dtype=np.float32),
        at=np.arange(len(pairs), dtype=np.float64),
    )


def training_data() -> TrainingData:
    """The checkerboard with lyric vectors that also tell the two groups apart."""
    rng = np.random.default_rng(0)
    lyrics = rng.normal(scale=0.1, size=(SONGS, 384)).astype(np.float32)
    lyrics[::2, 0] += 1
    lyrics[1::2, 1] += 1
    lyrics[5] = np.nan
    return TrainingData(songs(), lyrics, {}, interactions())


def config() -> PipelineConfig:
    """Small settings that suit the toy."""
    return PipelineConfig(
        candidates=10,
        listening=("ials",),
        ials=IalsConfig(embedding_size=2, regularization=0.01, unseen=0.1, epochs=10),
        content=ContentConfig(lyrics_size=4),
        reranking=RerankingConfig(diversity=0.0, artist_cap=20),
    )


def model(settings: PipelineConfig | None = None) -> RecommenderModel:
    """A model fitted on the toy."""
    data = training_data()
    catalogue = Catalogue.from_songs(data.songs)
    listening = listening_of(data.interactions, catalogue, data.songs)
    fitted, _ = fit_model(settings or config(), data, catalogue, listening, seed=1)
    return fitted


def history(user: str = "new", parity: int = 0, count: int = 4) -> UserHistory:
    """A listener of the first ``count`` songs of one parity."""
    ids = tuple(f"s{i:02d}" for i in range(parity, 2 * count, 2))
    return UserHistory(user, True, ids, (1.0,) * len(ids))
