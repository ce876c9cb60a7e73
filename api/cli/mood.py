"""``attune mood``: what the words and tags of a song say, line by line."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from api.cli.console import emit, emit_json
from data.datasets.tags import fold_tags
from data.errors import AttuneError, InvalidParameterError
from data.settings import Settings
from data.types import EMOTIONS
from nlp.cleaning import clean_lyrics
from nlp.language import detect_language
from nlp.lines import LineMood, line_moods
from nlp.mood import AXES, QUADRANTS, MoodModel, MoodPrediction
from nlp.text import open_text_encoder
from recommender.bootstrap import mood_in_force

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
    tags = fold_tags(tag or [])
    predicted = model.predict(encoder.encode([text]), [tags])
    if predicted.source[0] < 0:
        raise InvalidParameterError("file", f"nothing known in {file}: no words that can be read")
    carrying = line_moods(text, encoder, model)
    language = detect_language(text)
    best = sorted(carrying, key=lambda one: -one.weight)[:lines]
    values = _values(model, predicted, best)
    if as_json:
        emit_json({"encoder": encoder.name, "language": language.code, **values})
        return
    emit(f"valence {values['valence']:+.2f}, arousal {values['arousal']:+.2f}: {values['emotion']}")
    if language.english is False:
        emit(f"language {language.code}: the model learnt from English words, so doubt this")
    for name in ("quadrants", "emotions"):
        shares = sorted(values[name].items(), key=lambda pair: -pair[1])
        emit(f"{name}: " + ", ".join(f"{word} {share:.0%}" for word, share in shares))
    for one in best:
        emit(f"{one.weight:+.2f}  {one.line}")


def _values(model: MoodModel, predicted: MoodPrediction, lines: list[LineMood]) -> dict[str, Any]:
    emotions, quadrants = model.emotions(predicted)[0], model.quadrants(predicted)[0]
    return {
        "valence": round(float(predicted.valence[0]), 4),
        "arousal": round(float(predicted.arousal[0]), 4),
        "emotion": predicted.emotion[0],
        "standard_scores": dict(zip(AXES, np.round(predicted.raw[0], 4).tolist(), strict=True)),
        "deviation": dict(zip(AXES, np.round(predicted.deviation[0], 4).tolist(), strict=True)),
        "emotions": dict(zip(EMOTIONS, np.round(emotions, 4).tolist(), strict=True)),
        "quadrants": dict(zip(QUADRANTS, np.round(quadrants, 4).tolist(), strict=True)),
        "lines": [{"line": one.line, "weight": round(one.weight, 4)} for one in lines],
    }


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
