"""``attune recommend`` and ``attune emotion``: one answer, from the terminal."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from api.cli.arguments import utf8
from api.cli.console import emit, emit_json
from api.cli.filter_options import Explicit, FirstYear, Languages, LastYear, LeftOutArtists
from api.cli.opening import opened_database
from api.problem import kind_of
from data.errors import ImageError, InvalidParameterError
from data.filters import stated_filter
from data.settings import Settings
from data.types import EMOTIONS, STRATEGIES, EmotionScores, Song, Strategy
from recommender.answering import answer_query
from recommender.bootstrap import build_engine, reader_in_force
from recommender.mood import parse_mood
from recommender.query import Query, Recommendation
from vision.errors import NoFaceError
from vision.explain import explain_face, heat_map_png
from vision.reader import ExpressionReader


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
    user: Annotated[
        str, typer.Argument(help="User id; an unknown one is a cold start.", callback=utf8)
    ],
    selfie: Annotated[Path | None, typer.Option(help="A picture with a face.")] = None,
    mood: Annotated[str | None, typer.Option(help="A mood word, or valence,arousal.")] = None,
    query: Annotated[
        str | None,
        typer.Option(
            help="What to look for, in words: 'rainy sunday, slow and warm'.", callback=utf8
        ),
    ] = None,
    n: Annotated[int, typer.Option("-n", min=1, max=100)] = 20,
    strategy: Annotated[str, typer.Option(help=" | ".join(STRATEGIES))] = "match",
    language: Languages = None,
    year_from: FirstYear = None,
    year_to: LastYear = None,
    explicit: Explicit = True,
    exclude_artist: LeftOutArtists = None,
    as_json: Annotated[bool, typer.Option("--json")] = False,
) -> None:
    """Recommend songs for a user, and a moment if one is shown, stated or described."""
    songs = stated_filter(language or (), year_from, year_to, explicit, exclude_artist or ())
    settings = Settings()
    engine = build_engine(settings)
    emotion = None
    if selfie is not None and mood is None and engine.reader is not None:
        emotion = engine.reader.read([_read_picture(selfie)])
    question = Query(
        user,
        n=n,
        strategy=parse_strategy(strategy),
        emotion=emotion,
        stated=parse_mood(mood) if mood else None,
        text=query,
        songs=songs,
    )
    with opened_database(settings) as database:
        found = answer_query(engine, database, question)
    answer = found.recommendation
    if as_json:
        emit_json(_answer_json(answer, found.songs, emotion))
        return
    if emotion is not None:
        sure = " (uncertain)" if emotion.uncertain else ""
        emit(f"apparent expression: {emotion.label} {emotion.confidence:.0%}{sure}")
    if answer.fallback:
        emit(f"fallback: {answer.fallback}")
    for ranked in answer.songs:
        song = found.songs[ranked.song_id]
        why = ranked.reasons[0].text if ranked.reasons else ""
        emit(f"{ranked.rank:3d}. {song.artist} - {song.title}  [{why}]")


def _answer_json(
    answer: Recommendation, songs: Mapping[str, Song], emotion: EmotionScores | None
) -> dict[str, Any]:
    return {
        "user": answer.user_id,
        "emotion": _emotion_json(emotion) if emotion else None,
        "items": [
            {
                "rank": s.rank,
                "song": s.song_id,
                "title": songs[s.song_id].title,
                "artist": songs[s.song_id].artist,
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
    explain: Annotated[
        Path | None,
        typer.Option(
            help="Write a map of what drove the answer: a .png file for one picture, else a folder."
        ),
    ] = None,
) -> None:
    """Read the apparent expression of the face in each picture; nothing is stored."""
    if face not in {"largest", "only"}:
        raise InvalidParameterError("face", f"{face!r} is not one of largest, only")
    maps = _map_paths(files, explain) if explain is not None else {}
    reader = reader_in_force(Settings())
    failed = False
    for file in files:
        row = _read_one(reader, file, face, maps.get(file))
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


def _map_paths(files: list[Path], explain: Path) -> dict[Path, Path]:
    """Choose where each picture's map goes, and refuse to overwrite anything."""
    if explain.suffix.lower() == ".png":
        if len(files) > 1:
            raise InvalidParameterError("explain", "several pictures need a folder for their maps")
        paths = {files[0]: explain}
    else:
        paths = {file: explain / f"{file.stem}.png" for file in files}
    if len(set(paths.values())) < len(set(files)):
        raise InvalidParameterError("explain", "two pictures have the same name: explain one first")
    for path in paths.values():
        if path.exists():
            raise InvalidParameterError("explain", f"{path} is there already: choose another")
    return paths


def _read_one(
    reader: ExpressionReader, file: Path, face: str, map_path: Path | None
) -> dict[str, Any]:
    empty = dict.fromkeys(("label", "probabilities", "confidence", "uncertain", "box"))
    try:
        data = _read_picture(file)
        scores = reader.read([data], face=face)  # type: ignore[arg-type]
    except (ImageError, InvalidParameterError) as exc:
        code = kind_of(exc).code if isinstance(exc, ImageError) else "unreadable_file"
        return {"file": str(file), **empty, "faces": getattr(exc, "faces", 0), "error": code}
    row = {"file": str(file), **_emotion_json(scores), "error": None}
    if map_path is not None:
        _write_map(reader, data, scores.label, map_path)
        row["explanation"] = str(map_path)
    return row


def _write_map(reader: ExpressionReader, data: bytes, label: str, path: Path) -> None:
    """Write the map where the caller of the command asked for it, and nowhere else."""
    look = reader.look(data)
    if look is None:  # it was read a moment ago
        raise NoFaceError("no face was found")
    png = heat_map_png(look.crop, explain_face(reader.classifier, look.crop, label))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(png)
    except OSError as exc:
        raise InvalidParameterError("explain", f"cannot write {path}: {exc.strerror}") from exc


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
