"""create comments"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "c2e84f6a9b17"
down_revision: str | None = "7a9d0c35e1b4"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.create_table(
        "comments",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("post_id", sa.Uuid(), nullable=False),
        sa.Column("parent_id", sa.Uuid(), nullable=True),
        sa.Column("author_id", sa.Uuid(), nullable=False),
        sa.Column("path", sa.String(collation="C"), nullable=False),
        sa.Column("body", sa.String(), nullable=False),
        sa.Column("body_html", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "right(path, 32) = replace(id::text, '-', '')",
            name=op.f("ck_comments_path_ends_in_id"),
        ),
        sa.ForeignKeyConstraint(
            ["author_id"], ["authors.user_id"], name=op.f("fk_comments_author_id")
        ),
        sa.ForeignKeyConstraint(["parent_id"], ["comments.id"], name=op.f("fk_comments_parent_id")),
        sa.ForeignKeyConstraint(
            ["post_id"], ["posts.id"], name=op.f("fk_comments_post_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_comments")),
    )
    op.create_index(op.f("ix_comments_author_id"), "comments", ["author_id"], unique=False)
    op.create_index(op.f("ix_comments_parent_id"), "comments", ["parent_id"], unique=False)
    op.create_index("ix_comments_thread", "comments", ["post_id", "path"], unique=False)
    # PostgreSQL takes every post for an average one, of few comments, and would rather sort them
    # all than read a page along the index, also of a post with very many.
    op.execute("ALTER TABLE comments ALTER COLUMN post_id SET (n_distinct = 10)")


def downgrade() -> None:
    op.drop_index("ix_comments_thread", table_name="comments")
    op.drop_index(op.f("ix_comments_parent_id"), table_name="comments")
    op.drop_index(op.f("ix_comments_author_id"), table_name="comments")
    op.drop_table("comments")
