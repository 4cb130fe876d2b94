"""copy personal keys"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "7c3eb2d09f56"
down_revision: str | None = "e19c3a7b60f2"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.create_table(
        "key_copies",
        sa.Column("key_id", sa.Uuid(), nullable=False),
        sa.Column("token_hash", sa.LargeBinary(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("username", sa.String(), nullable=False),
        sa.Column("scopes", postgresql.ARRAY(sa.String()), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("key_id", name=op.f("pk_key_copies")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_key_copies_token_hash")),
    )
    op.create_index(op.f("ix_key_copies_account_id"), "key_copies", ["account_id"], unique=False)
    op.create_index(op.f("ix_key_copies_expires_at"), "key_copies", ["expires_at"], unique=False)


def downgrade() -> None:
    op.drop_index(op.f("ix_key_copies_expires_at"), table_name="key_copies")
    op.drop_index(op.f("ix_key_copies_account_id"), table_name="key_copies")
    op.drop_table("key_copies")
