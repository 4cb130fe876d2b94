"""prove who one is by mail"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "8d3b6e5c1a90"
down_revision: str | None = "1f4ac09e52d7"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.create_table(
        "challenges",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("email", sa.String(), nullable=False),
        sa.Column("purpose", sa.String(), nullable=False),
        sa.Column("nonce_hash", sa.LargeBinary(), nullable=False),
        sa.Column("attempts", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_challenges")),
        sa.UniqueConstraint("nonce_hash", name=op.f("uq_challenges_nonce_hash")),
    )
    op.create_index(
        "ix_challenges_email_created_at", "challenges", ["email", "created_at"], unique=False
    )
    op.create_index("ix_challenges_created_at", "challenges", ["created_at"], unique=False)
    op.add_column(
        "sessions",
        sa.Column(
            "amr",
            postgresql.ARRAY(sa.String()),
            server_default=sa.text("'{pwd}'"),
            nullable=False,
        ),
    )


def downgrade() -> None:
    op.drop_column("sessions", "amr")
    op.drop_index("ix_challenges_created_at", table_name="challenges")
    op.drop_index("ix_challenges_email_created_at", table_name="challenges")
    op.drop_table("challenges")
