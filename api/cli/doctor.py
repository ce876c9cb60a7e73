"""``attune doctor``: what is wrong with this installation, and what to do."""

from __future__ import annotations

from typing import Annotated

import typer

from api.cli.console import emit, emit_json

_MARKS = {"ok": "ok", "warning": "look", "wrong": "WRONG"}


def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Look at this installation; exit 1 if a part of it does not work. Nothing is changed."""
    from api.doctor.checks import examine

    findings = examine()
    wrong = sum(one.status == "wrong" for one in findings)
    if as_json:
        emit_json({"ok": not wrong, "checks": [one.as_dict() for one in findings]})
    else:
        for one in findings:
            emit(f"{_MARKS[one.status]:<6} {one.name:<11} {one.detail}")
            if one.remedy:
                emit(f"{'':<18} -> {one.remedy}")
        look = sum(one.status == "warning" for one in findings)
        emit(f"{len(findings)} checks: {wrong} found something wrong, {look} something to look at")
    if wrong:
        raise typer.Exit(1)


def register(app: typer.Typer) -> None:
    """Add this verb to the command."""
    app.command()(doctor)
