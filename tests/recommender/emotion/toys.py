"""Small data on disk in the public forms, with a known effect of emotion."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

SONGS, USERS, EMOTIONS = 60, 240, 3


def write_posts(folder: Path, seed: int = 0, effect: float = 0.8) -> None:
    """A share ``effect`` of posts have a song of the emotion's third, whatever the user."""
    rng = np.random.default_rng(seed)
    folder.mkdir(parents=True)
    user = np.repeat(np.arange(USERS), 12)
    emotion = rng.integers(0, EMOTIONS, len(user))
    third = np.where(rng.random(len(user)) < effect, emotion, rng.integers(0, EMOTIONS, len(user)))
    song = third * (SONGS // EMOTIONS) + rng.integers(0, SONGS // EMOTIONS, len(user))
    frame = pd.DataFrame({"user_id": user, "song_id": song, "emo_id": emotion})
    held = np.arange(len(user)) % 12 >= 9
    frame[~held].to_csv(folder / "EmoMusicLJ_UI_indexes_train.csv", index=False)
    frame[held].to_csv(folder / "EmoMusicLJ_UI5_index_validation.csv", index=False)
    np.save(folder / "EmoMusicLJ_songs_audio_emo.npy", rng.random((SONGS, 9)).astype(np.float32))


def write_situnes(folder: Path, seed: int = 0, effect: float = 1.5) -> None:
    """Who feels well likes the first half of the items, who feels badly the second."""
    rng = np.random.default_rng(seed)
    items = pd.DataFrame({
        "item_id:token": np.arange(10), "tempo:float": np.where(np.arange(10) < 5, 1.0, -1.0),
        "key:token": 1, "general_genre_id:token": np.arange(10) // 5,
    })  # fmt: skip
    for name in ("setting2-1", "setting2-2"):
        (folder / "splits_paper" / name).mkdir(parents=True)
        items.to_csv(folder / "splits_paper" / name / f"{name}.item", sep="\t", index=False)
        for part, rows in (("train", 300), ("valid", 80), ("test", 120)):
            item, valence = rng.integers(0, 10, rows), rng.uniform(-1, 1, rows)
            pull = effect * valence * np.where(item < 5, 1, -1)
            rating = np.clip(np.round(3 + pull + rng.normal(0, 0.5, rows)), 1, 5)
            table = pd.DataFrame({
                "user_id:token": rng.integers(1, 9, rows), "item_id:token": item,
                "rating:float": rating, "morning:float": rng.integers(0, 2, rows),
                "timestamp:float": 0.0, "emo_pre_valence:float": valence,
                "emo_pre_arousal:float": rng.uniform(-1, 1, rows),
                "emo_post_valence:float": rating, "emo_post_arousal:float": rating,
            })  # fmt: skip
            path = folder / "splits_paper" / name / f"{name}.{part}.inter"
            table.to_csv(path, sep="\t", index=False)


def pick(rng: np.random.Generator, values: tuple[str | None, ...], rows: int) -> list[str | None]:
    return [values[i] for i in rng.integers(0, len(values), rows).tolist()]


def write_incarmusic(folder: Path, seed: int = 0) -> None:
    rng = np.random.default_rng(seed)
    folder.mkdir(parents=True)
    rows = 300
    words = ("DrivingStyle", "landscape", "naturalphenomena", "RoadType", "sleepiness",
             "trafficConditions", "weather")  # fmt: skip
    frame = pd.DataFrame({
        "UserID": rng.integers(1000, 1006, rows), "ItemID": rng.integers(700, 710, rows),
        "Rating": rng.integers(1, 6, rows),
        "mood": pick(rng, ("happy", "sad", None), rows),
    })  # fmt: skip
    for word in words:
        frame[word] = pick(rng, ("a", None), rows)
    frame.to_parquet(folder / "ratings.parquet")
    tracks = pd.DataFrame({"id": np.arange(700, 710), "category_id": np.arange(10) % 3})
    tracks.to_parquet(folder / "tracks.parquet")
