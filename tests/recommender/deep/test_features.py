"""What the ranker reads: values by hand, and never a NaN."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from data.types import Mood
from recommender.deep.config import FeatureGroups
from recommender.deep.features import FeatureLayout
from recommender.deep.songs import SongFeatures, reduce_terms
from recommender.query import MoodTarget
from recommender.stages import Context
from tests.recommender.deep.toys import layout

NAN = float("nan")


def table() -> SongFeatures:
    return SongFeatures.of(
        np.array([0, 9, NAN], np.float32),
        moods=np.array([[0.5, 0.0], [NAN, NAN], [-0.5, 0.0]], np.float32),
        tags=np.array([[2, 0, 0], [0, 0, 0], [1, 1, 0]], np.float32),
    )


def context(*songs: int, target: MoodTarget | None = None) -> Context:
    return Context(np.array(songs, np.int64), np.ones(len(songs), np.float32), target)


def build(asked: Context, groups: FeatureGroups | None = None) -> dict[str, list[float]]:
    parts = {"ials": np.array([1, 3, NAN], np.float32)}
    blend = np.array([0.1, 0.5, 0.3], np.float32)
    made = layout(groups)
    found = made.build(asked, np.arange(3), parts, blend, table())
    assert found.dtype == np.float32
    assert np.isfinite(found).all()
    assert found.shape == (3, len(made.names))
    return dict(zip(made.names, found.T.tolist(), strict=True))


def test_evidence_is_standardised_and_ranked() -> None:
    found = build(context(0))
    assert found["score:ials"] == [-1, 1, 0]
    assert found["missing:ials"] == [0, 0, 1]
    assert found["reciprocal_rank:ials"] == [0.5, 1, 0]
    assert found["blend_reciprocal_rank"] == pytest.approx([1 / 3, 1, 1 / 2])


def test_a_scorer_that_is_not_there_counts_as_missing() -> None:
    found = build(context(0))
    assert found["missing:bpr"] == [1, 1, 1]
    assert found["score:bpr"] == found["reciprocal_rank:bpr"] == [0, 0, 0]
    assert found["coverage:bpr"] == [0, 0, 0]
    assert found["coverage:ials"] == pytest.approx([2 / 3] * 3)


def test_tags_are_compared_with_the_history() -> None:
    found = build(context(0), FeatureGroups(products=True))
    assert found["tags:cosine"] == pytest.approx([1, 0, 0.5**0.5])
    assert found["tags:unknown"] == [0, 1, 0]
    assert found["tags:0"] == pytest.approx([1, 0, 0.5**0.5])


def test_without_a_history_nothing_can_be_compared() -> None:
    found = build(context())
    assert found["tags:cosine"] == [0, 0, 0]
    assert found["tags:unknown"] == [1, 1, 1]
    assert found["history"] == [0, 0, 0]


def test_a_new_song_is_marked_as_unknown_to_listeners() -> None:
    found = build(context(0))
    assert found["listeners"] == pytest.approx([0, np.log(10), 0])
    assert found["listeners_unknown"] == [0, 0, 1]


def test_mood_is_measured_from_the_target_and_weighed_by_confidence() -> None:
    target = MoodTarget(Mood(0.5, 0.0), Mood(0.5, 0.0), "match", 0.5)
    found = build(context(0, target=target))
    assert found["mood_distance"] == [0, 1, 1]
    assert found["mood_pull"] == [0, -0.5, -0.5]
    assert found["mood_unknown"] == [0, 1, 0]
    assert build(context(0))["target_confidence"] == [0, 0, 0]


def test_groups_can_be_left_out() -> None:
    off = dict.fromkeys(FeatureGroups.model_fields, False)
    assert list(build(context(0), FeatureGroups(**off))) == [
        "blend", "blend_reciprocal_rank", "blend_log_rank",
    ]  # fmt: skip


def test_an_empty_list_gives_an_empty_table() -> None:
    empty = np.zeros(0, np.float32)
    made = FeatureLayout(("ials",), (0, 3, 0), FeatureGroups())
    found = made.build(context(0), np.zeros(0, np.int64), {"ials": empty}, empty, table())
    assert found.shape == (0, len(made.names))


def test_terms_are_reduced_to_unit_rows_and_new_songs_placed_alike() -> None:
    rows = csr_matrix(np.array([[1, 1, 0, 0], [1, 1, 0, 0], [0, 0, 1, 1], [0, 0, 0, 0]], float))
    reduced, components = reduce_terms(rows, 2)
    assert reduced @ reduced.T == pytest.approx(
        np.array([[1, 1, 0, 0], [1, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 0]]), abs=1e-5
    )
    new = SongFeatures.of(np.zeros(1, np.float32), tags=np.array([[1, 1, 0, 0]]) @ components)
    assert new.tags[0] == pytest.approx(reduced[0], abs=1e-5)
    again, _ = reduce_terms(rows, 2)
    assert np.array_equal(reduced, again)


def test_song_features_survive_storage_and_grow() -> None:
    kept = SongFeatures.from_arrays(table().arrays())
    assert np.array_equal(kept.content(), table().content())
    grown = kept.with_songs(table(), np.array([1, 3, 4]), 5)
    assert np.array_equal(grown.tags[[0, 1, 3, 4]], table().tags[[0, 0, 1, 2]])


def test_song_features_of_unequal_length_are_refused() -> None:
    with pytest.raises(ValueError, match="one length"):
        SongFeatures.of(np.zeros(3, np.float32), tags=np.zeros((2, 3), np.float32))
