"""The study finds a planted effect, finds none where there is none, and repeats itself."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from data.datasets.situations import read_situnes
from data.errors import ConfigError, DatasetNotFoundError
from recommender.emotion.config import EmotionStudyConfig
from recommender.emotion.ratings import study_ratings
from recommender.emotion.study import run_emotion_study
from tests.conftest import ROOT
from tests.recommender.emotion.toys import write_incarmusic, write_posts, write_situnes

SMALL: dict[str, object] = {
    "seed": 3,
    "bootstrap": 200,
    "emomusiclj": {
        "permutations": 3,
        "retrained": 2,
        "candidates": 60,
        "item_knn": [{"terms": "binary", "shrink": 10.0}],
        "rp3beta": [],
        "ials": [{"embedding_size": 4}, {"embedding_size": 8}],
        "trials": [
            {"name": "lift", "lift": 5.0},
            {"name": "response", "response": {"penalty": 5.0, "last_penalty": 5.0}, "lift": 5.0},
            {"name": "own songs", "personal": True},
        ],
    },
    "situnes": {"liked": 3.5, "permutations": 4, "retrained": 2},
    "incarmusic": {"liked": 4.0, "permutations": 2, "retrained": 1, "splits": 2},
}


def config() -> EmotionStudyConfig:
    return EmotionStudyConfig.parse(SMALL)


def test_the_shipped_file_survives_a_round_trip(tmp_path: Path) -> None:
    shipped = EmotionStudyConfig.from_toml(ROOT / "configs/recommender/emotion.toml")
    (tmp_path / "a.toml").write_text(shipped.to_toml(), encoding="utf-8")
    assert EmotionStudyConfig.from_toml(tmp_path / "a.toml") == shipped
    assert shipped.emomusiclj.permutations >= 20
    with pytest.raises(ConfigError, match="bootstrap"):
        EmotionStudyConfig.parse({**SMALL, "bootstrap": 1})


def test_emotion_helps_where_it_was_planted(tmp_path: Path) -> None:
    write_posts(tmp_path / "data" / "emomusiclj")
    found = run_emotion_study(config(), tmp_path / "data", tmp_path / "out")
    assert found.missing == ("situnes", "incarmusic")
    written = json.loads((tmp_path / "out" / "metrics.json").read_text(encoding="utf-8"))
    gains = written["emomusiclj"]["gains"]
    for control in ("no emotion", "permuted emotion", "emotion permuted in training"):
        for metric in ("nDCG@10", "MRR", "log likelihood"):
            assert gains[control][metric]["difference"]["low"] > 0
    systems = written["emomusiclj"]["systems"]
    assert {"popularity", "item_knn", "ials", "no emotion", "emotion"} <= set(systems)
    report = (tmp_path / "out" / "report.md").read_text(encoding="utf-8")
    assert "`situnes/`, `incarmusic/`" in report
    assert (tmp_path / "out" / "emotion_gain.png").is_file()
    asked = {t["trial"]["name"]: t["gain"] for t in written["emomusiclj"]["emotion_trials"]}
    assert written["emomusiclj"]["chosen"] == max(asked, key=lambda name: asked[name])
    assert asked["own songs"] < asked["lift"]


def test_emotion_does_not_help_where_it_says_nothing(tmp_path: Path) -> None:
    write_posts(tmp_path / "data" / "emomusiclj", effect=0.0)
    run_emotion_study(config(), tmp_path / "data", tmp_path / "out")
    written = json.loads((tmp_path / "out" / "metrics.json").read_text(encoding="utf-8"))
    for metrics in written["emomusiclj"]["gains"].values():
        assert metrics["nDCG@10"]["difference"]["low"] < 0.01


def test_a_test_table_is_scored_where_one_is_named(tmp_path: Path) -> None:
    folder = tmp_path / "data" / "emomusiclj"
    write_posts(folder)
    lines = (folder / "EmoMusicLJ_UI5_index_validation.csv").read_text().splitlines()
    (folder / "kept.csv").write_text("\n".join(lines[:41]) + "\n", encoding="utf-8")
    base = config()
    named = base.model_copy(
        update={"emomusiclj": base.emomusiclj.model_copy(update={"test": "kept.csv"})}
    )
    found = run_emotion_study(named, tmp_path / "data", tmp_path / "out")
    assert found.posts is not None
    assert set(found.posts.queries.users.tolist()) <= set(range(15))
    assert "kept.csv" in (tmp_path / "out" / "report.md").read_text(encoding="utf-8")


def test_the_same_seed_writes_the_same_files(tmp_path: Path) -> None:
    write_posts(tmp_path / "data" / "emomusiclj")
    write_situnes(tmp_path / "data" / "situnes")
    write_incarmusic(tmp_path / "data" / "incarmusic")
    for name in "ab":
        run_emotion_study(config(), tmp_path / "data", tmp_path / name)
    names = sorted(path.name for path in (tmp_path / "a").iterdir())
    assert names == [
        "emotion_gain.png",
        "incarmusic.png",
        "metrics.json",
        "report.md",
        "situnes.png",
    ]
    for name in names:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_ratings_find_the_planted_emotion_and_only_it(tmp_path: Path) -> None:
    write_situnes(tmp_path / "there")
    write_situnes(tmp_path / "none", effect=0.0)
    name = "and emotion"
    there = study_ratings(config().situnes, read_situnes(tmp_path / "there"), 3, 200)
    for other in ("user and song", f"{name}, permuted", f"{name}, permuted in training"):
        assert there.differences[f"{name} - {other}"].low > 0
        assert there.error_differences[f"{name} - {other}"].high < 0
    none = study_ratings(config().situnes, read_situnes(tmp_path / "none"), 3, 200)
    control = f"{name} - {name}, permuted in training"
    assert abs(none.differences[control].mean) < 0.1 < there.differences[control].mean


def test_no_folder_at_all_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DatasetNotFoundError, match="emomusiclj, situnes, incarmusic"):
        run_emotion_study(config(), tmp_path, tmp_path / "out")
