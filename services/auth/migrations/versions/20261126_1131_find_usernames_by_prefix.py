"""find usernames by prefix"""

from collections.abc import Sequence

from alembic import op

revision: str = "f62c81d7a035"
down_revision: str | None = "b40d6f1e8a27"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    with op.get_context().autocommit_block():
        op.create_index(
            "ix_accounts_username_prefix",
            "accounts",
            ["username"],
            unique=False,
            postgresql_ops={"username": "text_pattern_ops"},
            postgresql_concurrently=True,
        )


def downgrade() -> None:
    with op.get_context().autocommit_block():
        op.drop_index(
            "ix_accounts_username_prefix", table_name="accounts", postgresql_concurrently=True
        )
