"""register event readers"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "77818232ed23"
down_revision: str | None = "71cbfb53f8a5"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.create_table(
        "event_readers",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column(
            "seen_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_event_readers")),
    )


def downgrade() -> None:
    op.drop_table("event_readers")
