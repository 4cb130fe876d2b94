"""find sessions by impersonator"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0e6a84d7b2f3"
down_revision: str | None = "d95b3f08c1e7"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    with op.get_context().autocommit_block():
        op.create_index(
            "ix_sessions_impersonator_id",
            "sessions",
            ["impersonator_id"],
            unique=False,
            postgresql_where=sa.text("impersonator_id IS NOT NULL"),
            postgresql_concurrently=True,
        )


def downgrade() -> None:
    with op.get_context().autocommit_block():
        op.drop_index(
            "ix_sessions_impersonator_id", table_name="sessions", postgresql_concurrently=True
        )
