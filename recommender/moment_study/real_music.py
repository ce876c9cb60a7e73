"""Real listeners and songs for the trade-off; the moods they state are drawn at random.

Nobody said how they felt when these songs were put on, so the mood asked for has nothing to do
with the songs held out: the hardest case, in which every step towards the mood costs.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from data.db.session import Database
from data.errors import ConfigError
from data.interactions import Interactions
from data.moods import EMOTION_MOODS, MOOD_WORDS
from data.settings import Settings
from data.splitting import split_holdout
from data.types import UserHistory
from nlp.mood import MoodModel
from recommender.bootstrap import build_pipeline, vector_store
from recommender.dataset import TrainingData, load_training_data
from recommender.loading import fits_encoder, mood_files
from recommender.moment_study.config import MomentStudyConfig
from recommender.moment_study.periods import Listener, Occasion, listener_of
from recommender.moment_study.tradeoff import Moods
from recommender.training import train_recommender

Report = Callable[[str], None]


def real_moods(config: MomentStudyConfig, home: Path, report: Report) -> tuple[Moods, Moods]:
    """Return listeners for validation and for test, each with random stated moods.

    A fifth of each listener's songs is held out and to be found; the model is trained on the rest,
    on a copy of the database.

    Raises:
        ConfigError: if ``home`` holds no database.
    """
    if not (home / "attune.db").is_file():
        raise ConfigError(f"{home} holds no attune.db: ingest songs and listens there first")
    data = _read(Settings(home=home, _env_file=None), home)  # type: ignore[call-arg]
    split = split_holdout(
        data.interactions, validation=0.0, test=config.real_share, seed=config.seed
    )
    report(f"real music: {len(data.songs)} songs, {len(data.interactions.user_ids)} listeners")
    training = replace(data, interactions=split.train)
    pipeline = build_pipeline(train_recommender(config.recommender, training, report).model)
    rng = np.random.default_rng((config.seed, 12))
    able = np.unique(split.test.user)
    users = rng.permutation(able)[: 2 * config.real_users]
    words = np.array([(m.valence, m.arousal) for m in (*EMOTION_MOODS.values(),
                                                       *MOOD_WORDS.values())])  # fmt: skip
    listeners: dict[int, Listener] = {}
    occasions: list[list[Occasion]] = [[], []]
    for place, user in enumerate(users.tolist()):
        listeners[user] = listener_of(pipeline, _history(split.train, user))
        hidden = [split.test.item_ids[i] for i in split.test.item[split.test.user == user]]
        songs = pipeline.model.catalogue.locate(hidden)
        stated = words[rng.choice(len(words), config.real_targets, replace=False)]
        occasions[place % 2] += [Occasion(user, -1, mood, mood, songs) for mood in stated]
    return Moods.of(listeners, occasions[0]), Moods.of(listeners, occasions[1])


def _read(settings: Settings, home: Path) -> TrainingData:
    files = mood_files(settings)
    mood = MoodModel.load(files["mood.npz"]) if fits_encoder(settings, files["mood.json"]) else None
    with TemporaryDirectory() as folder:
        copy = Path(folder) / "attune.db"
        shutil.copyfile(home / "attune.db", copy)
        database = Database(f"sqlite:///{copy}")
        try:
            database.upgrade()
            return load_training_data(database, vector_store(settings), mood)
        finally:
            database.dispose()


def _history(known: Interactions, user: int) -> UserHistory:
    rows = np.flatnonzero(known.user == user)
    rows = rows[np.argsort(known.at[rows], kind="stable")]
    songs = tuple(known.item_ids[i] for i in known.item[rows])
    weights = tuple(float(w) for w in known.weight[rows])
    return UserHistory(known.user_ids[user], True, songs, weights)
