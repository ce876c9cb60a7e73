"""``attune db``, ``attune keys`` and ``attune users``."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import typer

from api.cli.console import emit, emit_json
from data.db.repositories import ApiKeyInfo, ApiKeyRepository, UserRepository
from data.db.session import Database
from data.errors import InvalidParameterError
from data.settings import Settings
from recommender.bootstrap import build_database

database_app = typer.Typer(help="The database.", no_args_is_help=True)
keys_app = typer.Typer(help="API keys.", no_args_is_help=True)
users_app = typer.Typer(help="Users' own data.", no_args_is_help=True)


@contextmanager
def _opened() -> Iterator[Database]:
    database = build_database(Settings())
    try:
        database.check_schema()
        yield database
    finally:
        database.dispose()


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
    name: Annotated[str, typer.Argument(help="What the key is for.")],
    scope: Annotated[
        list[str] | None, typer.Option(help="recommend, feedback or admin; repeatable.")
    ] = None,
    user: Annotated[str | None, typer.Option(help="Bind the key to one user.")] = None,
) -> None:
    """Create a key and show it, this once: only its hash is kept."""
    with _opened() as database, database.session() as session:
        emit(ApiKeyRepository(session).create(name, scope or ["recommend", "feedback"], user))


@keys_app.command("list")
def list_keys(
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object per line.")] = False,
) -> None:
    """List keys, never their text: id, state, scopes, user, last use (to the minute), name."""
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
        "active": key.revoked_at is None,
        "created_at": key.created_at.isoformat(),
        "revoked_at": None if key.revoked_at is None else key.revoked_at.isoformat(),
        "last_used_at": None if key.last_used_at is None else key.last_used_at.isoformat(),
    }


def _key_line(key: ApiKeyInfo) -> str:
    used = "never used" if key.last_used_at is None else f"{key.last_used_at:%Y-%m-%d %H:%MZ}"
    state = "active" if key.revoked_at is None else "revoked"
    scopes = ",".join(sorted(key.scopes))
    user = f"user {key.user}" if key.user is not None else "any user"
    return f"{key.id}  {state:7}  {scopes:24}  {used:17}  {user}  {key.name}"


@keys_app.command("revoke")
def revoke_key(
    key_id: Annotated[str, typer.Argument(help="The id that `keys list` shows.")],
) -> None:
    """Revoke a key at once."""
    with _opened() as database, database.session() as session:
        if not ApiKeyRepository(session).revoke(key_id):
            raise InvalidParameterError(
                "key_id", f"no active key {key_id!r}: see `attune keys list`"
            )
    emit(f"revoked {key_id}")


@users_app.command("export")
def export_user(user: Annotated[str, typer.Argument()]) -> None:
    """Print everything stored about a user, as JSON."""
    with _opened() as database, database.session() as session:
        if not UserRepository(session).exists(user):
            raise InvalidParameterError("user", f"nothing is stored about a user {user!r}")
        emit_json(UserRepository(session).export(user))


@users_app.command("expire")
def expire_moods() -> None:
    """Delete the remembered moods that have expired; a running service does so by itself."""
    from api.expiry import delete_expired

    with _opened() as database:
        gone = delete_expired(database)
    emit(f"deleted {gone} remembered moods")


@users_app.command("erase")
def erase_user(user: Annotated[str, typer.Argument()]) -> None:
    """Delete everything stored about a user. Factors are made per request, so none remain."""
    from api.erasing import erase_user as erase

    with _opened() as database:
        erased = erase(Settings(), database, user)
    if not erased:
        raise InvalidParameterError("user", f"nothing is stored about a user {user!r}")
    emit(f"erased {user}")
