"""name devices of sessions

Those of before have none; they are told apart by their User-Agent (`repositories/sessions.py`).
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "3c9f1b7ad264"
down_revision: str | None = "e0a7c4d2f518"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.add_column("sessions", sa.Column("device", sa.String(), server_default="", nullable=False))


def downgrade() -> None:
    op.drop_column("sessions", "device")
