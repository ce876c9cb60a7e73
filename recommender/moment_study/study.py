"""All studies of the moment in one run: ``attune evaluate moments``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from data.datasets.demo import simulate_listeners
from recommender.moment_study.camera import CameraStudy, read_answers, study_camera
from recommender.moment_study.config import MomentStudyConfig
from recommender.moment_study.figures import Resamples
from recommender.moment_study.periods import learn_before, occasions_between
from recommender.moment_study.ranking import SystemRow, compare_systems
from recommender.moment_study.real_music import real_moods
from recommender.moment_study.recovery import Learned, Recovery, permuted, recover
from recommender.moment_study.tradeoff import Moods, Way, trade_off
from recommender.response import UserResponse

Report = Callable[[str], None]


@dataclass(frozen=True)
class MomentStudy:
    """What every study found.

    Attributes:
        sizes: what was measured on, by name.
        population: the response of the population that was learned.
        recovery: learned response against the truth, learned and from permuted emotions.
        systems: later sessions ranked, by system.
        trade_off: on the simulated listeners, by way.
        real: on real music, by way; None where no home is given.
        camera: with the reader's real answers; None where there are no faces to read.
    """

    sizes: dict[str, int]
    population: UserResponse
    recovery: dict[str, list[Recovery]]
    systems: dict[str, SystemRow]
    trade_off: dict[str, Way]
    real: dict[str, Way] | None
    camera: CameraStudy | None


def run_moment_study(
    config: MomentStudyConfig, data: Path | None, out: Path, report: Report = lambda line: None
) -> MomentStudy:
    """Run every study and write ``report.md``, ``metrics.json`` and plots to ``out``.

    Args:
        config: the studies.
        data: folder of FER2013 (or with a folder ``fer2013``), for the camera; None leaves it out.
        out: folder to write to.
        report: receives a line per step.

    Raises:
        MissingExtraError: if matplotlib, for the plots, is not installed.
        ConfigError: if ``config.home`` holds no database.
    """
    from recommender.moment_study.report import write_study

    study = study_moments(config, data, report)
    write_study(study, config, out)
    return study


def study_moments(config: MomentStudyConfig, data: Path | None, report: Report) -> MomentStudy:
    """Run every study; see :func:`run_moment_study`."""
    listeners = simulate_listeners(config.demo)
    times = np.array([e.at.timestamp() for e in listeners.events])
    first, last = float(times.min()), float(times.max()) + 1
    middle, late = (first + s * (last - first) for s in (config.validation_from, config.test_from))
    before = learn_before(listeners, middle, config.recommender, report)
    validation = before, occasions_between(listeners, before, middle, late)
    report(f"validation: {len(validation[1])} sessions")
    known = learn_before(listeners, late, config.recommender, report)
    test = known, occasions_between(listeners, known, late, last)
    report(f"test: {len(test[1])} sessions")
    resamples = Resamples.draw(len(listeners.users), config.rounds, config.seed)
    catalogue, moments = known.pipeline.model.catalogue, known.data.moments
    learned = Learned.of(moments, catalogue)
    shuffled = Learned.of(permuted(moments, config.seed), catalogue)
    found = {
        name: recover(which, listeners.truth, config.least_moments, config.rounds, config.seed)
        for name, which in (("learned", learned), ("from permuted emotions", shuffled))
    }
    systems = compare_systems(config, validation, test, resamples)
    report("systems compared")
    mood, k = config.recommender.pipeline.mood, config.cutoff
    halves = [Moods.of(period.listeners, occasions) for period, occasions in (validation, test)]
    curves = trade_off(halves[0], halves[1], mood, k, config.strengths, resamples)
    report("trade-off measured")
    camera = None
    if data is not None:
        camera = study_camera(
            known, test[1], read_answers(data), listeners.truth.kinds, mood,
            config.confidences, k, config.seed, resamples,
        )  # fmt: skip
    real = None
    if config.home is not None:
        seen, asked = real_moods(config, Path(config.home), report)
        numbers = max((*seen.listeners, *asked.listeners)) + 1
        users = Resamples.draw(numbers, config.rounds, config.seed)
        real = trade_off(seen, asked, mood, k, config.strengths, users)
    sizes = {
        "listeners": len(listeners.users),
        "moments to learn from": len(moments),
        "sessions of the test": len(test[1]),
        "of them with an emotion": sum(o.label >= 0 for o in test[1]),
    }
    return MomentStudy(sizes, learned.response.population, found, systems, curves, real, camera)
