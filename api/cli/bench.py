"""``attune bench``: how fast this installation answers, and how its network compares.

Medians over repeats, one request after the other. The cheapest request there is is measured in
the same run: what the others cost beyond it is their own work, on any machine.
"""

from __future__ import annotations

import http.client
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

import typer
from typer.core import TyperGroup

from api.cli import bench_load, bench_reload
from api.cli.bench_lyrics import bench_lyrics
from api.cli.bench_training import bench_training
from api.cli.console import emit, emit_json, progress
from api.loadtest.homes import contents_of, serving
from api.loadtest.servers import resident_mb
from data.errors import BenchmarkError, InvalidParameterError
from data.settings import Settings
from recommender.answering import answer_query
from recommender.bootstrap import build_database, build_engine
from recommender.query import Query


class _ServiceByDefault(TyperGroup):
    """``attune bench`` alone measures the service."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if not args or (args[0].startswith("-") and args[0] != "--help"):
            args = ["service", *args]
        return super().parse_args(ctx, args)


app = typer.Typer(
    cls=_ServiceByDefault,
    help="Measure the service (the default), the expression network, lyrics, training, or load.",
)
PhotoOption = Annotated[
    Path | None,
    typer.Option("--selfie", "--photo", help="A photo with a face: for the camera path."),
]
RepeatsOption = Annotated[int, typer.Option(min=10, max=100_000)]
RoundsOption = Annotated[int, typer.Option(min=1, help="Medians over these.")]
JsonOption = Annotated[bool, typer.Option("--json")]


@app.command()
def service(
    selfie: PhotoOption = None, repeats: RepeatsOption = 200, as_json: JsonOption = False
) -> None:
    """Measure start-up, memory, single requests and the batch of the bundle in force."""
    _bench_service(selfie, repeats, as_json)


@app.command()
def vision(
    selfie: PhotoOption = None,
    repeats: RepeatsOption = 200,
    data: Annotated[
        Path | None, typer.Option(help="FER2013, for accuracy; without it speed alone.")
    ] = None,
    usage: Annotated[str, typer.Option(help="PublicTest | PrivateTest")] = "PublicTest",
    run: Annotated[
        Path | None, typer.Option(help="Keras run folder of the network in use.")
    ] = None,
    peer: Annotated[
        list[Path] | None,
        typer.Option("--peer", "--peers", help="A published Keras network, or a folder of them."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Measure the expression network, rivals, and the way from a photo to its answer."""
    _bench_vision(selfie, repeats, data, usage, run, peer or [], as_json)


@app.command()
def lyrics(
    data: Annotated[Path | None, typer.Option(help="The table of lyrics.")] = None,
    songs: Annotated[int, typer.Option(min=1, help="How many are sampled.")] = 300,
    rounds: RoundsOption = 3,
    as_json: JsonOption = False,
) -> None:
    """Measure lyrics to vectors, by every path there is."""
    bench_lyrics(data, songs, rounds, as_json)


@app.command()
def training(rounds: RoundsOption = 3, as_json: JsonOption = False) -> None:
    """Measure the fitting of every scorer of who listens to what."""
    bench_training(rounds, as_json)


app.command("load")(bench_load.load)
app.command("catalogue")(bench_load.catalogue)
app.command("reload")(bench_reload.reload)


def _bench_service(selfie: Path | None, repeats: int, as_json: bool) -> None:
    """Measure start-up, memory, requests and the batch of the bundle in force."""
    settings = Settings()
    users = contents_of(settings).users
    started = time.perf_counter()
    with serving(settings.home, log_level="WARNING") as server:
        port = server.port
        rows = {"ready after, s": time.perf_counter() - started}
        rows |= _requests("health (baseline)", port, repeats, lambda _: ("/health/live", None))
        rows |= _requests(
            "recommend", port, repeats,
            lambda i: (f"/recommend?user={quote(users[i % len(users)])}", None),
        )  # fmt: skip
        if selfie is None:
            progress("no --selfie FILE: the camera path is not measured")
        else:
            body = selfie.read_bytes()
            rows |= _requests(
                "recommend with selfie", port, repeats,
                lambda i: (f"/recommend?user={quote(users[i % len(users)])}&consent=true", body),
            )  # fmt: skip
        rows["resident memory, MB"] = resident_mb(server.pid)
    rows |= _batch(settings, users)
    if as_json:
        emit_json(rows)
        return
    for name, value in rows.items():
        emit(f"{name:40s} {value:10.2f}")


def _bench_vision(
    photo: Path | None, repeats: int, data: Path | None, usage: str, run: Path | None,
    peers: list[Path], as_json: bool,
) -> None:  # fmt: skip
    """Measure the network in use, rivals, and the way from a photo to its answer."""
    from vision.benchmark import measure_all, tasks_of
    from vision.benchmark_photo import photo_rows
    from vision.benchmark_report import as_values, notes, photo_text, table_text

    if usage not in {"PublicTest", "PrivateTest"}:
        raise InvalidParameterError("usage", f"{usage!r} is not one of PublicTest, PrivateTest")
    tasks = tasks_of(run, peers, data, usage, repeats)  # type: ignore[arg-type]
    kind = "drawn, easy to find" if photo is None else "the one given, fitted"
    progress(f"measuring photo to apparent expression ({kind})")
    whole = photo_rows(photo, repeats)
    rows, left_out = measure_all(tasks, progress)
    told = notes(rows, left_out, usage, data=data is not None, run=run is not None)
    if as_json:
        values = as_values(rows, left_out)
        emit_json({"usage": usage, **values, "photo": whole, "photo_is": kind, "notes": told})
        return
    emit(table_text(rows, usage))
    emit("")
    for line in told:
        emit(f"- {line}")
    emit("\n" + photo_text(whole, kind))


def _ask(connection: http.client.HTTPConnection, path: str, body: bytes | None) -> int:
    headers = {"Content-Type": "image/jpeg"} if body else {}
    connection.request("POST" if body else "GET", path, body, headers)
    response = connection.getresponse()
    response.read()
    return response.status


def _requests(
    name: str, port: int, repeats: int, make: Callable[[int], tuple[str, bytes | None]]
) -> dict[str, float]:
    connection = http.client.HTTPConnection("127.0.0.1", port)
    laps = []
    for i in range(repeats + 5):
        path, body = make(i)
        started = time.perf_counter()
        status = _ask(connection, path, body)
        if status != 200:
            raise BenchmarkError(f"{name}: the service answered {status} to {path}")
        if i >= 5:  # the first few warm caches
            laps.append((time.perf_counter() - started) * 1000)
    connection.close()
    cuts = statistics.quantiles(laps, n=100, method="inclusive")
    return {f"{name}: p50, ms": statistics.median(laps), f"{name}: p99, ms": cuts[98]}


def _batch(settings: Settings, users: list[str]) -> dict[str, float]:
    engine, database = build_engine(settings), build_database(settings)
    chosen = users[:500]
    started = time.perf_counter()
    for user in chosen:
        answer_query(engine, database, Query(user, explain=False))
    seconds = time.perf_counter() - started
    database.dispose()
    return {"batch, users/s": len(chosen) / seconds}


def register(command: typer.Typer) -> None:
    """Add these verbs to the command."""
    command.add_typer(app, name="bench")
