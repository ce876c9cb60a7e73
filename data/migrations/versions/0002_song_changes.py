"""When a song was last written, and the idempotency keys of posted songs.

Revision ID: 0002
Revises: 0001
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision: str = "0002"
down_revision: str | None = "0001"
branch_labels: None = None
depends_on: None = None


def upgrade() -> None:
    # Not as a batch: SQLite would make the table anew, and dropping the old one takes the lyrics
    # with it. A column that is added needs a default there, which is left in place.
    op.add_column(
        "songs",
        sa.Column(
            "updated_at",
            sa.DateTime(timezone=True),
            nullable=False,
            server_default=sa.text("'1970-01-01 00:00:00.000000'"),
        ),
    )
    op.execute("UPDATE songs SET updated_at = created_at")
    if op.get_context().dialect.name != "sqlite":
        op.alter_column("songs", "updated_at", server_default=None)
    op.create_index(op.f("ix_songs_updated_at_id"), "songs", ["updated_at", "id"], unique=False)
    op.create_table(
        "posted_songs",
        sa.Column("idempotency_key", sa.String(length=128), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("song_id", sa.Integer(), nullable=False),
        sa.Column("created", sa.Boolean(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["song_id"],
            ["songs.id"],
            name=op.f("fk_posted_songs_song_id_songs"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("idempotency_key", name=op.f("pk_posted_songs")),
    )
    op.create_index(op.f("ix_posted_songs_at"), "posted_songs", ["at"], unique=False)


def downgrade() -> None:
    op.drop_index(op.f("ix_posted_songs_at"), "posted_songs")
    op.drop_table("posted_songs")
    op.drop_index(op.f("ix_songs_updated_at_id"), "songs")
    op.drop_column("songs", "updated_at")
