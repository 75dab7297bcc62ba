# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Add berths, and indexes for the board's day.

The default serves twice: calls logged before this revision lie at anchor, and the release before this one,
which still runs while this is applied and knows nothing of berths, can go on writing.

Revision: 0003, after 0002
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("port_calls", sa.Column("berth", sa.String(40), server_default="Anchorage", nullable=False))
    op.create_index("ix_port_calls_arrived_at", "port_calls", ["arrived_at"])
    op.create_index("ix_port_calls_departs_at", "port_calls", ["departs_at"])


def downgrade() -> None:
    op.drop_index("ix_port_calls_departs_at", "port_calls")
    op.drop_index("ix_port_calls_arrived_at", "port_calls")
    with op.batch_alter_table("port_calls") as table:
        table.drop_column("berth")
