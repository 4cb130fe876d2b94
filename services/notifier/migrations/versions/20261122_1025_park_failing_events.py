"""park failing events"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "ddd1eac18147"
down_revision: str | None = "790fd8dfdfe2"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.create_table(
        "lost_ranges",
        sa.Column("producer", sa.String(), nullable=False),
        sa.Column("epoch", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("first_position", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("last_position", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column(
            "found_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.PrimaryKeyConstraint("producer", "epoch", "first_position", name=op.f("pk_lost_ranges")),
    )
    op.create_table(
        "parked_events",
        sa.Column("producer", sa.String(), nullable=False),
        sa.Column("epoch", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("position", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("event_id", sa.Uuid(), nullable=False),
        sa.Column("type", sa.String(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("envelope", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("attempts", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("next_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("error", sa.String(), nullable=True),
        sa.Column(
            "parked_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.Column("skipped_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("skip_reason", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("producer", "epoch", "position", name=op.f("pk_parked_events")),
    )
    op.create_index(
        "ix_parked_events_waiting",
        "parked_events",
        ["producer", "key", "epoch", "position"],
        unique=False,
        postgresql_where=sa.text("skipped_at IS NULL"),
    )


def downgrade() -> None:
    op.drop_index(
        "ix_parked_events_waiting",
        table_name="parked_events",
        postgresql_where=sa.text("skipped_at IS NULL"),
    )
    op.drop_table("parked_events")
    op.drop_table("lost_ranges")
