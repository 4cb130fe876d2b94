"""copy follows mutes and blocks"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "7a9d0c35e1b4"
down_revision: str | None = "4d1f0c7be9a2"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.create_table(
        "blocks",
        sa.Column("actor_id", sa.Uuid(), nullable=False),
        sa.Column("target_id", sa.Uuid(), nullable=False),
        sa.Column("ended", sa.Boolean(), nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("actor_id", "target_id", name=op.f("pk_blocks")),
    )
    op.create_index(
        op.f("ix_blocks_target_id_actor_id"), "blocks", ["target_id", "actor_id"], unique=False
    )
    op.create_table(
        "follows",
        sa.Column("actor_id", sa.Uuid(), nullable=False),
        sa.Column("target_id", sa.Uuid(), nullable=False),
        sa.Column("ended", sa.Boolean(), nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("actor_id", "target_id", name=op.f("pk_follows")),
    )
    op.create_table(
        "mutes",
        sa.Column("actor_id", sa.Uuid(), nullable=False),
        sa.Column("target_id", sa.Uuid(), nullable=False),
        sa.Column("ended", sa.Boolean(), nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("actor_id", "target_id", name=op.f("pk_mutes")),
    )


def downgrade() -> None:
    op.drop_table("mutes")
    op.drop_table("follows")
    op.drop_index(op.f("ix_blocks_target_id_actor_id"), table_name="blocks")
    op.drop_table("blocks")
