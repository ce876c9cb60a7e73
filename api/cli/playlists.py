"""``attune playlists``: lists for many users at once."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from time import perf_counter
from typing import Annotated

import typer

from api.cli.console import emit, progress
from api.cli.filter_options import Explicit, FirstYear, Languages, LastYear, LeftOutArtists
from api.cli.opening import opened_database
from api.cli.recommend import parse_strategy
from data.db.repositories import UserRepository
from data.db.session import Database
from data.errors import InvalidParameterError
from data.filters import stated_filter
from data.settings import Settings
from data.types import Strategy
from recommender.batch import generate_playlists
from recommender.bootstrap import build_engine
from recommender.journeys.query import DEFAULT_LENGTH, JourneyQuery, journey_query
from recommender.mood import parse_mood
from recommender.query import Query


def playlists(
    out: Annotated[Path, typer.Option(help="FILE.parquet, or a folder of parts.")],
    users: Annotated[str, typer.Option(help="'all', or a file with one user id a line.")] = "all",
    mood: Annotated[str | None, typer.Option(help="A mood word, or valence,arousal.")] = None,
    start: Annotated[
        str | None, typer.Option("--from", help="A journey: where it begins; default neutral.")
    ] = None,
    end: Annotated[
        str | None,
        typer.Option("--to", help="A journey: where it ends; default where --strategy aims."),
    ] = None,
    strategy: Annotated[str, typer.Option(help="What to do with the mood.")] = "match",
    length: Annotated[
        int | None, typer.Option(min=1, max=100, help="Songs in a list; default 20.")
    ] = None,
    minutes: Annotated[
        float | None,
        typer.Option(min=5, max=300, help="A journey: fill so many minutes, in place of --length."),
    ] = None,
    language: Languages = None,
    year_from: FirstYear = None,
    year_to: LastYear = None,
    explicit: Explicit = True,
    exclude_artist: LeftOutArtists = None,
    engine: Annotated[str, typer.Option(help="Where to run: local.")] = "local",
) -> None:
    """Write one list per user through the same pipeline as a request; resumable.

    With --from or --to every list is a journey through the mood plane.
    """
    if engine != "local":
        raise InvalidParameterError("engine", f"engine {engine!r} is not one of: local")
    songs = stated_filter(language or (), year_from, year_to, explicit, exclude_artist or ())
    template = _template(mood, start, end, parse_strategy(strategy), length, minutes)
    settings = Settings()
    loaded = build_engine(settings)
    with opened_database(settings) as database:
        started = perf_counter()
        result = generate_playlists(
            loaded,
            database,
            _users(users, database),
            replace(template, songs=songs),
            out,
            report=progress,
        )
        seconds = perf_counter() - started
    emit(
        f"{result.rows} rows for {result.users} users in {seconds:.1f} s"
        f" ({result.users / seconds:.0f} users/s), {result.resumed_parts} parts kept: {result.path}"
    )


def _template(
    mood: str | None,
    start: str | None,
    end: str | None,
    strategy: Strategy,
    length: int | None,
    minutes: float | None,
) -> Query | JourneyQuery:
    """Tell a journey from a list for one mood."""
    if start is None and end is None:
        if minutes is not None:
            raise InvalidParameterError("minutes", "--minutes needs a journey: --from or --to")
        stated = parse_mood(mood) if mood else None
        return Query(
            "", n=length or DEFAULT_LENGTH, strategy=strategy, stated=stated, explain=False
        )
    if mood is not None:
        raise InvalidParameterError("mood", "give --mood, or --from and --to, not both")
    return journey_query(
        "", start, end, strategy=strategy, length=length, minutes=minutes, explain=False
    )


def _users(choice: str, database: Database) -> list[str]:
    if choice == "all":
        with database.session() as session:
            return UserRepository(session).ids()
    try:
        lines = Path(choice).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as exc:
        raise InvalidParameterError(
            "users", f"--users {choice!r} is neither 'all' nor a readable file"
        ) from exc
    return [line.strip() for line in lines if line.strip()]


def register(app: typer.Typer) -> None:
    """Add these verbs to the command."""
    app.command()(playlists)
