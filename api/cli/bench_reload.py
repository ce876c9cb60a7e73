"""``attune bench reload``: what listeners notice of another bundle."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from api.cli.console import emit, emit_json, progress
from data.settings import Settings


def reload(
    home: Annotated[
        Path | None, typer.Option(help="Home with a bundle. Default: the configured one.")
    ] = None,
    reloads: Annotated[int, typer.Option(min=1, max=1000)] = 20,
    clients: Annotated[int, typer.Option(min=1, max=256)] = 4,
    seconds: Annotated[float, typer.Option(min=1, max=3600, help="Of each level.")] = 30,
    as_json: Annotated[bool, typer.Option("--json")] = False,
) -> None:
    """Reload a copy of a home's bundle again and again while clients ask `attune serve`.

    Two levels of the same load, left alone and with the reloads: requests, failures, percentiles,
    memory. Exit status 1 if a request failed.
    """
    from api.loadtest.reloads import run_reloads

    found = run_reloads(home or Settings().home, reloads, clients, seconds, progress)
    failed = found["during"]["requests"] - found["during"]["statuses"].get("200", 0)
    if as_json:
        emit_json(found)
    else:
        slowest = max(found["reload_s"])
        emit(
            f"{len(found['reload_s'])} reloads, at most {slowest:.2f} s each;"
            f" {found['during']['requests']} requests meanwhile, {failed} failed"
        )
    if failed:
        raise typer.Exit(1)
