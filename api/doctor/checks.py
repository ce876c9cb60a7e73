"""Every check of an installation, in the order in which to mend things."""

from __future__ import annotations

from functools import partial

from pydantic import ValidationError

from api.doctor import environment, models, storage
from api.doctor.findings import Check, Finding, run_checks, wrong
from data.settings import Settings, misread

_EXPERIMENTS = "correct the file by docs/experiments.md, or unset ATTUNE_EXPERIMENTS_FILE"


def examine() -> list[Finding]:
    """Look at the installation that the environment describes; nothing is changed."""
    first = [
        Check("python", environment.check_python, "install Python 3.11 or newer"),
        Check("packages", environment.check_packages, "install attune again"),
        Check("extras", environment.check_extras, "install attune again"),
        Check(
            "settings",
            partial(environment.check_variables, environment.given_variables()),
            "see .env.example",
        ),
    ]
    try:
        settings = Settings()
    except ValidationError as exc:
        return [*run_checks(first), _invalid(exc)]
    found = run_checks([*first, *checks_of(settings)])
    if any(one.name == "database" and one.status == "wrong" for one in found):
        return found  # that has been told: what it holds cannot be
    return found + run_checks(_checks_of_rows(settings))


def _checks_of_rows(settings: Settings) -> list[Check]:
    remedy = "look at the database's log"
    return [
        Check("keys", partial(storage.check_keys, settings), remedy),
        Check("lyrics", partial(storage.check_lyrics, settings), remedy),
    ]


def checks_of(settings: Settings) -> list[Check]:
    """Return the checks of an installation with these settings, but for those of its rows."""
    database = "start the database, or set ATTUNE_DATABASE_URL to one that runs"
    again = "publish again, or go back: write the version before into bundles/current"
    rows = [
        ("home", environment.check_home, "set ATTUNE_HOME to a folder of your own"),
        ("disk", environment.check_disk, "make room"),
        ("database", storage.check_database, database),
        ("bundle", models.check_bundle, again),
        ("experiments", models.check_arms, _EXPERIMENTS),
        ("expression", models.check_expression, "install attune again, or publish again"),
        ("encoder", models.check_encoder, "leave ATTUNE_ENCODER_FOLDER and _MODEL out"),
        ("port", environment.check_port, "set ATTUNE_HOST and ATTUNE_PORT"),
        ("traces", environment.check_traces, "leave ATTUNE_OTEL_ENDPOINT out"),
    ]
    checks = [Check(name, partial(look, settings), remedy) for name, look, remedy in rows]
    shipped = Check("models", models.check_shipped, "install attune again")
    return [*checks[:5], shipped, *checks[5:]]


def _invalid(error: ValidationError) -> Finding:
    remedy = "correct these, see .env.example; nothing else was looked at"
    return wrong("settings", misread(error), remedy)
