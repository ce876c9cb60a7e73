"""``attune ingest songs|listens|feedback FILE...``."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from api.cli.arguments import utf8
from api.cli.console import emit, emit_json, progress
from data.errors import InvalidParameterError
from data.settings import Settings

if TYPE_CHECKING:
    from data.ingest import IngestReport

#: Artists and titles without a song that are shown.
_FREQUENT = 10
_WAYS = {
    "id": "by id",
    "mbid": "by recording",
    "isrc": "by ISRC",
    "spotify": "by Spotify track",
    "title": "by artist and title",
    "first_artist": "by first artist and title",
}


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
    files: Annotated[
        list[Path], typer.Argument(help="CSV, Parquet, JSON lines, or an export (.zip too)")
    ],
    format: Annotated[Format | None, typer.Option(help="Default: by the file's suffix.")] = None,
    column: Annotated[
        list[str] | None,
        typer.Option(help="NAME=SOURCE: read our column NAME from the file's column SOURCE."),
    ] = None,
    rejects: Annotated[
        Path | None, typer.Option(help="Where wrong rows go; default <home>/rejects/.")
    ] = None,
    user: Annotated[
        str | None,
        typer.Option(
            help="Whose export it is; of a table, of rows that do not say.", callback=utf8
        ),
    ] = None,
    new_songs: Annotated[
        bool, typer.Option(help="Of listens: whether songs that the catalogue lacks are made.")
    ] = True,
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
    elif kind is Kind.listens:
        result = ingest_listens(database, files, user=user, new_songs=new_songs, **common)
    else:
        result = ingest_feedback(database, files, user=user, **common)
    database.dispose()
    matches = matches_of(result, target) if kind is Kind.listens else {}
    if as_json:
        emit_json(
            {
                "read": result.read,
                "written": result.written,
                "rejected": result.rejected,
                "seconds": round(result.seconds, 2),
                "rejects": str(target),
                **matches,
            }
        )
        return
    emit(
        f"{result.read} rows read, {result.written} written, {result.rejected} rejected"
        f" in {result.seconds:.1f} s" + (f"; see {target}" if result.rejected else "")
    )
    if matches and matches["matched"]:
        _tell_matches(matches)


def matches_of(result: IngestReport, rejects: Path) -> dict[str, Any]:
    """Write down what no song was found for, beside the rejects; tell how the others were."""
    from data.ingest import write_unmatched
    from data.ingest.unmatched import SUFFIX

    missing = result.matches.unmatched.most_common()
    path = rejects.with_name(f"{rejects.stem}{SUFFIX}")
    # A file that was ingested before tells nothing now: what was written then stays.
    if result.matches.ways and (missing or path.exists()):
        write_unmatched(path, missing)
    frequent = [
        {"artist": artist, "title": title, "listens": count}
        for (_, artist, title), count in missing[:_FREQUENT]
    ]
    return {
        "matched": dict(result.matches.ways.most_common()),
        "unmatched": {"pairs": len(missing), "file": str(path) if missing else None},
        "most_frequent_unmatched": frequent,
    }


def _tell_matches(matches: dict[str, Any]) -> None:
    ways = matches["matched"]
    told = ", ".join(f"{_WAYS[way]} {n}" for way, n in ways.items() if way in _WAYS)
    emit(
        f"songs of the catalogue: {sum(n for w, n in ways.items() if w != 'none')} listens"
        + (f" ({told})" if told else "")
        + f"; none for {ways.get('none', 0)} listens"
    )
    for one in matches["most_frequent_unmatched"]:
        emit(f"  {one['listens']:6} {one['artist']} - {one['title']}")
    if matches["unmatched"]["file"]:
        emit(f"all {matches['unmatched']['pairs']} without a song: {matches['unmatched']['file']}")


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
