"""Fit, decide, export, serve."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from data.errors import ArtifactError, BundleCorruptError, TrainingError
from data.types import Mood
from recommender.config import RecommenderConfig
from recommender.deep.batches import case_ndcg
from recommender.deep.config import DeepConfig, RankerCard
from recommender.deep.ranker import DEEP, DeepRanker, Network
from recommender.deep.training import FittedRanker, fit_ranker
from recommender.query import MoodTarget
from recommender.stages import AskedText
from tests.conftest import ROOT
from tests.recommender.deep.toys import CONFIG, PlainHybrid, case, cases, songs


@pytest.fixture(scope="module")
def fitted() -> FittedRanker:
    return fit_ranker(CONFIG, cases(), songs(), seed=3)


@pytest.fixture
def ranker(fitted: FittedRanker, tmp_path: Path) -> DeepRanker:
    path = tmp_path / "ranker.onnx"
    path.write_bytes(fitted.onnx)
    return DeepRanker.load(path, fitted.card, PlainHybrid(), songs())


def test_what_tags_tell_is_learned_and_switched_on(fitted: FittedRanker) -> None:
    card = RankerCard.model_validate(fitted.card)
    assert card.enabled
    assert card.comparison.users == 30
    assert card.comparison.low > 0.2
    assert card.comparison.deep - card.comparison.blend == pytest.approx(card.comparison.difference)


def test_chance_is_not_learned_and_stays_off() -> None:
    found = fit_ranker(CONFIG, cases(informed=False), songs(), seed=3)
    assert not found.card["enabled"]
    assert found.card["comparison"]["low"] <= 0


def test_same_seed_same_bytes(fitted: FittedRanker) -> None:
    again = fit_ranker(CONFIG, cases(), songs(), seed=3)
    assert again.onnx == fitted.onnx
    assert again.card == fitted.card


def test_listeners_who_were_not_trained_on_are_served_better(ranker: DeepRanker) -> None:
    gains = []
    for new in (case(user) for user in range(100, 110)):
        items = ranker(new.context, new.songs, new.parts)
        before = case_ndcg(new.blend, new.relevant, 5)
        gains.append(case_ndcg(items.scores, new.relevant, 5) - before)
    assert np.mean(gains) > 0.2


def test_the_correction_is_evidence_beside_the_hybrids(ranker: DeepRanker) -> None:
    new = case(100)
    items = ranker(new.context, new.songs, new.parts)
    evidence = items.evidence
    assert set(evidence) == {"ials", DEEP}
    assert np.array_equal(evidence["ials"], new.parts["ials"])
    assert items.scores == pytest.approx(evidence["ials"] + evidence[DEEP])
    assert np.array_equal(items.songs, new.songs)


def test_a_list_is_scored_alike_whole_or_again(ranker: DeepRanker) -> None:
    new = case(100)
    first, second = (ranker(new.context, new.songs, new.parts) for _ in range(2))
    assert np.array_equal(first.scores, second.scores)


def test_a_mood_never_trained_on_does_not_change_the_correction(ranker: DeepRanker) -> None:
    new = case(100)
    target = MoodTarget(Mood(1, 1), Mood(1, 1), "match", 1.0)
    moved = dataclasses.replace(new.context, target=target)
    with_mood = ranker(moved, new.songs, new.parts)
    plain = ranker(new.context, new.songs, new.parts)
    found = [items.evidence for items in (with_mood, plain)]
    assert found[0][DEEP] == pytest.approx(found[1][DEEP], abs=1e-5)
    assert with_mood.scores == pytest.approx(plain.scores + found[0]["mood"], abs=1e-5)


def test_a_text_is_left_to_the_hybrid(ranker: DeepRanker) -> None:
    new = case(100)
    none = np.zeros(0, np.int64)
    asked = dataclasses.replace(new.context, text=AskedText(None, none, none))
    items = ranker(asked, new.songs, new.parts)
    assert np.array_equal(items.scores, new.parts["ials"])


def test_no_candidates_no_correction(ranker: DeepRanker) -> None:
    none = np.zeros(0, np.float32)
    assert len(ranker(case(1).context, np.zeros(0, np.int64), {"ials": none})) == 0


def test_a_listener_without_history_and_a_missing_scorer_are_no_errors(ranker: DeepRanker) -> None:
    new = case(100)
    context = dataclasses.replace(
        new.context, songs=np.zeros(0, np.int64), weights=np.zeros(0, np.float32)
    )
    items = ranker(context, new.songs, {"ials": new.parts["ials"]})
    assert np.isfinite(items.scores).all()


def test_too_few_listeners_are_refused() -> None:
    with pytest.raises(TrainingError, match="lower `folds`"):
        fit_ranker(CONFIG, cases(2), songs(), seed=0)


def test_another_network_than_the_cards_is_refused(fitted: FittedRanker, tmp_path: Path) -> None:
    path = tmp_path / "ranker.onnx"
    with pytest.raises(ArtifactError, match="no ranker"):
        DeepRanker.load(path, fitted.card, PlainHybrid(), songs())
    path.write_bytes(fitted.onnx + b"x")
    with pytest.raises(BundleCorruptError, match="not the network"):
        DeepRanker.load(path, fitted.card, PlainHybrid(), songs())
    with pytest.raises(BundleCorruptError, match="train again"):
        DeepRanker.load(path, {"features": []}, PlainHybrid(), songs())


def test_songs_of_another_model_are_refused(fitted: FittedRanker, tmp_path: Path) -> None:
    path = tmp_path / "ranker.onnx"
    path.write_bytes(fitted.onnx)
    other = dataclasses.replace(songs(), tags=songs().tags[:, :2])
    with pytest.raises(ArtifactError, match="from one run"):
        DeepRanker.load(path, fitted.card, PlainHybrid(), other)


def test_bytes_that_are_no_network_are_refused() -> None:
    with pytest.raises(ArtifactError, match="cannot be opened"):
        Network(b"nothing")


def test_several_members_are_averaged_into_one_network() -> None:
    config = CONFIG.model_copy(update={"members": 2, "epochs": 1, "folds": 2})
    found = fit_ranker(config, cases(8), songs(), seed=3)
    assert Network(found.onnx).width == len(found.card["features"])


def test_the_card_and_the_shipped_configuration_survive_a_round_trip(
    fitted: FittedRanker,
) -> None:
    card = RankerCard.model_validate(fitted.card)
    assert RankerCard.model_validate_json(card.model_dump_json()) == card
    shipped = RecommenderConfig.from_toml(ROOT / "configs" / "recommender" / "default.toml")
    assert shipped.deep == DeepConfig()
