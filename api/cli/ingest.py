"""``attune ingest songs|listens|feedback FILE...``."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from api.cli.console import emit, emit_json, progress
from data.errors import InvalidParameterError
from data.settings import Settings


class Kind(StrEnum):
    """What the rows are."""

    songs = "songs"
    listens = "listens"
    feedback = "feedback"


class Format(StrEnum):
    """How the rows are written."""

    csv = "csv"
    parquet = "parquet"
    jsonl = "jsonl"
    listenbrainz = "listenbrainz"
    lastfm = "lastfm"
    spotify = "spotify"


def ingest(
    kind: Annotated[Kind, typer.Argument(help="songs, listens or feedback")],
    files: Annotated[list[Path], typer.Argument(help="CSV, Parquet or JSON lines")],
    format: Annotated[Format | None, typer.Option(help="Default: by the file's suffix.")] = None,
    column: Annotated[
        list[str] | None,
        typer.Option(help="NAME=SOURCE: read our column NAME from the file's column SOURCE."),
    ] = None,
    rejects: Annotated[
        Path | None, typer.Option(help="Where wrong rows go; default <home>/rejects/.")
    ] = None,
    user: Annotated[
        str | None, typer.Option(help="Whose export it is, where the file does not say.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json")] = False,
) -> None:
    """Read rows into the database; resumable, wrong rows are set aside."""
    from data.ingest import ingest_feedback, ingest_listens, ingest_songs
    from recommender.bootstrap import build_database

    settings = Settings()
    database = build_database(settings)
    database.upgrade()
    target = rejects or settings.home / "rejects" / f"{kind.value}.jsonl"
    target.parent.mkdir(parents=True, exist_ok=True)
    common: dict[str, Any] = {
        "format": format.value if format else None,
        "columns": parse_columns(column or []),
        "rejects": target,
        "report": progress,
    }
    if kind is Kind.songs:
        result = ingest_songs(database, files, **common)
    else:
        run = ingest_listens if kind is Kind.listens else ingest_feedback
        result = run(database, files, user=user, **common)
    database.dispose()
    if as_json:
        emit_json(
            {
                "read": result.read,
                "written": result.written,
                "rejected": result.rejected,
                "seconds": round(result.seconds, 2),
                "rejects": str(target),
            }
        )
        return
    emit(
        f"{result.read} rows read, {result.written} written, {result.rejected} rejected"
        f" in {result.seconds:.1f} s" + (f"; see {target}" if result.rejected else "")
    )


def parse_columns(pairs: list[str]) -> dict[str, str]:
    """Read ``NAME=SOURCE`` pairs.

    Raises:
        InvalidParameterError: if a pair has no ``=``.
    """
    wrong = [p for p in pairs if "=" not in p]
    if wrong:
        raise InvalidParameterError("column", f"--column {wrong[0]!r} is not NAME=SOURCE")
    return dict(p.split("=", 1) for p in pairs)


def register(app: typer.Typer) -> None:
    """Add these verbs to the command."""
    app.command()(ingest)
