# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Create port calls: a ship arrives, and leaves.

Revision: 0002, after 0001
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "port_calls",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("ship_id", sa.Integer(), nullable=False),
        sa.Column("origin", sa.String(60), nullable=False),
        sa.Column("destination", sa.String(60), nullable=True),
        sa.Column("cargo", sa.String(120), nullable=False),
        sa.Column("note", sa.String(280), server_default="", nullable=False),
        sa.Column("arrived_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("departs_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_port_calls"),
        sa.ForeignKeyConstraint(["ship_id"], ["ships.id"], name="fk_port_calls_ship_id_ships", ondelete="CASCADE"),
    )
    op.create_index("ix_port_calls_ship_id", "port_calls", ["ship_id"])


def downgrade() -> None:
    op.drop_table("port_calls")
