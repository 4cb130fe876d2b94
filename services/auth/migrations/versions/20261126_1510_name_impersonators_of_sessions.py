"""name impersonators of sessions"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "d95b3f08c1e7"
down_revision: str | None = "a0d17c5e92b6"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.add_column("sessions", sa.Column("impersonator_id", sa.Uuid(), nullable=True))


def downgrade() -> None:
    op.drop_column("sessions", "impersonator_id")
