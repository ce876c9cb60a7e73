"""The command tree and how errors leave it."""

from __future__ import annotations

import sys

import typer
from pydantic import ValidationError

from api.cli import (
    admin,
    bench,
    doctor,
    experiments,
    ingest,
    mood,
    offline,
    playlists,
    recommend,
    service,
)
from api.cli.console import stderr
from data.errors import AttuneError
from data.settings import Settings, misread

#: What the extra ``attune[train]`` brings beyond the base install.
_TRAINING = {
    "keras",
    "matplotlib",
    "onnx",
    "sentence_transformers",
    "tensorflow",
    "tf2onnx",
    "torch",
}

app = typer.Typer(
    name="attune",
    help="Attune: songs that fit a person and a moment.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
for module in (service, ingest, offline, recommend, mood, playlists, bench, doctor):
    module.register(app)
app.add_typer(admin.database_app, name="db")
app.add_typer(experiments.app, name="experiments")
app.add_typer(admin.keys_app, name="keys")
app.add_typer(admin.users_app, name="users")


def run() -> None:
    """Run ``attune``."""
    try:
        app()
    except AttuneError as exc:
        stderr.print(f"error: {exc}", style="red", markup=False, soft_wrap=True)
        sys.exit(1)
    except ValidationError as exc:
        if exc.title != Settings.__name__:
            raise
        stderr.print(
            f"error: {misread(exc)}; see .env.example",
            style="red", markup=False, soft_wrap=True,
        )  # fmt: skip
        sys.exit(1)
    except ModuleNotFoundError as exc:
        if (exc.name or "").split(".")[0] not in _TRAINING:
            raise
        stderr.print(
            f"error: this needs {exc.name}, which the extra brings: pip install 'attune[train]'",
            style="red", markup=False, soft_wrap=True,
        )  # fmt: skip
        sys.exit(1)
    except KeyboardInterrupt:
        stderr.print("interrupted; finished parts are kept")
        sys.exit(1)
