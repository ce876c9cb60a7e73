"""Playlists on the checkerboard: dark metal on one side of the plane, bright folk opposite."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from data.errors import InvalidParameterError
from data.types import Mood, Strategy, UserHistory
from recommender.bootstrap import build_pipeline
from recommender.engine import Engine
from recommender.journeys.playlists import PlaylistMaker, filling
from recommender.journeys.query import JourneyQuery, journey_query
from recommender.journeys.report import write_journey_report
from recommender.journeys.study import JourneyStudyConfig, compare, drawn
from recommender.journeys.systems import OURS, SYSTEMS
from recommender.mood import aim
from recommender.pipeline import RecommendationPipeline
from tests.conftest import ROOT
from tests.recommender import toys

MODEL = toys.model(toys.config().model_copy(update={"candidates": 24}))
PIPELINE = build_pipeline(MODEL, "toy")
MAKE = PlaylistMaker(PIPELINE)
DARK, BRIGHT = Mood(-0.8, 0.5), Mood(0.8, -0.5)
#: Played by everybody who is asked about: four bright songs.
LISTENER = toys.history()
WAY = JourneyQuery("new", DARK, BRIGHT, 8)


def ids(query: JourneyQuery, history: UserHistory = LISTENER) -> list[str]:
    return [song.song_id for song in MAKE(query, history).songs]


def bright(song_id: str) -> bool:
    return int(song_id[1:]) % 2 == 0


def moodless(known: int) -> RecommendationPipeline:
    """The pipeline over a model where only the first songs have a mood."""
    moods = MODEL.catalogue.moods.copy()
    moods[known:] = np.nan
    return build_pipeline(replace(MODEL, catalogue=replace(MODEL.catalogue, moods=moods)), "toy")


def test_a_way_from_dark_to_bright_turns_in_the_middle() -> None:
    assert [bright(song) for song in ids(WAY)] == [False] * 4 + [True] * 4
    back = replace(WAY, start=BRIGHT, end=DARK)
    assert [bright(song) for song in ids(back)] == [True] * 4 + [False] * 4


def test_every_song_tells_its_place_on_the_path() -> None:
    answer = MAKE(WAY, LISTENER)
    assert [song.rank for song in answer.songs] == list(range(1, 9))
    points = [song.point for song in answer.songs]
    assert (points[0], points[-1]) == (DARK, BRIGHT)
    assert (answer.fallback, answer.model_version) == (None, "toy")


def test_heard_and_disliked_songs_do_not_come() -> None:
    every = replace(WAY, length=24)
    assert set(ids(every)) == {s.id for s in toys.songs()} - set(LISTENER.song_ids)
    disliking = replace(LISTENER, disliked=frozenset({"s00"}))
    heard_too = ids(replace(every, exclude_heard=False), disliking)
    assert set(heard_too) == {s.id for s in toys.songs()} - {"s00"}


@pytest.mark.parametrize(
    ("history", "told"),
    [(UserHistory("x"), "cold_user"), (UserHistory("x", True), "no_history")],
)
def test_a_stranger_gets_a_way_too(history: UserHistory, told: str) -> None:
    answer = MAKE(WAY, history)
    assert [bright(s.song_id) for s in answer.songs] == [False] * 4 + [True] * 4
    assert answer.fallback == told


def test_the_same_question_has_the_same_answer() -> None:
    assert MAKE(WAY, LISTENER) == MAKE(WAY, LISTENER)


def test_with_too_few_moods_the_plain_list_is_given_and_told() -> None:
    answer = PlaylistMaker(moodless(6))(WAY, LISTENER)
    assert answer.fallback == "few_moods"
    assert len(answer.songs) == 8
    assert {song.point for song in answer.songs} == {None}
    # Enough for a shorter way: s01, s03 and s05 are not heard.
    short = PlaylistMaker(moodless(6))(replace(WAY, length=3), LISTENER)
    assert (short.fallback, {s.song_id for s in short.songs}) == (None, {"s01", "s03", "s05"})


def test_without_any_mood_there_is_a_plain_list() -> None:
    answer = PlaylistMaker(moodless(0))(WAY, LISTENER)
    assert (answer.fallback, len(answer.songs)) == ("few_moods", 8)


def test_who_has_heard_everything_gets_nothing() -> None:
    every = tuple(song.id for song in toys.songs())
    history = UserHistory("u", True, every, (1.0,) * len(every))
    for query in (WAY, replace(WAY, strategy="off"), replace(WAY, length=None, minutes=20)):
        assert MAKE(query, history).songs == ()


def test_a_mood_that_is_not_to_count_gives_a_list_by_taste() -> None:
    answer = MAKE(replace(WAY, strategy="off"), LISTENER)
    assert answer.fallback is None
    assert all(bright(song.song_id) for song in answer.songs)
    assert {song.point for song in answer.songs} == {None}


def test_reasons_name_the_way_and_only_if_asked() -> None:
    first = MAKE(WAY, LISTENER).songs[0]
    moods = [reason.text for reason in first.reasons if reason.kind == "mood"]
    assert moods == ["On the way, at lively and dark"]
    assert MAKE(replace(WAY, explain=False), LISTENER).songs[0].reasons == ()


def lasting(seconds: float) -> object:
    def durations(song_ids: Sequence[str]) -> Mapping[str, float]:
        return dict.fromkeys(song_ids, seconds)

    return durations


def test_minutes_are_filled_by_what_songs_last() -> None:
    query = JourneyQuery("new", DARK, BRIGHT, None, 20)
    assert len(MAKE(query, LISTENER, lasting(300)).songs) == 4  # type: ignore[arg-type]
    assert len(MAKE(query, LISTENER, lasting(120)).songs) == 10  # type: ignore[arg-type]
    # Nothing is known: 210 seconds each.
    assert len(MAKE(query, LISTENER).songs) == 6
    plain = replace(query, strategy="off")
    assert len(MAKE(plain, LISTENER, lasting(300)).songs) == 4  # type: ignore[arg-type]


def test_filling_takes_the_number_that_comes_nearest() -> None:
    seconds = np.array([100, 100, 100], np.float32)
    assert [filling(seconds, asked) for asked in (10, 149, 151, 900)] == [1, 1, 2, 3]
    assert filling(np.zeros(0, np.float32), 60) == 0


def test_without_a_bundle_popular_songs_are_given() -> None:
    def popular(n: int, exclude: Collection[str]) -> list[tuple[str, float]]:
        left = [song for song in ("a", "b", "c", "d") if song not in exclude]
        return [(song, 3.0) for song in left[:n]]

    history = UserHistory("u", True, ("b",), (1.0,))
    answer = Engine().playlist(replace(WAY, length=2), history, popular)
    assert [(s.rank, s.song_id) for s in answer.songs] == [(1, "a"), (2, "c")]
    assert answer.fallback == "no_model"
    timed = Engine().playlist(replace(WAY, length=None, minutes=7), history, popular)
    assert len(timed.songs) == 2  # of 210 seconds


def test_an_engine_answers_as_its_pipeline_does() -> None:
    assert Engine(PIPELINE, version="toy").playlist(WAY, LISTENER) == MAKE(WAY, LISTENER)


@pytest.mark.parametrize("strategy", ["match", "lift", "calm", "energize"])
def test_without_an_end_the_strategy_aims(strategy: Strategy) -> None:
    query = journey_query("u", "sad", strategy=strategy)
    assert query.start == Mood(-0.63, -0.27)
    assert query.end == aim(query.start, strategy)
    assert (query.length, query.minutes) == (20, None)


def test_without_a_start_the_way_begins_at_neutral() -> None:
    query = journey_query("u", end="0.5,-0.5", minutes=30)
    assert (query.start, query.end) == (Mood(0, 0), Mood(0.5, -0.5))
    assert (query.length, query.minutes) == (None, 30)


@pytest.mark.parametrize(
    ("asked", "parameter"),
    [
        ({"start": "blurple"}, "from"),
        ({"end": "0.5,7"}, "to"),
        ({"length": 0}, "length"),
        ({"length": 101}, "length"),
        ({"minutes": 4.9}, "minutes"),
        ({"minutes": float("nan")}, "minutes"),
        ({"length": 3, "minutes": 30}, "minutes"),
    ],
)
def test_a_bad_value_is_named(asked: dict[str, object], parameter: str) -> None:
    with pytest.raises(InvalidParameterError) as caught:
        journey_query("u", **asked)  # type: ignore[arg-type]
    assert caught.value.parameter == parameter


STUDY = JourneyStudyConfig(
    users=3,
    length=6,
    journeys=(("angry", "calm"),),
    minutes=(15,),
    closeness=(0, 4),
    sample=2,
    rounds=50,
)
HISTORIES = [toys.history(f"u{n}", n % 2, 5 + n) for n in range(4)]


def study(out: Path) -> dict[str, bytes]:
    found, shown = compare(STUDY, MAKE, HISTORIES[:3], lasting(200))  # type: ignore[arg-type]
    write_journey_report(found, STUDY, {"data": "toy"}, shown, MODEL.catalogue.moods, out)
    return {file.name: file.read_bytes() for file in sorted(out.iterdir())}


def test_a_study_compares_and_repeats_itself_byte_for_byte(tmp_path: Path) -> None:
    first, second = study(tmp_path / "a"), study(tmp_path / "b")
    assert first == second
    assert sorted(first) == ["journey.png", "metrics.json", "report.md"]
    text = first["report.md"].decode()
    assert all(f"| {name} |" in text for name in SYSTEMS)


def test_no_system_reaches_a_higher_objective() -> None:
    found, _ = compare(STUDY, MAKE, HISTORIES, lasting(200))  # type: ignore[arg-type]
    ours = found.systems[OURS]["value"]
    for name, measures in found.systems.items():
        assert (ours >= measures["value"] - 1e-9).all(), name
    assert (found.search["bound"] >= found.search["wide"] - 1e-9).all()
    assert (found.trade[4.0]["distance"] <= found.trade[0.0]["distance"]).all()


def test_the_shipped_study_has_the_defaults() -> None:
    shipped = ROOT / "configs" / "recommender" / "journeys.toml"
    assert JourneyStudyConfig.from_toml(shipped) == JourneyStudyConfig()


def test_listeners_are_drawn_by_the_seed_from_those_with_enough_history() -> None:
    by_id = {history.user_id: history for history in HISTORIES}
    few = STUDY.model_copy(update={"least_history": 6, "users": 9})
    names = [one.user_id for one in drawn(few, list(by_id), by_id.__getitem__)]
    assert sorted(names) == ["u1", "u2", "u3"]
    assert names == [one.user_id for one in drawn(few, list(by_id), by_id.__getitem__)]
