"""Evaluation: the protocol against one worked out by hand, segments, files, and data sets."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from data.errors import ConfigError
from data.interactions import Interactions
from data.settings import Settings
from data.types import Song
from recommender.catalogue import Catalogue
from recommender.config import RecommenderConfig, SourceConfig, SplitConfig
from recommender.dataset import TrainingData
from recommender.deep.config import DeepConfig
from recommender.evaluation import BLEND, SERVED, Evaluation, evaluate_recommender
from recommender.evaluation_report import markdown, write_evaluation
from recommender.fitting import listening_of
from recommender.metrics import ndcg_at_k
from recommender.offline import evaluate_recommending
from recommender.ranking import cases, mean_ndcg, part_lists
from recommender.sources import public_source
from recommender.splits import split_of
from recommender.tuning import SHORT
from tests.recommender import toys

SONGS, LATE, USERS = 48, 40, 30
KINDS = ("random", "leave_one_out", "users", "time")
CONFIGS = Path(__file__).resolve().parents[2] / "configs" / "recommender"


def listening() -> Interactions:
    """Every user plays most of 20 older songs of a group, then some of the group's four new ones.

    Even songs are folk and odd ones metal; songs from 40 on come out when all else was played.
    """
    rng = np.random.default_rng(7)
    rows = []
    for listener in range(USERS):
        own = rng.permutation(np.arange(listener % 2, LATE, 2))[: 14 + listener % 5]
        new = rng.permutation(np.arange(LATE + listener % 2, SONGS, 2))[:3]
        rows += [(listener, song, rng.random()) for song in own]
        rows += [(listener, song, 1 + rng.random()) for song in new]
    user, item = (np.array([row[i] for row in rows], dtype=np.int64) for i in (0, 1))
    at = 86400.0 * (1 + np.array([row[2] for row in rows]))
    ids = (tuple(f"u{u}" for u in range(USERS)), tuple(f"s{i}" for i in range(SONGS)))
    return Interactions(*ids, user, item, np.ones(len(rows), np.float32), at)


def data(interactions: Interactions | None = None) -> TrainingData:
    songs = tuple(
        Song(f"s{i}", f"T{i}", f"A{i // 4}-{i % 2}", genre=("folk", "metal")[i % 2])
        for i in range(SONGS)
    )
    lyrics = np.full((SONGS, 2), np.nan, dtype=np.float32)
    return TrainingData(songs, lyrics, {}, interactions or listening())


def config(kind: str = "random", **settings: Any) -> RecommenderConfig:
    return RecommenderConfig.model_validate(
        {
            "trials": 1,
            "cutoffs": (3, 5),
            "cutoff": 5,
            "split": SplitConfig.model_validate({"kind": kind}),
            "deep": DeepConfig(enabled=False),
            "pipeline": toys.config().model_copy(
                update={"listening": ("ials", "item_knn", "session")}
            ),
            **settings,
        }
    )


@cache
def evaluated(kind: str = "random") -> Evaluation:
    return evaluate_recommender(config(kind), lambda hidden: data())


def mean(evaluation: Evaluation, system: str, metric: str = "ndcg@5") -> float:
    return float(np.nanmean(evaluation.systems[system].values[metric]))


@pytest.mark.parametrize("kind", ["random", "users"])
def test_who_knows_the_group_beats_popularity(kind: str) -> None:
    """Half of the songs are of the other group, so popularity wastes half of its places."""
    found = evaluated(kind)
    for system in ("ials", "item_knn", "content", BLEND, SERVED):
        assert mean(found, system) > mean(found, "popular") + 0.1


@pytest.mark.parametrize("kind", KINDS)
def test_popularity_is_ranked_as_by_hand(kind: str) -> None:
    """Counts of all that is not test, known songs passed over: the protocol once more."""
    split = split_of(config(kind).split, listening(), 42)
    listeners = np.bincount(split.rest.item, minlength=SONGS)
    expected = []
    for user in range(USERS):
        known = split.test_given.item[split.test_given.user == user]
        wanted = set(split.test.item[split.test.user == user].tolist())
        if wanted:
            ranked = [s for s in np.argsort(-listeners, kind="stable") if s not in known]
            expected.append(ndcg_at_k(np.array(ranked), wanted, 5))
    found = evaluated(kind)
    assert found.setting["users"] == len(expected) > 4
    np.testing.assert_allclose(found.systems["popular"].values["ndcg@5"], expected)


@pytest.mark.parametrize("kind", KINDS)
def test_every_part_and_the_hybrid_are_ranked_on_the_same_users(kind: str) -> None:
    found = evaluated(kind)
    names = {"popular", "recent", "ials", "item_knn", "session", "content", BLEND, SERVED}
    assert set(found.systems) == names
    for result in found.systems.values():
        metrics = {f"{m}@{k}" for m in ("ndcg", "recall", "map", "mrr") for k in (3, 5)}
        assert metrics <= set(result.values)
        assert {len(values) for values in result.values.values()} == {found.setting["users"]}
        assert 0 < result.whole["coverage"] <= 1


def test_new_songs_are_ranked_among_themselves() -> None:
    """Nobody has played them; the words and tags tell the group, whoever listens does not."""
    found = evaluated("time")
    assert set(found.cold) == {"chance", *found.systems} - {SERVED}
    cold = {name: float(np.mean(values)) for name, values in found.cold.items()}
    assert cold["content"] > cold["chance"] + 0.2
    assert cold["ials"] == 0
    assert cold[BLEND] > cold["chance"]
    assert evaluated("users").cold == {}


def test_songs_of_enough_listeners_are_ranked_among_themselves_too() -> None:
    """Where data are cut to songs of many listeners, one with fewer is known to be held out."""
    run = config(source=SourceConfig(reader="pairs", least_listeners=8))
    found = evaluate_recommender(run, lambda hidden: data())
    split = split_of(run.split, listening(), 42)
    listeners = np.bincount(split.rest.item, minlength=SONGS)
    keep = np.flatnonzero(listeners >= 8)
    assert 0 < len(keep) < SONGS
    asked = {u for u, i in zip(split.test.user, split.test.item, strict=True) if i in keep}
    assert {len(values) for values in found.warm.values()} == {len(asked)}
    warm = {name: float(np.mean(values)) for name, values in found.warm.items()}
    assert warm["item_knn"] > warm["chance"] + 0.1
    everything = evaluated().warm["item_knn"]
    np.testing.assert_array_equal(everything, evaluated().systems["item_knn"].values["ndcg@5"])


def test_short_histories_are_of_the_same_users() -> None:
    found = evaluated()
    assert [*found.short] == [*SHORT, 0]
    counts = {len(v) for lists in found.short.values() for v in lists.values()}
    assert len(counts) == 1
    assert 5 < counts.pop() <= USERS
    at = {n: float(np.mean(values["item_knn"])) for n, values in found.short.items()}
    assert at[10] > at[1]
    # What is popular does not depend on the length, but for the songs that are passed over.
    same = [values["popular"] for values in found.short.values()]
    assert all(np.array_equal(one, same[0]) for one in same)


def test_without_long_histories_there_is_no_such_table(tmp_path: Path) -> None:
    whole = listening()
    few = whole.take(whole.item < 16)
    found = evaluate_recommender(config(), lambda hidden: data(few))
    assert found.short == {}
    write_evaluation(found, tmp_path)
    assert "Short histories" not in (tmp_path / "report.md").read_text()
    strict(tmp_path / "metrics.json")


def strict(path: Path) -> dict[str, Any]:
    """Read JSON as every reader can: without NaN, which Python alone knows."""

    def refuse(word: str) -> None:
        raise ValueError(word)

    read: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"), parse_constant=refuse)
    return read


def test_the_same_seed_writes_the_same_bytes(tmp_path: Path) -> None:
    write_evaluation(evaluated("time"), tmp_path / "a")
    again = evaluate_recommender(config("time"), lambda hidden: data())
    write_evaluation(again, tmp_path / "b")
    names = {path.name for path in (tmp_path / "a").iterdir()}
    pictures = {"accuracy_diversity.png", "short_histories.png"}
    assert names == {"report.md", "metrics.json", *pictures}
    for name in names:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_the_report_compares_all_with_the_baseline_and_the_hybrid(tmp_path: Path) -> None:
    found = evaluated()
    write_evaluation(found, tmp_path)
    read, report = strict(tmp_path / "metrics.json"), (tmp_path / "report.md").read_text()
    for base in ("ials", BLEND):
        assert set(read["differences"][base]) == set(found.systems) - {base}
        assert f"## Against {base}" in report
        one = read["differences"][base]["popular"]
        apart = mean(found, "popular") - mean(found, base)
        assert one["difference"]["mean"] == pytest.approx(apart)
        assert one["difference"]["high"] < 0
        assert one["p"] <= one["holm"] < 0.05
    figures = read["systems"][BLEND]["ndcg@5"]
    assert figures["mean"] == pytest.approx(mean(found, BLEND))
    assert figures["low"] < figures["mean"] < figures["high"]
    assert f"| {BLEND} | {mean(found, BLEND, 'ndcg@3'):.4f} (" in report
    assert "## Short histories" in report
    assert "## Songs without a training event" not in report
    assert read["setting"]["split_seed"] == 42


def test_a_baseline_that_did_not_take_part_is_no_error(tmp_path: Path) -> None:
    found = evaluated()
    write_evaluation(replace(found, setting={**found.setting, "baseline": "bpr"}), tmp_path)
    assert set(strict(tmp_path / "metrics.json")["differences"]) == {BLEND}


def test_songs_are_described_without_what_is_held_out() -> None:
    """Once all to split, once without validation and test, once without the test."""
    asked: list[list[set[tuple[int, int]]]] = []

    def source(hidden: Sequence[Interactions]) -> TrainingData:
        pairs = [{*zip(h.user.tolist(), h.item.tolist(), strict=True)} for h in hidden]
        asked.append(pairs)
        return data()

    evaluate_recommender(config(), source)
    split = split_of(config().split, listening(), 42)
    test = {*zip(split.test.user.tolist(), split.test.item.tolist(), strict=True)}
    assert [len(hidden) for hidden in asked] == [0, 2, 1]
    assert asked[1][1] == asked[2][0] == test


def test_what_is_tuned_does_not_depend_on_the_test() -> None:
    """Take the test pairs away before splitting by hand: the same settings are chosen."""
    found = evaluated("time").setting["tuning"]
    whole = listening()
    shuffled = whole.item.copy()
    late = np.argsort(whole.at)[-int(0.2 * len(whole) + 0.5) :]
    shuffled[late] = whole.item[late][::-1]
    other = replace(whole, item=shuffled)
    again = evaluate_recommender(config("time"), lambda hidden: data(other))
    assert again.setting["tuning"] == found


def table_of(interactions: Interactions, path: Path) -> Path:
    frame = pd.DataFrame(
        {
            "listener": [interactions.user_ids[u] for u in interactions.user],
            "song": [interactions.item_ids[i] for i in interactions.item],
            "plays": interactions.weight,
            "day": interactions.at,
        }
    )
    if path.suffix == ".csv":
        frame.to_csv(path, index=False)
    else:
        frame.to_parquet(path)
    return path


PAIRS = SourceConfig(reader="pairs", user="listener", item="song", weight="plays", time="day")


def nowhere(folder: Path) -> Settings:
    return Settings(home=folder / "home", database_url=None, _env_file=None)


def test_a_table_of_pairs_is_evaluated_split_after_split(tmp_path: Path) -> None:
    """The same whatever the kind of file is."""
    run = config(source=PAIRS, split=SplitConfig(repeats=2), seed=3)
    for out, ending in (("a", "csv"), ("b", "parquet")):
        path = table_of(listening(), tmp_path / f"pairs.{ending}")
        evaluate_recommending(nowhere(tmp_path), run, path, tmp_path / out, print)
    first, second = (strict(tmp_path / "a" / f"seed_{n}" / "metrics.json") for n in (3, 4))
    assert (first["setting"]["split_seed"], second["setting"]["split_seed"]) == (3, 4)
    assert first["systems"]["ials"] != second["systems"]["ials"]
    both = strict(tmp_path / "a" / "metrics.json")["systems"]["ials"]["ndcg@5"]
    means = [one["systems"]["ials"]["ndcg@5"]["mean"] for one in (first, second)]
    assert both == pytest.approx(means)
    row = f"{np.mean(means):.4f} ({min(means):.4f}..{max(means):.4f})"
    assert row in (tmp_path / "a" / "report.md").read_text()
    for name in ("report.md", "metrics.json", "seed_4/metrics.json"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_songs_of_few_listeners_are_left_out(tmp_path: Path) -> None:
    path = table_of(listening(), tmp_path / "pairs.csv")
    counts = np.bincount(listening().item)
    least = int(np.median(counts))
    read = public_source(PAIRS.model_copy(update={"least_listeners": least}), path)(())
    assert {s.id for s in read.songs} == {f"s{i}" for i in np.flatnonzero(counts >= least)}
    assert np.isnan(read.lyrics).all()


def test_playlists_are_listeners_and_their_order_is_the_session(tmp_path: Path) -> None:
    whole = listening()
    order = np.lexsort((whole.at, whole.user))
    items = whole.item[order]
    frame = pd.DataFrame(
        {
            "pid": whole.user[order],
            "track_name": [f"Track number {i}" for i in items],
            "artist_name": [f"Artist {i % 2}" for i in items],
            "album_name": "",
            "duration_ms": 1000,
        }
    )
    frame.to_csv(tmp_path / "playlists.csv", index=False)
    run = config("users", source=SourceConfig(reader="playlists"))
    evaluate_recommending(nowhere(tmp_path), run, tmp_path / "playlists.csv", tmp_path, print)
    systems = strict(tmp_path / "metrics.json")["systems"]
    assert systems["session"]["ndcg@5"]["mean"] > systems["popular"]["ndcg@5"]["mean"]
    assert systems[BLEND]["ndcg@5"]["mean"] > systems["popular"]["ndcg@5"]["mean"] + 0.1


HETREC = {
    "user_artists": "userID\tartistID\tweight\n1\t10\t5\n2\t10\t1\n2\t11\t7\n3\t11\t2\n",
    "artists": "id\tname\turl\tpictureURL\n10\tTen\t\t\n11\tEleven\t\t\n",
    "tags": "tagID\ttagValue\n1\trock\n",
    "user_taggedartists": (
        "userID\tartistID\ttagID\tday\tmonth\tyear\n1\t10\t1\t1\t4\t2009\n2\t10\t1\t1\t4\t2009\n"
    ),
}


def test_tags_given_by_held_out_listeners_are_not_seen(tmp_path: Path) -> None:
    for name, text in HETREC.items():
        (tmp_path / f"{name}.dat").write_text(text, encoding="utf-8")
    read = public_source(SourceConfig(reader="hetrec"), tmp_path)
    whole = read(())
    assert [song.tags for song in whole.songs] == [("rock",), ()]
    pairs = whole.interactions
    held = pairs.take((pairs.user == 1) & (pairs.item == 0))
    assert [song.tags for song in read([held]).songs] == [(), ()]
    assert len(read([held]).interactions) == len(pairs)


def test_data_and_reader_belong_together(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"source\.reader"):
        public_source(SourceConfig(), tmp_path)
    with pytest.raises(ConfigError, match="--data"):
        evaluate_recommending(nowhere(tmp_path), config(source=PAIRS), None, tmp_path, print)


def test_tables_are_markdown() -> None:
    assert markdown([["a", "b"], ["1", "2"]]) == ["| a | b |", "| --- | --- |", "| 1 | 2 |", ""]


@pytest.mark.parametrize("name", ["default", "hetrec", "hetrec_full", "playlists"])
def test_shipped_configurations_are_valid(name: str) -> None:
    found = RecommenderConfig.from_toml(CONFIGS / f"{name}.toml")
    assert found.baseline in found.pipeline.listening


@pytest.mark.shared
def test_ials_reaches_the_known_figure_on_hetrec(shared: Path) -> None:
    """Floor measured by others on the same protocol: nDCG@20 .3304 (.3205 to .3402)."""
    run = RecommenderConfig.from_toml(CONFIGS / "hetrec.toml")
    read = public_source(run.source, shared / "datasets" / "hetrec_lastfm2k")(())
    catalogue = Catalogue.from_songs(read.songs)
    assert (len(read.interactions.user_ids), len(catalogue)) == (1881, 2828)
    split = split_of(run.split, read.interactions, run.seed)
    ials = run.pipeline.ials.fit(listening_of(split.rest, catalogue, read.songs), run.seed)
    found = cases(split.test_given, split.test, catalogue)
    assert mean_ndcg(part_lists(ials, 20), found, len(catalogue), 20) > 0.32
