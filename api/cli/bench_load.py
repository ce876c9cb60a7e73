"""``attune bench load`` and ``attune bench catalogue``: the service under load, at any size."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from api.cli.console import emit, emit_json, progress
from api.loadtest.scenarios import Scenario
from data.settings import Settings


def load(
    home: Annotated[
        list[Path] | None,
        typer.Option(help="Home with a bundle; may be given again. Default: the configured one."),
    ] = None,
    scenario: Annotated[
        list[Scenario] | None, typer.Option(help="May be given again; default: all of them.")
    ] = None,
    clients: Annotated[
        str, typer.Option(help="Numbers of clients, separated by commas.")
    ] = "1,4,16,64",
    seconds: Annotated[float, typer.Option(min=0.1, max=7200, help="Of every level.")] = 60,
    overload: Annotated[float, typer.Option(min=1.1, help="Times the best rate.")] = 4,
    connections: Annotated[int, typer.Option(min=1, max=4096, help="Most, in overload.")] = 512,
    workers: Annotated[int, typer.Option(min=1, max=64, help="Processes of the service.")] = 1,
    baseline: Annotated[
        str | None,
        typer.Option(help="MODULE:APP to compare, in a checkout: tests.baseline.obvious:app"),
    ] = None,
    selfie: Annotated[
        Path | None, typer.Option(help="A photo with a face; default: drawn.")
    ] = None,
    report: Annotated[
        Path | None, typer.Option(help="Measure nothing: show this file, which --json wrote.")
    ] = None,
    into: Annotated[
        Path | None, typer.Option(help="with --report: fill the marked part of this document.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json")] = False,
) -> None:
    """Load `attune serve`: closed loop by numbers of clients, open loop beyond capacity.

    A level is a scenario at a number of clients: rate, percentiles, status counts, the server's
    processor time and memory. `--json > FILE`, then `--report FILE --into docs/performance.md`.
    """
    from api.loadtest.matrix import LoadConfig, run_matrix
    from api.loadtest.report import fill, load_text

    if report is not None:
        text = load_text(json.loads(report.read_text(encoding="utf-8")))
        if into is None:
            emit(text)
        else:
            fill(into, text)
            emit(str(into))
        return
    config = LoadConfig(
        **{"scenarios": tuple(scenario)} if scenario else {},
        clients=_numbers(clients),
        seconds=seconds,
        overload=overload,
        connections=connections,
        workers=workers,
        baseline=_baseline(baseline),
        selfie=selfie,
        ceiling_s=min(3.0, seconds),
        warm_s=min(2.0, seconds / 2),
    )
    found = run_matrix(home or [Settings().home], config, progress)
    if as_json:
        emit_json(found)
    else:
        emit(load_text(found))


def catalogue(
    home: Annotated[Path, typer.Option(help="Empty folder that becomes the home.")],
    songs: Annotated[int, typer.Option(min=100, max=1_000_000)] = 50_000,
    listeners: Annotated[int | None, typer.Option(min=10, help="Default: a tenth.")] = None,
    seed: Annotated[int, typer.Option(min=0)] = 7,
) -> None:
    """Make a home with a drawn catalogue of any size, trained and published as the demo is."""
    from api.loadtest.catalogue import make_home
    from data.datasets.drawn import DrawnConfig

    many = listeners or max(10, songs // 10)
    config = DrawnConfig(songs=songs, listeners=many, seed=seed)
    emit(make_home(Settings(home=home), config, progress).version)


def _numbers(words: str) -> tuple[int, ...]:
    from data.errors import InvalidParameterError

    try:
        found = tuple(int(word) for word in words.split(","))
    except ValueError:
        found = ()
    if not found or min(found) < 1 or max(found) > 4096:
        raise InvalidParameterError("clients", f"{words!r} is no list of numbers like 1,4,16,64")
    return found


def _baseline(name: str | None) -> str | None:
    """Return the baseline, or None with a word where it cannot run here."""
    from importlib.util import find_spec

    if name is None:
        return None
    lacking = [n for n in ("keras", "tensorflow", "implicit") if find_spec(n) is None]
    if lacking:
        progress(f"no baseline: {lacking[0]} is missing, which the extra brings: attune[train]")
        return None
    return name
