"""Reasons are true: take away what they name, and what they explain gives way."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

from data.db.repositories import InteractionRepository
from data.interactions import Interactions
from data.settings import Settings
from data.types import Mood, Song, UserHistory
from recommender.bootstrap import build_database, build_engine, build_pipeline
from recommender.candidates.listening import ListeningScorer
from recommender.candidates.popularity import PopularityScorer
from recommender.catalogue import Catalogue
from recommender.config import LISTENING, BlendConfig
from recommender.dataset import TrainingData
from recommender.fitting import fit_model, listening_of
from recommender.model import RecommenderModel
from recommender.pipeline import RecommendationPipeline
from recommender.query import Query, Reason
from recommender.reasons import explain, shared_out
from recommender.scoring.hybrid import HybridScorer
from recommender.stages import Context, ItemList
from tests.recommender import toys
from tests.recommender.candidates.contract import influence

PAIRS, USERS = 30, 150
NO_SONG = np.zeros(0, dtype=np.int64)


def twins() -> TrainingData:
    """Songs 2i and 2i + 1 are played one after the other, by whoever plays one of them.

    Every listener has three such pairs, and a song more.
    """
    rng = np.random.default_rng(5)
    rows = []
    for listener in range(USERS):
        chosen = rng.permutation(PAIRS)
        played = [2 * p + k for p in chosen[:3] for k in (0, 1)] + [2 * chosen[3]]
        rows += [(listener, s, 86400 * (listener + 0.01 * place)) for place, s in enumerate(played)]
    user, item = (np.array([row[i] for row in rows], dtype=np.int64) for i in (0, 1))
    at = np.array([row[2] for row in rows])
    songs = tuple(Song(f"s{i:02d}", f"T{i}", f"A{i}", genre=f"g{i // 2}") for i in range(2 * PAIRS))
    heard = Interactions(
        tuple(map(str, range(USERS))), tuple(s.id for s in songs),
        user, item, np.ones(len(rows), np.float32), at,
    )  # fmt: skip
    return TrainingData(songs, np.full((len(songs), 4), np.nan, np.float32), {}, heard)


def pipeline_of(part: str) -> RecommendationPipeline:
    """A pipeline in which one part alone counts."""
    data = twins()
    catalogue = Catalogue.from_songs(data.songs)
    blend = BlendConfig(lengths=(0,), weights={part: (1.0,)}, missing={})
    config = toys.config().model_copy(update={"blend": blend, "listening": tuple(LISTENING)})
    small = {
        name: getattr(config, name).model_copy(update={"embedding_size": 30, "unseen": 0.1})
        for name in ("ials", "ials_terms")
    }
    small["als"] = config.als.model_copy(update={"embedding_size": 30, "regularization": 0.1})
    small["ease"] = config.ease.model_copy(update={"regularization": 5.0})
    listening = listening_of(data.interactions, catalogue, data.songs)
    fitted, _ = fit_model(config.model_copy(update=small), data, catalogue, listening, seed=1)
    return build_pipeline(fitted)


def history(*songs: int) -> UserHistory:
    return UserHistory("u", True, tuple(f"s{i:02d}" for i in songs), (1.0,) * len(songs))


def title(reason: Reason) -> str | None:
    return reason.text.split("“")[1].split("”")[0] if "“" in reason.text else None


@pytest.mark.parametrize("part", [*sorted(set(LISTENING) - {"bpr", "session"}), "content"])
def test_a_song_is_there_for_its_twin(part: str) -> None:
    """Somebody who played one of each of four pairs is given the others, each for its own twin."""
    heard = (0, 7, 12, 21)
    answer = pipeline_of(part).recommend(Query("u", n=4), history(*heard))
    assert {s.song_id for s in answer.songs} == {f"s{i ^ 1:02d}" for i in heard}
    for song in answer.songs:
        twin = int(song.song_id[1:]) ^ 1
        kind = "content" if part == "content" else "collaborative"
        says = "Close in words and style to" if part == "content" else "Played by listeners of"
        assert [(r.kind, r.weight) for r in song.reasons] == [(kind, 1.0)]
        assert song.reasons[0].text == f"{says} “T{twin}” by A{twin}"


def test_a_session_names_what_was_played_before() -> None:
    answer = pipeline_of("session").recommend(Query("u", n=2), history(7, 12, 0))
    assert answer.songs[0].song_id == "s01"
    assert answer.songs[0].reasons[0].text == "Often put on after “T0” by A0"


def test_where_no_song_can_be_named_none_is() -> None:
    """What BPR says of a listener is no sum over the songs played."""
    answer = pipeline_of("bpr").recommend(Query("u", n=1), history(0, 7))
    assert answer.songs[0].reasons[0].text == "Played by listeners of your songs"


def test_popularity_counts_listeners() -> None:
    pipeline = pipeline_of("popular")
    counts = np.bincount(twins().interactions.item)
    for song in pipeline.recommend(Query("u", n=5), history(0)).songs:
        count = counts[int(song.song_id[1:])]
        assert song.reasons[0].text == f"Played by {count} listeners"
        assert song.reasons[0].kind == "popular"


def test_what_is_much_played_of_late_is_said_to_be() -> None:
    """Only of songs that the last listeners played, and only where that counts."""
    answer = pipeline_of("recent").recommend(Query("u", n=3), UserHistory("u"))
    assert {r.text for s in answer.songs for r in s.reasons} == {"Much played of late"}
    last = twins().interactions
    late = {f"s{i:02d}" for i in last.item[last.at > 86400 * (USERS - 20)].tolist()}
    assert {s.song_id for s in answer.songs} <= late


def test_parts_of_one_kind_count_together_and_the_strongest_speaks() -> None:
    settings = toys.config().model_copy(update={"listening": ("ials", "item_knn", "ease")})
    model = toys.model(settings)
    evidence = {"ials": 0.2, "item_knn": 0.5, "ease": -0.1, "content": 0.4, "popular": -1.0}
    items = ItemList(
        np.array([8]), np.zeros(1, np.float32),
        {part: np.array([value], np.float32) for part, value in evidence.items()},
    )  # fmt: skip
    context = Context(np.array([0, 2]), np.ones(2, np.float32))
    ((first, second),) = explain(model, items, context)
    assert (first.kind, first.weight) == ("collaborative", 0.6)
    assert (second.kind, second.weight) == ("content", 0.4)
    influences = influence(model.taste["item_knn"], context, 8)
    assert title(first) == f"Title {(0, 2)[int(np.argmax(influences))]}"


def test_that_a_song_is_rare_is_no_reason_for_it() -> None:
    """Where popularity counts against songs, one that nobody plays comes first, without a word."""
    blend = BlendConfig(lengths=(0,), weights={"popular": (-1.0,), "ials": (0.1,)}, missing={})
    settings = toys.config().model_copy(update={"blend": blend, "candidates": 30})
    model = toys.model(settings)
    rare = [Song("rare", "Rare", "Nobody")]
    wider = model.with_songs(rare, np.full((1, 4), np.nan, dtype=np.float32))
    counts = np.append(model.popularity.counts(), 0).astype(np.float32)
    wider = replace(wider, popularity=PopularityScorer.fit(counts))
    answer = build_pipeline(wider).recommend(Query("u", n=24), toys.history())
    assert answer.songs[0].song_id == "rare"
    assert answer.songs[0].reasons == ()
    assert {r.kind for s in answer.songs for r in s.reasons} <= {"collaborative"}


def test_weights_are_shares_and_small_ones_are_left_out() -> None:
    found = shared_out("content", {"a": 6.0, "b": 3.0, "c": 0.5, "d": -1.0}, 0.5)
    assert [r.text for r in found] == ["a", "b"]
    # Shares are of what speaks for it: 9.5, of which c is too small to be told.
    assert [r.weight for r in found] == pytest.approx([0.5 * 6 / 9.5, 0.5 * 3 / 9.5], abs=1e-3)


def falls(
    scorer: ListeningScorer, context: Context, song: int, rows: list[int] | None = None
) -> np.ndarray:
    """How much a song's score falls when each song of the history is taken out, float (h,)."""
    rows = rows if rows is not None else [*range(len(context.songs))]
    lesser = [
        Context(np.delete(context.songs, row), np.delete(context.weights, row)) for row in rows
    ]
    return np.asarray(scorer(context)[song] - scorer.score_many(lesser)[:, song])


