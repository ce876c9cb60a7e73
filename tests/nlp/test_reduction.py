from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from sklearn.decomposition import PCA

from data.errors import ArtifactError, TrainingError
from data.types import FloatArray
from nlp.reduction import PcaReducer


@pytest.fixture
def vectors() -> FloatArray:
    rng = np.random.default_rng(0)
    return (rng.normal(size=(60, 8)) @ rng.normal(size=(8, 8)) + 3).astype(np.float32)


@pytest.mark.parametrize("whiten", [False, True])
def test_agrees_with_scikit_learn(vectors: FloatArray, whiten: bool) -> None:
    expected = PCA(4, whiten=whiten, svd_solver="full").fit(vectors).transform(vectors)
    found = PcaReducer.fit(vectors, 4, whiten=whiten).transform(vectors)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, atol=2e-4)


def test_leading_components_are_those_of_a_smaller_fit(vectors: FloatArray) -> None:
    a = PcaReducer.fit(vectors, 6).leading(2).transform(vectors)
    np.testing.assert_allclose(a, PcaReducer.fit(vectors, 2).transform(vectors), atol=1e-4)


def test_rows_with_nan_do_not_count_and_stay_nan(vectors: FloatArray) -> None:
    holed = np.concatenate([vectors, np.full((3, 8), np.nan, np.float32)])
    reducer = PcaReducer.fit(holed, 3)
    found = reducer.transform(holed)
    np.testing.assert_array_equal(found[:60], PcaReducer.fit(vectors, 3).transform(vectors))
    assert np.isnan(found[60:]).all()


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
    with pytest.raises(TrainingError, match="two vectors"):
        PcaReducer.fit(flat[:1], 2)


def test_saved_and_loaded_is_the_same(vectors: FloatArray, tmp_path: Path) -> None:
    reducer = PcaReducer.fit(vectors, 3, whiten=True)
    reducer.save(tmp_path / "pca.npz")
    again = PcaReducer.load(tmp_path / "pca.npz")
    np.testing.assert_array_equal(again.transform(vectors), reducer.transform(vectors))
    with pytest.raises(ArtifactError, match=r"none\.npz"):
        PcaReducer.load(tmp_path / "none.npz")
