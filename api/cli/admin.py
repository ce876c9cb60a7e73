"""``attune db``, ``attune keys`` and ``attune users``."""

from __future__ import annotations

from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import typer

from api.cli.arguments import utf8
from api.cli.console import emit, emit_json
from api.cli.opening import opened_database
from data.db.repositories import ApiKeyInfo, ApiKeyRepository, UserRepository
from data.db.session import Database
from data.errors import InvalidParameterError
from data.settings import Settings
from data.times import utc_text
from recommender.bootstrap import build_database

database_app = typer.Typer(help="The database.", no_args_is_help=True)
keys_app = typer.Typer(help="API keys.", no_args_is_help=True)
users_app = typer.Typer(help="Users' own data.", no_args_is_help=True)


def _opened() -> AbstractContextManager[Database]:
    return opened_database(Settings())


@database_app.callback()
def database_verbs() -> None:
    """Look after the database."""


@database_app.command()
def upgrade() -> None:
    """Create the database or bring it to the newest migration; safe to repeat."""
    database = build_database(Settings())
    try:
        database.upgrade()
    finally:
        database.dispose()
    emit("the database is up to date")


@database_app.command()
def compact() -> None:
    """Write the database's files anew, so that nothing of what was deleted is left in them."""
    with _opened() as database:
        database.compact()
    emit("the database is compact")


@keys_app.command("create")
def create_key(
    name: Annotated[str, typer.Argument(help="What the key is for.", callback=utf8)],
    scope: Annotated[
        list[str] | None, typer.Option(help="recommend, feedback or admin; repeatable.")
    ] = None,
    user: Annotated[
        str | None, typer.Option(help="Bind the key to one user.", callback=utf8)
    ] = None,
    expires: Annotated[
        int | None, typer.Option(min=1, max=36_500, help="Days until it ends; default: never.")
    ] = None,
) -> None:
    """Create a key and show it, this once: only its hash is kept."""
    ends_at = None if expires is None else datetime.now(UTC) + timedelta(days=expires)
    with _opened() as database, database.session() as session:
        keys = ApiKeyRepository(session)
        emit(keys.create(name, scope or ["recommend", "feedback"], user, ends_at))


@keys_app.command("list")
def list_keys(
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object per line.")] = False,
) -> None:
    """List keys, never their text: id, state, scopes, last use (to the minute), user, name."""
    with _opened() as database, database.session() as session:
        keys = ApiKeyRepository(session).list()
    for key in keys:
        if as_json:
            emit_json(_key_fields(key))
        else:
            emit(_key_line(key))


def _key_fields(key: ApiKeyInfo) -> dict[str, Any]:
    return {
        "id": key.id,
        "name": key.name,
        "scopes": sorted(key.scopes),
        "user": key.user,
        "active": key.active,
        "created_at": utc_text(key.created_at),
        "ends_at": utc_text(key.ends_at),
        "last_used_at": utc_text(key.last_used_at),
    }


def _key_line(key: ApiKeyInfo) -> str:
    used = "never used" if key.last_used_at is None else f"{key.last_used_at:%Y-%m-%d %H:%MZ}"
    scopes = ",".join(sorted(key.scopes))
    user = f"user {key.user}" if key.user is not None else "any user"
    return f"{key.id}  {_state(key):16}  {scopes:24}  {used:17}  {user}  {key.name}"


def _state(key: ApiKeyInfo) -> str:
    if not key.active:
        return "ended"
    return "active" if key.ends_at is None else f"until {key.ends_at:%Y-%m-%d}"


@keys_app.command("revoke")
def revoke_key(
    key_id: Annotated[str, typer.Argument(help="The id that `keys list` shows.")],
) -> None:
    """End a key; within a second no process takes it any more."""
    with _opened() as database, database.session() as session:
        if not ApiKeyRepository(session).revoke(key_id):
            raise InvalidParameterError(
                "key_id", f"no active key {key_id!r}: see `attune keys list`"
            )
    emit(f"revoked {key_id}")


@users_app.command("export")
def export_user(user: Annotated[str, typer.Argument(callback=utf8)]) -> None:
    """Print everything stored about a user, as JSON."""
    with _opened() as database, database.session() as session:
        found = UserRepository(session).export(user)
    if found is None:
        raise InvalidParameterError("user", f"nothing is stored about a user {user!r}")
    emit_json(found)


@users_app.command("expire")
def expire_moods() -> None:
    """Delete the remembered moods that have expired; a running service does so by itself."""
    from api.expiry import delete_expired

    with _opened() as database:
        gone = delete_expired(database)
    emit(f"deleted {gone} remembered moods")


@users_app.command("erase")
def erase_user(user: Annotated[str, typer.Argument(callback=utf8)]) -> None:
    """Delete everything stored about a user. Factors are made per request, so none remain."""
    from api.erasing import erase_user as erase

    with _opened() as database:
        erased = erase(Settings(), database, user)
    if not erased:
        raise InvalidParameterError("user", f"nothing is stored about a user {user!r}")
    emit(f"erased {user}")
