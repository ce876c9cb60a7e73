"""``attune experiments``: what A/B experiments there are, and who is in which arm."""

from __future__ import annotations

from typing import Annotated

import typer

from api.cli.arguments import utf8
from api.cli.console import emit, emit_json, progress
from api.experiments import Assignment, check_experiments
from data.settings import Settings

app = typer.Typer(help="A/B experiments.", no_args_is_help=True)
_Json = Annotated[bool, typer.Option("--json", help="One JSON object per line.")]


@app.command()
def show(as_json: _Json = False) -> None:
    """Check the experiments file and show every arm with its share of all listeners."""
    left, found = 1.0, check_experiments(Settings()).experiment
    if not found:
        progress("no experiments: ATTUNE_EXPERIMENTS_FILE names no file, or one that is empty")
    for one in found:
        total = sum(arm.weight for arm in one.arms)
        for arm in one.arms:
            share = left * one.percent / 100 * arm.weight / total
            changes = arm.model_dump(mode="json", exclude_defaults=True, exclude={"name", "weight"})
            if as_json:
                row = {"experiment": one.name, "arm": arm.name, "share": round(share, 6)}
                emit_json({**row, "changes": changes})
            else:
                said = ", ".join(f"{k}={v}" for k, v in changes.items()) or "as for everybody"
                emit(f"{one.name}\t{arm.name}\t{100 * share:.4g} %\t{said}")
        left *= 1 - one.percent / 100


@app.command()
def assign(
    users: Annotated[
        list[str],
        typer.Argument(metavar="USER...", help="Ids of listeners.", callback=utf8),
    ],
    as_json: _Json = False,
) -> None:
    """Tell which arm listeners are in; every process of the service says the same."""
    experiments = check_experiments(Settings())
    for user in users:
        found = experiments.assign(user)
        if as_json:
            emit_json({"user": user, "experiment": _named(found)})
        else:
            named = (found.experiment, found.arm.name) if found else ("-",)
            emit("\t".join((user, *named)))


def _named(found: Assignment | None) -> dict[str, str] | None:
    return None if found is None else {"name": found.experiment, "arm": found.arm.name}
