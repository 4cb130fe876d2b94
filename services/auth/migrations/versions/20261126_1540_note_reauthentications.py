"""note reauthentications"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "e0a7c4d2f518"
down_revision: str | None = "8d3b6e5c1a90"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.add_column(
        "sessions", sa.Column("authenticated_at", sa.DateTime(timezone=True), nullable=True)
    )


def downgrade() -> None:
    op.drop_column("sessions", "authenticated_at")
