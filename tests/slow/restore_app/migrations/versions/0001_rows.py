"""Rows, each known by the id that its sender gave it.

Revision: 0001
"""

import sqlalchemy as sa
from alembic import op

revision, down_revision, branch_labels, depends_on = "0001", None, None, None


def upgrade() -> None:
    op.create_table("rows", sa.Column("name", sa.String(80), primary_key=True))


def downgrade() -> None:
    op.drop_table("rows")
