"""create blocks and mutes"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "4f1b7c92d0ae"
down_revision: str | None = "8802822648d6"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.create_table(
        "blocks",
        sa.Column("blocker_id", sa.Uuid(), nullable=False),
        sa.Column("blocked_id", sa.Uuid(), nullable=False),
        sa.Column("blocked_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("blocker_id <> blocked_id", name=op.f("ck_blocks_not_oneself")),
        sa.ForeignKeyConstraint(
            ["blocked_id"], ["profiles.id"], name=op.f("fk_blocks_blocked_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["blocker_id"], ["profiles.id"], name=op.f("fk_blocks_blocker_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("blocker_id", "blocked_id", name=op.f("pk_blocks")),
    )
    op.create_index(op.f("ix_blocks_blocked_id"), "blocks", ["blocked_id"], unique=False)
    op.create_index(
        "ix_blocks_newest", "blocks", ["blocker_id", "blocked_at", "blocked_id"], unique=False
    )
    op.create_table(
        "mutes",
        sa.Column("muter_id", sa.Uuid(), nullable=False),
        sa.Column("muted_id", sa.Uuid(), nullable=False),
        sa.Column("muted_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("muter_id <> muted_id", name=op.f("ck_mutes_not_oneself")),
        sa.ForeignKeyConstraint(
            ["muted_id"], ["profiles.id"], name=op.f("fk_mutes_muted_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["muter_id"], ["profiles.id"], name=op.f("fk_mutes_muter_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("muter_id", "muted_id", name=op.f("pk_mutes")),
    )
    op.create_index(op.f("ix_mutes_muted_id"), "mutes", ["muted_id"], unique=False)
    op.create_index("ix_mutes_newest", "mutes", ["muter_id", "muted_at", "muted_id"], unique=False)


def downgrade() -> None:
    op.drop_index("ix_mutes_newest", table_name="mutes")
    op.drop_index(op.f("ix_mutes_muted_id"), table_name="mutes")
    op.drop_table("mutes")
    op.drop_index("ix_blocks_newest", table_name="blocks")
    op.drop_index(op.f("ix_blocks_blocked_id"), table_name="blocks")
    op.drop_table("blocks")
