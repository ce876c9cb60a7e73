"""``attune recommend`` and ``attune emotion``: one answer, from the terminal."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from api.cli.console import emit, emit_json
from api.problem import kind_of
from data.errors import ImageError, InvalidParameterError
from data.settings import Settings
from data.types import EMOTIONS, STRATEGIES, EmotionScores, Strategy
from recommender.answering import answer_query
from recommender.bootstrap import build_database, build_engine, reader_in_force
from recommender.mood import parse_mood
from recommender.query import Query, Recommendation


def parse_strategy(text: str) -> Strategy:
    """Read a strategy.

    Raises:
        InvalidParameterError: naming the known ones.
    """
    for known in STRATEGIES:
        if text == known:
            return known
    raise InvalidParameterError("strategy", f"{text!r} is not one of {', '.join(STRATEGIES)}")


def recommend(
    user: Annotated[str, typer.Argument(help="User id; an unknown one is a cold start.")],
    selfie: Annotated[Path | None, typer.Option(help="A picture with a face.")] = None,
    mood: Annotated[str | None, typer.Option(help="A mood word, or valence,arousal.")] = None,
    n: Annotated[int, typer.Option("-n", min=1, max=100)] = 20,
    strategy: Annotated[str, typer.Option(help=" | ".join(STRATEGIES))] = "match",
    as_json: Annotated[bool, typer.Option("--json")] = False,
) -> None:
    """Recommend songs for a user, and a moment if one is shown or stated."""
    settings = Settings()
    engine = build_engine(settings)
    emotion = None
    if selfie is not None and mood is None and engine.reader is not None:
        emotion = engine.reader.read([_read_picture(selfie)])
    query = Query(
        user,
        n=n,
        strategy=parse_strategy(strategy),
        emotion=emotion,
        stated=parse_mood(mood) if mood else None,
    )
    database = build_database(settings)
    database.check_schema()
    found = answer_query(engine, database, query)
    database.dispose()
    answer, songs = found.recommendation, found.songs
    if as_json:
        emit_json(_answer_json(answer, emotion))
        return
    if emotion is not None:
        sure = " (uncertain)" if emotion.uncertain else ""
        emit(f"apparent expression: {emotion.label} {emotion.confidence:.0%}{sure}")
    if answer.fallback:
        emit(f"fallback: {answer.fallback}")
    for ranked in answer.songs:
        song = songs[ranked.song_id]
        why = ranked.reasons[0].text if ranked.reasons else ""
        emit(f"{ranked.rank:3d}. {song.artist} - {song.title}  [{why}]")


def _answer_json(answer: Recommendation, emotion: EmotionScores | None) -> dict[str, Any]:
    return {
        "user": answer.user_id,
        "emotion": _emotion_json(emotion) if emotion else None,
        "items": [
            {
                "rank": s.rank,
                "song": s.song_id,
                "score": s.score,
                "reasons": [
                    {"kind": r.kind, "weight": r.weight, "text": r.text} for r in s.reasons
                ],
            }
            for s in answer.songs
        ],
        "fallback": answer.fallback,
        "model_version": answer.model_version,
    }


def emotion(
    files: Annotated[list[Path], typer.Argument(help="Pictures.")],
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object per line.")] = False,
    face: Annotated[str, typer.Option(help="largest | only")] = "largest",
) -> None:
    """Read the apparent expression of the face in each picture; nothing is stored."""
    if face not in {"largest", "only"}:
        raise InvalidParameterError("face", f"{face!r} is not one of largest, only")
    reader = reader_in_force(Settings())
    failed = False
    for file in files:
        row = _read_one(reader, file, face)
        failed = failed or row["error"] is not None
        if as_json:
            emit_json(row)
        elif row["error"]:
            emit(f"{file}: {row['error']}")
        else:
            sure = " (uncertain)" if row["uncertain"] else ""
            emit(f"{file}: {row['label']} {row['confidence']:.0%}{sure}, {row['faces']} face(s)")
    if failed:
        raise typer.Exit(1)


def _read_one(reader: Any, file: Path, face: str) -> dict[str, Any]:
    empty = dict.fromkeys(("label", "probabilities", "confidence", "uncertain", "box"))
    try:
        scores = reader.read([_read_picture(file)], face=face)
    except (ImageError, InvalidParameterError) as exc:
        code = kind_of(exc).code if isinstance(exc, ImageError) else "unreadable_file"
        return {"file": str(file), **empty, "faces": getattr(exc, "faces", 0), "error": code}
    return {"file": str(file), **_emotion_json(scores), "error": None}


def _emotion_json(scores: EmotionScores) -> dict[str, Any]:
    box = scores.box
    return {
        "label": scores.label,
        "probabilities": dict(zip(EMOTIONS, map(float, scores.probabilities), strict=True)),
        "confidence": scores.confidence,
        "uncertain": scores.uncertain,
        "faces": scores.faces,
        "box": [box.x, box.y, box.width, box.height] if box else None,
    }


def _read_picture(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as exc:
        raise InvalidParameterError("selfie", f"cannot read {path}: {exc.strerror}") from exc


def register(app: typer.Typer) -> None:
    """Add these verbs to the command."""
    app.command()(recommend)
    app.command()(emotion)
