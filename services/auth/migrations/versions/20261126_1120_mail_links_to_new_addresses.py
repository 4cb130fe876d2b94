"""mail links to new addresses"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "7ad1e5039b4f"
down_revision: str | None = "c2e7d40f98b1"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.add_column("links", sa.Column("email", sa.String(), nullable=True))
    op.add_column("mail_requests", sa.Column("account_id", sa.Uuid(), nullable=True))


def downgrade() -> None:
    op.drop_column("mail_requests", "account_id")
    op.drop_column("links", "email")
