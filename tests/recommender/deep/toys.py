"""Lists whose right order the tags tell and the hybrid does not."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from data.types import FloatArray, IntArray
from recommender.deep.config import DeepRankerConfig, FeatureGroups
from recommender.deep.features import FeatureLayout, RankingCase
from recommender.deep.songs import SongFeatures
from recommender.stages import Context, ItemList

SONGS = 60
#: Song i is of group i % 3, and so are its tags.
TAGS = np.eye(3, dtype=np.float32)[np.arange(SONGS) % 3]
CONFIG = DeepRankerConfig(
    hidden=(8,), dropout=0.0, learning_rate=0.02, epochs=4, folds=3, top=20, sampled=10, cutoff=5
)


def songs() -> SongFeatures:
    return SongFeatures.of(np.full(SONGS, 4.0, np.float32), tags=TAGS)


def case(user: int, *, informed: bool = True) -> RankingCase:
    """A listener of one group; half of that group's other songs are to be found.

    Uninformed cases have their right answers drawn by chance: nothing can be learned.
    """
    rng = np.random.default_rng(user)
    order = rng.permutation(SONGS)
    group = order % 3 == user % 3
    history, rest = order[group][:5], order[~np.isin(order, order[group][:5])]
    right = (rest % 3 == user % 3) if informed else (rng.random(len(rest)) < 0.2)
    blend = rng.normal(size=len(rest)).astype(np.float32)
    parts = {"ials": blend.copy(), "bpr": np.full(len(rest), np.nan, np.float32)}
    context = Context(history.astype(np.int64), np.ones(len(history), np.float32))
    return RankingCase(context, rest.astype(np.int64), parts, blend, right, user)


def cases(count: int = 30, *, informed: bool = True) -> list[RankingCase]:
    return [case(user, informed=informed) for user in range(count)]


def layout(groups: FeatureGroups | None = None) -> FeatureLayout:
    return FeatureLayout(("bpr", "ials"), (0, 3, 0), groups or FeatureGroups())


class PlainHybrid:
    """Takes one scorer's word for it; a target pulls everything up by its confidence."""

    def __call__(
        self, context: Context, songs: IntArray, parts: Mapping[str, FloatArray]
    ) -> ItemList:
        evidence = {"ials": parts["ials"]}
        if context.target is not None:
            evidence["mood"] = np.linspace(-3, 3, len(songs), dtype=np.float32)
        total = np.sum([*evidence.values()], axis=0, dtype=np.float32)
        return ItemList(songs, np.asarray(total, np.float32), evidence)
