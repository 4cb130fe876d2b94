"""replace indexes of tags and names"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "e91c0475ad36"
down_revision: str | None = "5d3ab8e7f210"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    with op.get_context().autocommit_block():
        op.create_index(
            "ix_authors_latest_of_name",
            "authors",
            ["username", "epoch", "position"],
            unique=False,
            postgresql_concurrently=True,
        )
        op.drop_index("ix_authors_username", table_name="authors", postgresql_concurrently=True)
        op.drop_index("ix_posts_tags", table_name="posts", postgresql_concurrently=True)


def downgrade() -> None:
    with op.get_context().autocommit_block():
        op.create_index(
            "ix_posts_tags",
            "posts",
            ["tags"],
            unique=False,
            postgresql_using="gin",
            postgresql_where=sa.text("status = 'published'"),
            postgresql_concurrently=True,
        )
        op.create_index(
            "ix_authors_username",
            "authors",
            ["username"],
            unique=False,
            postgresql_concurrently=True,
        )
        op.drop_index(
            "ix_authors_latest_of_name", table_name="authors", postgresql_concurrently=True
        )
