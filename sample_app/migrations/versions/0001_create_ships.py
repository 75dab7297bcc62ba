# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Create ships.

Revision: 0001, the first
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "ships",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(60), nullable=False),
        sa.Column("flag", sa.String(2), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_ships"),
        sa.UniqueConstraint("name", "flag", name="uq_ships_name_flag"),
    )


def downgrade() -> None:
    op.drop_table("ships")
