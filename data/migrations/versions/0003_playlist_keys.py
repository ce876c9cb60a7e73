"""The idempotency keys of playlists.

Revision ID: 0003
Revises: 0002
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision: str = "0003"
down_revision: str | None = "0002"
branch_labels: None = None
depends_on: None = None


def upgrade() -> None:
    # Not as a batch, which would make the table anew on SQLite: both columns may be NULL.
    op.add_column("playlists", sa.Column("idempotency_key", sa.String(length=128), nullable=True))
    op.add_column("playlists", sa.Column("sha256", sa.String(length=64), nullable=True))
    op.create_index(
        op.f("ix_playlists_user_id_idempotency_key"),
        "playlists",
        ["user_id", "idempotency_key"],
        unique=True,
    )


def downgrade() -> None:
    op.drop_index(op.f("ix_playlists_user_id_idempotency_key"), "playlists")
    op.drop_column("playlists", "sha256")
    op.drop_column("playlists", "idempotency_key")
