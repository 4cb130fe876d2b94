"""index follows by both persons"""

from collections.abc import Sequence

from alembic import op

revision: str = "5f1d3c8e92b4"
down_revision: str | None = "3d85f0b2a7c6"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

NEW = "ix_follows_followee_id_follower_id_since"
OLD = "ix_follows_followee_id_since"


def upgrade() -> None:
    with op.get_context().autocommit_block():
        op.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {NEW}")
        op.create_index(
            op.f(NEW),
            "follows",
            ["followee_id", "follower_id", "since"],
            postgresql_concurrently=True,
        )
        op.drop_index(op.f(OLD), table_name="follows", postgresql_concurrently=True)


def downgrade() -> None:
    with op.get_context().autocommit_block():
        op.create_index(
            op.f(OLD), "follows", ["followee_id", "since"], postgresql_concurrently=True
        )
        op.drop_index(op.f(NEW), table_name="follows", postgresql_concurrently=True)
