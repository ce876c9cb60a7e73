from __future__ import annotations

import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.decomposition import PCA

from data.errors import ArtifactError, TrainingError
from data.files import save_arrays
from data.reduction import PcaReducer, components_for
from data.types import FloatArray


def drawn(rows: int = 60, width: int = 8) -> FloatArray:
    rng = np.random.default_rng(0)
    mixing = rng.normal(size=(width, width))
    return (rng.normal(size=(rows, width)) @ mixing + 3).astype(np.float32)


@pytest.fixture
def vectors() -> FloatArray:
    return drawn()


@pytest.mark.parametrize("whiten", [False, True])
def test_agrees_with_scikit_learn_signs_and_all(vectors: FloatArray, whiten: bool) -> None:
    theirs = PCA(4, whiten=whiten, svd_solver="full").fit(vectors.astype(np.float64))
    ours = PcaReducer.fit(vectors, 4, whiten=whiten)
    found = ours.transform(vectors)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, theirs.transform(vectors), atol=2e-4)
    np.testing.assert_allclose(ours.variances, theirs.explained_variance_, rtol=1e-5)
    np.testing.assert_allclose(ours.explained, theirs.explained_variance_ratio_, rtol=1e-5)


@settings(max_examples=40, deadline=None)
@given(
    cuts=st.lists(st.integers(0, 60), max_size=12).map(sorted),
    shift=st.sampled_from([0.0, 1e3]),
)
def test_any_blocks_give_the_fit_of_all_rows(cuts: list[int], shift: float) -> None:
    rows = drawn().astype(np.float64) + shift  # a mean far off is where sums of squares lose digits
    blocks = np.split(rows.astype(np.float32), cuts)
    whole = PCA(8, svd_solver="full").fit(rows.astype(np.float32).astype(np.float64))
    found = PcaReducer.fit_blocks(iter(blocks), 8)
    np.testing.assert_allclose(found.components, whole.components_, atol=1e-5)
    np.testing.assert_allclose(found.variances, whole.explained_variance_, rtol=1e-5)
    np.testing.assert_allclose(found.mean, whole.mean_, rtol=1e-6)


def test_a_fit_in_blocks_holds_one_block_not_all_rows() -> None:
    def blocks() -> Iterator[FloatArray]:
        rng = np.random.default_rng(1)
        for _ in range(200):
            yield rng.normal(size=(500, 32)).astype(np.float32)  # 12.8 MB together

    tracemalloc.start()
    found = PcaReducer.fit_blocks(blocks(), 4)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert found.n_components == 4
    assert peak < 1.5e6


def test_a_share_of_the_variance_chooses_the_fewest_components() -> None:
    rng = np.random.default_rng(2)
    basis = np.linalg.qr(rng.normal(size=(100, 4)) - 0.5)[0]
    basis = np.linalg.qr(basis - basis.mean(axis=0))[0]
    rows = (basis * np.sqrt([60.0, 25.0, 10.0, 5.0])).astype(np.float32)
    rows -= rows.mean(axis=0)
    for share, k in ((0.3, 1), (0.59, 1), (0.61, 2), (0.84, 2), (0.86, 3), (0.94, 3), (0.96, 4)):
        found = PcaReducer.fit(rows, share)
        assert found.n_components == k
        assert found.explained.sum() >= share
        np.testing.assert_array_equal(found.components, PcaReducer.fit(rows, k).components)
    assert components_for(np.array([3.0, 1.0]), 0.75) == 1
    assert components_for(np.array([3.0, 1.0]), 1.0) == 2
    assert components_for(np.zeros(3), 0.9) == 1


@pytest.mark.parametrize("wrong", [0, -1, 1.5, 0.0, -0.5, float("nan")])
def test_a_senseless_number_of_components_is_refused(vectors: FloatArray, wrong: float) -> None:
    with pytest.raises(ValueError, match=r"share in \(0, 1\)"):
        PcaReducer.fit(vectors, wrong)


