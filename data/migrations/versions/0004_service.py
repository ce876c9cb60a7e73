"""When keys were used, explicit songs, rate limits, and artists that a listener mutes.

Revision ID: 0004
Revises: 0003
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision: str = "0004"
down_revision: str | None = "0003"
branch_labels: None = None
depends_on: None = None

_UTC = sa.DateTime(timezone=True)


def upgrade() -> None:
    # Not as batches, which would make the tables anew on SQLite: both columns may be NULL.
    op.add_column("api_keys", sa.Column("last_used_at", _UTC, nullable=True))
    op.add_column("songs", sa.Column("explicit", sa.Boolean(), nullable=True))
    op.create_table(
        "rate_buckets",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("tokens", sa.Double(), nullable=False),
        sa.Column("at", _UTC, nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_rate_buckets")),
    )
    op.create_table(
        "muted_artists",
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("artist_id", sa.Integer(), nullable=False),
        sa.Column("at", _UTC, nullable=False),
        sa.ForeignKeyConstraint(
            ["user_id"],
            ["users.id"],
            name=op.f("fk_muted_artists_user_id_users"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["artist_id"], ["artists.id"], name=op.f("fk_muted_artists_artist_id_artists")
        ),
        sa.PrimaryKeyConstraint("user_id", "artist_id", name=op.f("pk_muted_artists")),
    )


def downgrade() -> None:
    op.drop_table("muted_artists")
    op.drop_table("rate_buckets")
    op.drop_column("songs", "explicit")
    op.drop_column("api_keys", "last_used_at")
