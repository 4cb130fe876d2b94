"""request bootstraps"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "c97f817ae289"
down_revision: str | None = "ddd1eac18147"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.add_column(
        "stream_cursor",
        sa.Column("bootstrap_requested_at", sa.DateTime(timezone=True), nullable=True),
    )


def downgrade() -> None:
    op.drop_column("stream_cursor", "bootstrap_requested_at")