def explained(
    pipeline: RecommendationPipeline, heard: UserHistory, n: int
) -> Iterator[tuple[int, str, Reason, Context]]:
    """Yield song, part, reason and context of every reason that names a song of the history."""
    model = pipeline.model
    context = pipeline.context(heard, Query("u"))
    items = pipeline.reranked(pipeline.candidates(context, context.songs, n), n)
    for row, reasons in enumerate(explain(model, items, context)):
        for reason in reasons:
            parts = [
                p for p in model.taste if p in items.evidence and model.kind_of(p) == reason.kind
            ]
            part = max(parts, key=lambda p: float(items.evidence[p][row]))
            named = title(reason) is not None or reason.text.startswith("More by")
            if named and reason.kind in {"collaborative", "content"}:
                yield int(items.songs[row]), part, reason, context


def check_falls(pipeline: RecommendationPipeline, histories: list[UserHistory], n: int) -> int:
    """Take out of a history what a reason names: the part's score of the song falls the most.

    Returns:
        how many reasons were checked.
    """
    model, checked = pipeline.model, 0
    names = {
        f"“{t}” by {a}": i
        for i, (t, a) in enumerate(
            zip(model.catalogue.titles, model.catalogue.artists, strict=True)
        )
    }
    for heard in histories:
        for song, part, reason, context in explained(pipeline, heard, n):
            scorer = model.taste[part]
            assert scorer.kind == reason.kind
            artist = model.catalogue.artist_codes[context.songs]
            if reason.text.startswith("More by"):
                named = np.flatnonzero(artist == model.catalogue.artist_codes[song])
                assert reason.text == f"More by {model.catalogue.artists[song]}, whom you play"
            else:
                source = names["“" + reason.text.split("“", 1)[1]]
                named = np.flatnonzero(context.songs == source)
            assert len(named) >= 1
            each = falls(scorer, context, song)  # type: ignore[arg-type]
            others = np.setdiff1d(np.arange(len(each)), named)
            assert each[named].max() > 0
            if len(others):
                assert each[named].max() > each[others].mean()
            checked += 1
    return checked


