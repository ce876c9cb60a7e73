"""Where an evaluation's data come from: public data sets as training data."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from data.errors import ConfigError
from recommender.config import SourceConfig
from recommender.dataset import TrainingData

if TYPE_CHECKING:
    from data.datasets.listening import ListeningData
    from data.interactions import Interactions


def public_source(
    config: SourceConfig, path: Path
) -> Callable[[Sequence[Interactions]], TrainingData]:
    """Return a reader of a public data set; what is held out tells nothing of its songs.

    Args:
        config: which reader, and the columns of a table.
        path: the data set.

    Raises:
        ConfigError: if the configuration reads the database.
    """
    if config.reader == "database":
        raise ConfigError('--data goes with source.reader = "hetrec", "playlists" or "pairs"')

    def read(hidden: Sequence[Interactions]) -> TrainingData:
        found = _read(config, path, hidden).with_listeners(config.least_listeners)
        lyrics = np.full((len(found.songs), 2), np.nan, dtype=np.float32)
        return TrainingData(found.songs, lyrics, {}, found.interactions)

    return read


def _read(config: SourceConfig, path: Path, hidden: Sequence[Interactions]) -> ListeningData:
    from data.datasets.hetrec import read_hetrec_music
    from data.datasets.listening import read_listening
    from data.datasets.playlists import read_playlists

    if config.reader == "hetrec":
        return read_hetrec_music(path, hidden=hidden)
    if config.reader == "playlists":
        return read_playlists(path)
    return read_listening(path, config.user, config.item, config.weight, config.time)
