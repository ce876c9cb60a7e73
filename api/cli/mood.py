"""``attune mood``: what the words and tags of a song say, line by line."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from api.cli.console import emit, emit_json
from data.errors import AttuneError, InvalidParameterError
from data.settings import Settings
from data.types import Song
from nlp.cleaning import clean_lyrics
from nlp.language import detect_language
from nlp.mood import AXES
from nlp.text import open_text_encoder
from recommender.bootstrap import mood_in_force
from recommender.reading import MoodReading, read_mood

_MOST = 1_000_000  # bytes: no lyric is longer


def mood(
    file: Annotated[str, typer.Argument(help="Text file with the lyric; - reads stdin.")],
    tag: Annotated[list[str] | None, typer.Option(help="A tag of the song; repeatable.")] = None,
    lines: Annotated[int, typer.Option(min=0, help="Lines that carry the mood most.")] = 3,
    as_json: Annotated[bool, typer.Option("--json")] = False,
) -> None:
    """Read the mood of a lyric: valence, arousal, emotions, how sure, and which lines carry it."""
    settings = Settings()
    text = _read(file)
    if not clean_lyrics(text) and not tag:
        raise InvalidParameterError("file", f"{file} has no words: give a lyric, or --tag")
    model, encoder = mood_in_force(settings), open_text_encoder(settings.encoder_folder)
    song = Song("", "", "", tags=tuple(tag or ()))
    reading = read_mood(model, encoder, song, encoder.encode([text])[0], text, lines)
    if reading is None:
        raise InvalidParameterError("file", f"nothing known in {file}: no words that can be read")
    language, values = detect_language(text), _values(reading)
    if as_json:
        emit_json({"encoder": encoder.name, "language": language.code, **values})
        return
    emit(f"valence {values['valence']:+.2f}, arousal {values['arousal']:+.2f}: {values['emotion']}")
    if language.english is False:
        emit(f"language {language.code}: the model learnt from English words, so doubt this")
    for name in ("quadrants", "emotions"):
        shares = sorted(values[name].items(), key=lambda pair: -pair[1])
        emit(f"{name}: " + ", ".join(f"{word} {share:.0%}" for word, share in shares))
    for one in reading.lines:
        emit(f"{one.weight:+.2f}  {one.line}")


def _values(reading: MoodReading) -> dict[str, Any]:
    return {
        "valence": round(reading.valence, 4),
        "arousal": round(reading.arousal, 4),
        "emotion": reading.emotion,
        "standard_scores": _by_axis(reading.standard_scores),
        "deviation": _by_axis(reading.deviation),
        "emotions": dict(reading.emotions),
        "quadrants": dict(reading.quadrants),
        "lines": [{"line": one.line, "weight": round(one.weight, 4)} for one in reading.lines],
    }


def _by_axis(values: tuple[float, float]) -> dict[str, float]:
    return {axis: round(value, 4) for axis, value in zip(AXES, values, strict=True)}


def _read(file: str) -> str:
    """Read UTF-8; what is not is replaced, as it is in ingest."""
    try:
        data = sys.stdin.buffer.read(_MOST + 1) if file == "-" else Path(file).read_bytes()
    except OSError as exc:
        raise AttuneError(f"{file} cannot be read: {exc.strerror}") from exc
    if len(data) > _MOST:
        raise InvalidParameterError("file", f"{file} is larger than {_MOST} bytes: no lyric is")
    return data.decode("utf-8", errors="replace")


def register(app: typer.Typer) -> None:
    """Add the verb to the command."""
    app.command()(mood)