def toy_histories() -> list[UserHistory]:
    return [toys.history(parity=parity, count=count) for parity in (0, 1) for count in (2, 4, 7)]


@pytest.mark.parametrize("part", [*sorted(set(LISTENING) - {"bpr"}), "content"])
def test_the_score_falls_with_what_a_reason_names(part: str) -> None:
    rng = np.random.default_rng(1)
    histories = [history(*rng.permutation(2 * PAIRS)[:size].tolist()) for size in (2, 4, 8, 12)]
    assert check_falls(pipeline_of(part), histories, 4) > 10


@pytest.fixture(scope="module")
def demo(demo_settings: Settings) -> tuple[RecommendationPipeline, list[UserHistory]]:
    """The demo's pipeline with the histories of some of its listeners."""
    engine, database = build_engine(demo_settings), build_database(demo_settings)
    with database.session() as session:
        repository = InteractionRepository(session)
        found = [repository.history(user) for user in demo_users(repository)]
    database.dispose()
    assert engine.pipeline is not None
    return engine.pipeline, found


def demo_users(repository: InteractionRepository) -> list[str]:
    return list(repository.table().user_ids[::45])


def test_the_score_falls_with_what_a_reason_names_in_the_demo(
    demo: tuple[RecommendationPipeline, list[UserHistory]],
) -> None:
    pipeline, histories = demo
    assert check_falls(pipeline, histories, 5) > 30


def test_without_the_mood_its_reason_goes_and_the_score_falls(
    demo: tuple[RecommendationPipeline, list[UserHistory]],
) -> None:
    pipeline, histories = demo
    for found, heard in ((build_pipeline(toys.model()), toy_histories()), (pipeline, histories)):
        checked = 0
        for one in heard:
            context = found.context(one, Query("u", stated=Mood(0.7, -0.4)))
            songs, parts = found.raw_parts(context, context.songs)
            ranker = HybridScorer.of(found.model.config)
            moved = ranker(context, songs, parts)
            still = ranker(replace(context, target=None), songs, parts)
            untouched = explain(found.model, still, replace(context, target=None))
            told = explain(found.model, moved, context)
            for row in np.argsort(-moved.scores)[:10].tolist():
                kinds = {r.kind for r in told[row]}
                if "mood" in kinds:
                    checked += 1
                    assert moved.scores[row] > still.scores[row]
                assert "mood" not in {r.kind for r in untouched[row]}
        assert checked > 10


def test_demo_weights_are_shares_and_counts_are_true(
    demo: tuple[RecommendationPipeline, list[UserHistory]], demo_settings: Settings
) -> None:
    pipeline, histories = demo
    database = build_database(demo_settings)
    with database.session() as session:
        table = InteractionRepository(session).table()
    database.dispose()
    liked = table.weight > 0
    counts = np.bincount(table.item[liked], minlength=len(table.item_ids))
    listeners = dict(zip(table.item_ids, counts.tolist(), strict=True))
    for heard in (*histories, UserHistory("nobody")):
        for song in pipeline.recommend(Query("u", n=10), heard).songs:
            assert 0 < sum(r.weight for r in song.reasons) <= 1.002
            for reason in song.reasons:
                if reason.kind == "popular" and reason.text != "Much played of late":
                    assert reason.text == f"Played by {listeners[song.song_id]} listeners"


def model_without(model: RecommenderModel, part: str) -> RecommenderModel:
    weights = {k: v for k, v in model.config.blend.weights.items() if k != part}
    blend = model.config.blend.model_copy(update={"weights": weights})
    return replace(model, config=model.config.model_copy(update={"blend": blend}))


def test_a_part_without_weight_is_no_reason() -> None:
    model = toys.model()
    for part, kind in (("content", "content"), ("popular", "popular")):
        answer = build_pipeline(model_without(model, part)).recommend(
            Query("u", n=8), toys.history()
        )
        assert kind not in {r.kind for s in answer.songs for r in s.reasons}
