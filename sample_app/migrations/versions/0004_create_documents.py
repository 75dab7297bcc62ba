# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Create documents: photos and manifests of a ship.

Revision: 0004, after 0003
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "documents",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("ship_id", sa.Integer(), nullable=False),
        sa.Column("stored_name", sa.String(60), nullable=False),
        sa.Column("original_name", sa.String(120), nullable=False),
        sa.Column("media_type", sa.String(60), nullable=False),
        sa.Column("size_bytes", sa.Integer(), nullable=False),
        sa.Column("uploaded_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_documents"),
        sa.UniqueConstraint("stored_name", name="uq_documents_stored_name"),
        sa.ForeignKeyConstraint(["ship_id"], ["ships.id"], name="fk_documents_ship_id_ships", ondelete="CASCADE"),
    )
    op.create_index("ix_documents_ship_id", "documents", ["ship_id"])


def downgrade() -> None:
    op.drop_table("documents")
