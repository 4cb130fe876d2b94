"""request bootstraps"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "b6221b77c0ff"
down_revision: str | None = "e263954c8ec8"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.add_column(
        "stream_cursor",
        sa.Column("bootstrap_requested_at", sa.DateTime(timezone=True), nullable=True),
    )


def downgrade() -> None:
    op.drop_column("stream_cursor", "bootstrap_requested_at")