def test_leading_components_are_those_of_a_smaller_fit(vectors: FloatArray) -> None:
    a, b = PcaReducer.fit(vectors, 6, whiten=True).leading(2), PcaReducer.fit(vectors, 2)
    np.testing.assert_allclose(a.transform(vectors), b.whitened().transform(vectors), atol=1e-4)
    np.testing.assert_array_equal(a.explained, b.explained)


def test_whitened_scores_have_unit_variance(vectors: FloatArray) -> None:
    found = PcaReducer.fit(vectors, 5, whiten=True).transform(vectors)
    np.testing.assert_allclose(np.cov(found, rowvar=False), np.eye(5), atol=1e-4)


def test_rows_with_nan_do_not_count_and_stay_nan(vectors: FloatArray) -> None:
    holed = np.concatenate([vectors, np.full((3, 8), np.nan, np.float32)])
    holed[60, 1:] = 1  # one number missing is enough
    reducer = PcaReducer.fit(holed, 3)
    found = reducer.transform(holed)
    np.testing.assert_array_equal(found[:60], PcaReducer.fit(vectors, 3).transform(vectors))
    assert np.isnan(found[60:]).all()
    empty = [vectors[:0], holed[60:], vectors[:30], vectors[30:]]
    np.testing.assert_allclose(
        PcaReducer.fit_blocks(empty, 3).components, reducer.components, atol=1e-5
    )


def test_batch_equals_single(vectors: FloatArray) -> None:
    reducer = PcaReducer.fit(vectors, 3)
    one_by_one = np.concatenate([reducer.transform(vectors[i : i + 1]) for i in range(60)])
    np.testing.assert_allclose(one_by_one, reducer.transform(vectors), atol=1e-5)
    assert reducer.transform(vectors[:0]).shape == (0, 3)


def test_too_many_components_are_cut_and_flat_data_stays_finite() -> None:
    flat = np.ones((5, 4), np.float32)
    reducer = PcaReducer.fit(flat, 100, whiten=True)
    assert reducer.n_components == 4
    assert np.isfinite(reducer.transform(flat)).all()
    assert (reducer.explained == 0).all()
    assert PcaReducer.fit(flat, 0.9).n_components == 1
    assert PcaReducer.fit(drawn(rows=4), 100).n_components == 3


@pytest.mark.parametrize("blocks", [[], [np.ones((1, 4), np.float32)], [np.ones((0, 4), "f4")]])
def test_fewer_than_two_rows_are_refused(blocks: list[FloatArray]) -> None:
    with pytest.raises(TrainingError, match="two vectors or more"):
        PcaReducer.fit_blocks(blocks, 2)


def test_blocks_of_other_shapes_are_refused(vectors: FloatArray) -> None:
    with pytest.raises(TrainingError, match="vectors of 4 numbers cannot follow those of 8"):
        PcaReducer.fit_blocks([vectors, vectors[:, :4]], 2)
    with pytest.raises(TrainingError, match=r"not \(8,\)"):
        PcaReducer.fit_blocks([vectors[0]], 2)


def test_saved_and_loaded_is_the_same(vectors: FloatArray, tmp_path: Path) -> None:
    reducer = PcaReducer.fit(vectors, 3, whiten=True)
    reducer.save(tmp_path / "pca.npz")
    again = PcaReducer.load(tmp_path / "pca.npz")
    np.testing.assert_array_equal(again.transform(vectors), reducer.transform(vectors))
    np.testing.assert_array_equal(again.explained, reducer.explained)
    with pytest.raises(ArtifactError, match=r"none\.npz"):
        PcaReducer.load(tmp_path / "none.npz")


def test_a_file_without_variances_still_reduces(vectors: FloatArray, tmp_path: Path) -> None:
    reducer = PcaReducer.fit(vectors, 3)
    arrays = {"mean": reducer.mean, "components": reducer.components, "scale": reducer.scale}
    save_arrays(tmp_path / "old.npz", arrays)
    old = PcaReducer.load(tmp_path / "old.npz")
    np.testing.assert_array_equal(old.transform(vectors), reducer.transform(vectors))
    assert np.isnan(old.explained).all()
    with pytest.raises(TrainingError, match="fit it again"):
        old.whitened()
