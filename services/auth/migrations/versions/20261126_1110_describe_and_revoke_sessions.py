"""describe and revoke sessions"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "c2e7d40f98b1"
down_revision: str | None = "5b0a9c7d31e4"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.add_column(
        "sessions",
        sa.Column(
            "last_used_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
    )
    op.add_column(
        "sessions", sa.Column("user_agent", sa.String(), server_default="", nullable=False)
    )
    op.add_column("sessions", sa.Column("network", sa.String(), nullable=True))
    op.create_table(
        "revoked_sessions",
        sa.Column("session_id", sa.Uuid(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "written_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("session_id", name=op.f("pk_revoked_sessions")),
    )
    op.create_index(
        op.f("ix_revoked_sessions_written_at"), "revoked_sessions", ["written_at"], unique=False
    )


def downgrade() -> None:
    op.drop_index(op.f("ix_revoked_sessions_written_at"), table_name="revoked_sessions")
    op.drop_table("revoked_sessions")
    op.drop_column("sessions", "network")
    op.drop_column("sessions", "user_agent")
    op.drop_column("sessions", "last_used_at")
