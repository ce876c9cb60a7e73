"""Fixtures of real databases."""

from tests.databases import (
    database,
    empty_database,
    postgres_server,
    postgres_template,
    sqlite_template,
)

__all__ = ["database", "empty_database", "postgres_server", "postgres_template", "sqlite_template"]
