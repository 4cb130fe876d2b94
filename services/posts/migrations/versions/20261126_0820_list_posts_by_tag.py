"""list posts by tag"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "5d3ab8e7f210"
down_revision: str | None = "c2e84f6a9b17"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.create_table(
        "post_tags",
        sa.Column("tag", sa.String(), nullable=False),
        sa.Column("published_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("post_id", sa.Uuid(), nullable=False),
        sa.Column("author_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["post_id"], ["posts.id"], name=op.f("fk_post_tags_post_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("tag", "published_at", "post_id", name=op.f("pk_post_tags")),
    )
    op.create_index(op.f("ix_post_tags_post_id"), "post_tags", ["post_id"], unique=False)
    op.create_index(
        "ix_post_tags_newest_of_author",
        "post_tags",
        ["author_id", "tag", "published_at", "post_id"],
        unique=False,
    )
    op.execute(
        "INSERT INTO post_tags (tag, published_at, post_id, author_id) "
        "SELECT unnest(tags), published_at, id, author_id FROM posts WHERE status = 'published'"
    )
    # As for comments: one tag or author may have very many posts where the average has few.
    op.execute("ALTER TABLE post_tags ALTER COLUMN tag SET (n_distinct = 10)")
    op.execute("ALTER TABLE post_tags ALTER COLUMN author_id SET (n_distinct = 10)")
    op.execute("ALTER TABLE posts ALTER COLUMN author_id SET (n_distinct = 100)")


def downgrade() -> None:
    op.execute("ALTER TABLE posts ALTER COLUMN author_id RESET (n_distinct)")
    op.drop_index("ix_post_tags_newest_of_author", table_name="post_tags")
    op.drop_index(op.f("ix_post_tags_post_id"), table_name="post_tags")
    op.drop_table("post_tags")
