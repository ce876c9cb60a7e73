"""``attune evaluate emotion``: every part whose data are there, then the report."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from data.datasets.situations import read_emomusiclj, read_incarmusic, read_situnes
from data.errors import DatasetNotFoundError
from data.files import replace_text
from recommender.emotion.config import EmotionStudyConfig
from recommender.emotion.listening import Report
from recommender.emotion.posts import PostsResult, study_posts
from recommender.emotion.posts_report import describe_posts, plot_posts, summarise_posts
from recommender.emotion.ratings import RatingsResult, study_ratings
from recommender.emotion.ratings_report import describe_ratings, plot_ratings, summarise_ratings

_FOLDERS = {"emomusiclj": "EmoMusicLJ", "situnes": "SiTunes", "incarmusic": "InCarMusic"}


@dataclass
class EmotionStudyResult:
    """What each part found.

    Attributes:
        posts: on EmoMusicLJ, or None where it was not there.
        ratings: data set -> result.
        missing: folders that were not there.
    """

    posts: PostsResult | None = None
    ratings: dict[str, RatingsResult] = field(default_factory=dict)
    missing: tuple[str, ...] = ()


def run_emotion_study(
    config: EmotionStudyConfig, data: Path, out: Path, report: Report = lambda line: None
) -> EmotionStudyResult:
    """Run the parts whose folders are in ``data``; write report.md, metrics.json and plots.

    Args:
        config: everything that is tried.
        data: folder that holds ``emomusiclj``, ``situnes`` or ``incarmusic``.
        out: folder of what is written.
        report: is told what is going on.

    Raises:
        DatasetNotFoundError: if none of them is there, or a file in one of them is missing.
        DatasetFormatError: if a table is not as expected.
        MissingExtraError: if matplotlib is not installed.
    """
    missing = tuple(name for name in _FOLDERS if not (data / name).is_dir())
    if len(missing) == len(_FOLDERS):
        raise DatasetNotFoundError(f"{data} holds none of the folders {', '.join(_FOLDERS)}")
    found = EmotionStudyResult(missing=missing)
    if "emomusiclj" not in missing:
        posts = read_emomusiclj(data / "emomusiclj", config.emomusiclj.test)
        found.posts = study_posts(config.emomusiclj, posts, config.seed, report)
    for name, read, setting in (
        ("situnes", read_situnes, config.situnes),
        ("incarmusic", read_incarmusic, config.incarmusic),
    ):
        if name not in missing:
            report(f"{_FOLDERS[name]}: predicting ratings")
            rated = read(data / name)
            found.ratings[name] = study_ratings(setting, rated, config.seed, config.bootstrap)
    _write(config, found, out)
    return found


def _write(config: EmotionStudyConfig, found: EmotionStudyResult, out: Path) -> None:
    out.mkdir(parents=True, exist_ok=True)
    lines = ["# Does a listener's emotion help to rank songs?", ""]
    document: dict[str, object] = {"config": config.model_dump(mode="json")}
    if found.posts is not None:
        rng = np.random.default_rng((config.seed, 9))
        summary = summarise_posts(found.posts, config.bootstrap, rng)
        lines += describe_posts(found.posts, summary, config.emomusiclj)
        document["emomusiclj"] = summary
        plot_posts(summary, config.emomusiclj, out / "emotion_gain.png")
    for name, result in found.ratings.items():
        setting = config.situnes if name == "situnes" else config.incarmusic
        lines += describe_ratings(_FOLDERS[name], result, setting)
        document[name] = summarise_ratings(result)
        plot_ratings(_FOLDERS[name], result, out / f"{name}.png")
    if found.missing:
        names = ", ".join(f"`{name}/`" for name in found.missing)
        lines += [f"Not run, as the folder was not there: {names}.", ""]
    replace_text(out / "report.md", "\n".join(lines).rstrip() + "\n")
    replace_text(out / "metrics.json", json.dumps(document, indent=1) + "\n")
