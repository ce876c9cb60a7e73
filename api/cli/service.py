"""``attune demo``, ``attune serve`` and ``attune worker``."""

from __future__ import annotations

import subprocess
import sys
from typing import Annotated

import typer

from api.cli.console import progress
from data.errors import BundleCorruptError
from data.settings import Settings
from recommender.bootstrap import demo_is_installed, install_demo_home


def demo(
    rebuild: Annotated[
        bool,
        typer.Option(help="Embed the demo lyrics again and rebuild; needs attune[train]."),
    ] = False,
    serve_after: Annotated[
        bool, typer.Option("--serve/--no-serve", help="Serve when it is built.")
    ] = True,
) -> None:
    """Build the embedded demo (simulated listeners, invented songs) if needed, and serve it."""
    settings = Settings()
    if rebuild or not _is_built(settings):
        if serve_after:
            _build_apart(rebuild)
        else:
            _build(settings, rebuild)
    if serve_after:
        _serve(settings)


def _build(settings: Settings, rebuild: bool) -> None:
    if rebuild:
        from nlp.demo import DEMO_ENCODER, demo_vectors_path, write_demo_vectors
        from nlp.encoder import LyricEncoder

        count = write_demo_vectors(demo_vectors_path(), LyricEncoder(DEMO_ENCODER))
        progress(f"embedded {count} demo lyrics")
    bundle = install_demo_home(settings, progress)
    progress(f"published bundle {bundle.version}")


def _build_apart(rebuild: bool) -> None:
    """Build in another process: the service is not to hold on to what training loads."""
    words = ["demo", "--no-serve", *(["--rebuild"] if rebuild else [])]
    done = subprocess.run([sys.executable, "-m", "api", *words], check=False)
    if done.returncode:
        raise typer.Exit(done.returncode)


def serve(
    host: Annotated[str | None, typer.Option(help="Address to bind.")] = None,
    port: Annotated[int | None, typer.Option(min=1, max=65535)] = None,
    workers: Annotated[int | None, typer.Option(min=1, max=64, help="Processes.")] = None,
) -> None:
    """Serve the HTTP API and the page."""
    given = {"host": host, "port": port, "workers": workers}
    _serve(Settings(**{k: v for k, v in given.items() if v is not None}))  # type: ignore[arg-type]


def worker() -> None:
    """Embed new lyrics until told to stop; `attune serve` runs one unless told not to."""
    from api.embedding import main

    main()


def _is_built(settings: Settings) -> bool:
    try:
        return demo_is_installed(settings)
    except BundleCorruptError as exc:
        progress(f"{exc}; building it again")
        return False


def _serve(settings: Settings) -> None:
    from api.server import run_server

    run_server(settings)


def register(app: typer.Typer) -> None:
    """Add these verbs to the command."""
    app.command()(demo)
    app.command()(serve)
    app.command()(worker)
