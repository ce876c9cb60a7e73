"""Fitting the two towers in Keras: a part of every history is hidden, and found among all songs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras import ops

from data.errors import TrainingError
from data.types import FloatArray
from recommender.deep.batches import PADDING, fit_scaling
from recommender.deep.config import TwoTowerConfig
from recommender.deep.network import listwise_softmax
from recommender.deep.two_tower import TowerWeights, TwoTower, damped

Report = Callable[[str], None]


class Towers(keras.Model):  # type: ignore[misc]
    """Histories (b, n), rows of unit length, to logits (b, n) over all songs.

    Args:
        config: sizes and dropouts.
        content: float32 (n, f), scaled.
        seen: bool (n,), songs with listeners; the others have no part by id.
    """

    def __init__(self, config: TwoTowerConfig, content: FloatArray, seen: Any, seed: int) -> None:
        super().__init__(name="towers")
        n, d = len(content), config.embedding_size
        self._config, self._d = config, d
        self._content = ops.convert_to_tensor(content)
        self._seen = ops.convert_to_tensor(seen.astype(np.float32)[:, None])
        self._seeds = keras.random.SeedGenerator(seed)
        narrow = keras.initializers.RandomNormal(stddev=d**-0.5, seed=seed)
        self.ids = self.add_weight(shape=(n, 2 * d), initializer=narrow, name="ids")
        self.bias = self.add_weight(shape=(n, 1), initializer="zeros", name="id_bias")
        self.song_layers = [keras.layers.Dense(h, activation="relu") for h in config.hidden[:1]]
        self.song_out = keras.layers.Dense(2 * d + 1, use_bias=False)
        if config.user_hidden:
            self.user_in = keras.layers.Dense(config.user_hidden, activation="relu")
            self.user_out = keras.layers.Dense(d, use_bias=False, kernel_initializer="zeros")

    def songs(self, training: bool = False) -> tuple[Any, Any]:
        """Return queries (n, d) and targets (n, d + 1)."""
        keep = self._seen
        if training and self._config.id_dropout:
            chance = keras.random.uniform(ops.shape(keep), seed=self._seeds)
            keep = keep * ops.cast(chance >= self._config.id_dropout, "float32")
        x = self._content
        for layer in self.song_layers:
            x = layer(x)
        whole = self.song_out(x) + keep * ops.concatenate([self.ids, self.bias], axis=1)
        return whole[:, : self._d], whole[:, self._d :]

    def call(self, histories: Any, training: bool = False) -> Any:
        """Score all songs for every history."""
        queries, targets = self.songs(training)
        users = ops.matmul(histories, queries)
        if self._config.user_hidden:
            users = users + self.user_out(self.user_in(users))
        return ops.matmul(users, ops.transpose(targets[:, :-1])) + targets[:, -1]


def fit_two_tower(
    config: TwoTowerConfig,
    rows: Any,
    content: FloatArray,
    seed: int,
    report: Report = lambda line: None,
) -> TwoTower:
    """Fit by a softmax over all songs; the same seed gives the same weights.

    A step holds all songs in memory and a score of each for every user of a batch: 100,000 songs
    by 128 users are 51 MB a matrix.

    Args:
        config: the network and its training.
        rows: sparse (users, n) positive weights.
        content: float32 (n, f), f may be 0; zero rows where nothing is known of a song.
        seed: of weights, of what is dropped and hidden, and of the order.
        report: called with one line every ten epochs.

    Raises:
        TrainingError: if no user has two songs.
    """
    users = np.flatnonzero(rows.getnnz(axis=1) >= 2)
    if not len(users):
        raise TrainingError("two towers need users with at least two songs")
    content = np.concatenate([content, np.zeros((len(content), 1), np.float32)], axis=1)
    scaling = fit_scaling(content)
    shift, factor = (np.array(v, dtype=np.float32) for v in (scaling.shift, scaling.factor))
    has_content, seen = np.any(content != 0, axis=1), rows.getnnz(axis=0) > 0
    # A song without content is placed by its id alone, not as if its content were all zero.
    inputs = np.where(has_content[:, None], (content - shift) * factor, 0).astype(np.float32)
    keras.utils.clear_session()
    keras.utils.set_random_seed(seed)
    towers = Towers(config, inputs, seen, seed)
    optimizer = keras.optimizers.AdamW(config.learning_rate, weight_decay=config.weight_decay)
    optimizer.exclude_from_weight_decay(var_names=["bias"])
    towers.compile(optimizer=optimizer, loss=listwise_softmax, jit_compile=False)
    rng = np.random.default_rng((seed, 10))
    weighted = rows.astype(np.float32).tocsr(copy=True)
    weighted.data = damped(weighted.data)
    size = min(config.batch_size, len(users))
    for epoch in range(1, config.epochs + 1):
        order, losses = rng.permutation(users), []
        for start in range(0, len(order) - size + 1, size):
            x, truth = _hidden(weighted[order[start : start + size]], config, rng)
            losses.append(float(towers.train_on_batch(x, truth)))
        if epoch % 10 == 0 or epoch == config.epochs:
            report(f"epoch {epoch} of {config.epochs}: {np.mean(losses):.4f}")
    return TwoTower(config, _weights(towers, shift, factor, has_content | seen))


def _hidden(
    rows: Any, config: TwoTowerConfig, rng: np.random.Generator
) -> tuple[FloatArray, FloatArray]:
    """Hide a part of every history.

    The share that is hidden is drawn anew for every user, with the mean that the configuration
    says, so that short and long histories are learned from. At least one song is kept and one
    hidden.

    Returns:
        float32 (b, n) what is kept, of unit length, and (b, n, 2): shares of what is hidden, and
        offsets that take what is kept out of the softmax.
    """
    mean = config.history_dropout
    shares = rng.uniform(max(0.0, 2 * mean - 1), min(1.0, 2 * mean), size=rows.shape[0])
    kept = np.zeros(rows.shape, dtype=np.float32)
    truth = np.zeros((*rows.shape, 2), dtype=np.float32)
    for i, share in enumerate(shares.tolist()):
        span = slice(rows.indptr[i], rows.indptr[i + 1])
        songs, weights = rows.indices[span], rows.data[span]
        count = int(np.clip(round(share * len(songs)), 1, len(songs) - 1))
        order = rng.permutation(len(songs))
        hidden, left = order[:count], order[count:]
        kept[i, songs[left]] = weights[left] / np.linalg.norm(weights[left])
        truth[i, songs[hidden], 0] = 1 / count
        truth[i, songs[left], 1] = PADDING
    return kept, truth


def _weights(towers: Towers, shift: FloatArray, factor: FloatArray, known: Any) -> TowerWeights:
    queries, targets = (ops.convert_to_numpy(v).astype(np.float32) for v in towers.songs())
    d = queries.shape[1]
    layer = towers.song_layers[0] if towers.song_layers else None
    hidden = np.zeros((len(shift) + 1, 0), np.float32) if layer is None else _with_bias(layer)
    user = towers._config.user_hidden
    return TowerWeights(
        queries,
        targets,
        known,
        shift[:-1],
        factor[:-1],
        np.delete(hidden, len(shift) - 1, axis=0),
        _of(towers.song_out) if layer is not None else _of(towers.song_out)[:-1],
        _with_bias(towers.user_in) if user else np.zeros((d + 1, 0), np.float32),
        _of(towers.user_out) if user else np.zeros((0, d), np.float32),
    )


def _of(layer: keras.layers.Dense) -> FloatArray:
    return np.asarray(ops.convert_to_numpy(layer.kernel), dtype=np.float32)


def _with_bias(layer: keras.layers.Dense) -> FloatArray:
    bias = np.asarray(ops.convert_to_numpy(layer.bias), dtype=np.float32)
    return np.concatenate([_of(layer), bias[None]])
