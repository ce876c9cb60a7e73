"""Cases to learn a correction from: the served parts, fitted again without what is to be found."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from data.interactions import Interactions
from data.splitting import split_holdout
from recommender.catalogue import Catalogue
from recommender.config import PipelineConfig
from recommender.deep.features import RankingCase
from recommender.fitting import fit_model, listening_of
from recommender.model import RecommenderModel
from recommender.pipeline import RecommendationPipeline
from recommender.ranking import TestCase
from recommender.scoring.hybrid import HybridScorer
from recommender.splits import Source
from recommender.tuning import tuning_cases, with_short

Report = Callable[[str], None]
#: Share of every user's songs that each fit does without.
SHARE = 0.2


def stacked_cases(
    config: PipelineConfig,
    describe: Source,
    known: Interactions,
    fits: int,
    users: int,
    seed: int,
    report: Report,
) -> list[RankingCase]:
    """Fit the parts ``fits`` times, each without another fifth of every user's songs.

    What a part makes of a song it was fitted on says nothing of what it makes of others, so that
    lists to learn from have to come from parts that have not seen what is to be found (stacked
    generalisation; Wolpert, Neural Networks 5, 1992).

    Args:
        config: settings of the parts and the blend.
        describe: reads the songs.
        known: all events that may be used.
        fits: how often.
        users: at most so many users of each fit.
        seed: of the shares, the users, and the factorisations.
        report: called with one line per fit.
    """
    found: list[RankingCase] = []
    for number in range(fits):
        held = split_holdout(known, validation=0.0, test=SHARE, seed=seed + 101 * (number + 1))
        data = describe((held.test,))
        catalogue = Catalogue.from_songs(data.songs, data.moods)
        listening = listening_of(held.train, catalogue, data.songs)
        model, _ = fit_model(config, data, catalogue, listening, seed)
        tests = tuning_cases(held.train, held.test, catalogue, users, seed + number)
        found += ranking_cases(model, with_short(tests, seed + number))
        report(f"parts fitted without a fifth, {number + 1} of {fits}: {len(found)} lists")
    return found


def ranking_cases(model: RecommenderModel, tests: Sequence[TestCase]) -> list[RankingCase]:
    """Return the candidates of every case with what the parts and the blend make of them."""
    hybrid = HybridScorer.of(model.config)
    pipeline = RecommendationPipeline(model, hybrid)
    found = []
    for case in tests:
        songs, parts = pipeline.raw_parts(case.context, case.excluded)
        blend = hybrid(case.context, songs, parts).scores
        own = {name: parts[name] for name, part in model.taste.items() if part.is_fitted}
        relevant = np.isin(songs, list(case.relevant))
        if relevant.any():
            found.append(RankingCase(case.context, songs, own, blend, relevant, case.user))
    return found
