"""keep the newest post of authors"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "a40c7d18e6b5"
down_revision: str | None = "7c3eb2d09f56"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

# A deletion locks the author's row whichever post that names: somebody who deletes the newest post
# at the same time may be about to name this one, which is not gone for them yet. It changes the row
# where it can: whoever waits for one that is deleted finds none, even if another has replaced it.
_KEEP = """
    CREATE FUNCTION keep_newest_post() RETURNS trigger LANGUAGE plpgsql
    SET search_path FROM CURRENT AS $$
    DECLARE
        newest uuid;
    BEGIN
        IF TG_OP <> 'DELETE' THEN
            INSERT INTO newest_posts AS kept (author_id, published_at, post_id)
            VALUES (NEW.author_id, NEW.published_at, NEW.id)
            ON CONFLICT (author_id) DO UPDATE
               SET published_at = excluded.published_at, post_id = excluded.post_id
             WHERE (kept.published_at, kept.post_id) < (excluded.published_at, excluded.post_id);
            RETURN NULL;
        END IF;
        SELECT post_id INTO newest FROM newest_posts WHERE author_id = OLD.author_id FOR UPDATE;
        IF newest = OLD.id THEN
            UPDATE newest_posts kept SET published_at = next.published_at, post_id = next.id
              FROM (SELECT published_at, id FROM posts
                     WHERE author_id = OLD.author_id AND status = 'published'
                     ORDER BY published_at DESC, id DESC LIMIT 1) next
             WHERE kept.author_id = OLD.author_id;
            IF NOT FOUND THEN
                DELETE FROM newest_posts WHERE author_id = OLD.author_id;
            END IF;
        END IF;
        RETURN NULL;
    END $$
"""
_TRIGGERS = {
    "posts_published": "INSERT ON posts FOR EACH ROW WHEN (NEW.status = 'published')",
    "posts_published_later": (
        "UPDATE OF status ON posts FOR EACH ROW"
        " WHEN (NEW.status = 'published' AND OLD.status <> 'published')"
    ),
    "posts_deleted": "DELETE ON posts FOR EACH ROW WHEN (OLD.status = 'published')",
}
_FILL = """
    INSERT INTO newest_posts (author_id, published_at, post_id)
    SELECT DISTINCT ON (author_id) author_id, published_at, id FROM posts
     WHERE status = 'published' ORDER BY author_id, published_at DESC, id DESC
"""


def upgrade() -> None:
    op.create_table(
        "newest_posts",
        sa.Column("author_id", sa.Uuid(), nullable=False),
        sa.Column("published_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("post_id", sa.Uuid(), nullable=False),
        sa.PrimaryKeyConstraint("author_id", name=op.f("pk_newest_posts")),
        postgresql_with={"fillfactor": 80},
    )
    op.execute(_KEEP)
    # From here on nobody writes posts until all of it is there.
    for name, when in _TRIGGERS.items():
        op.execute(f"CREATE TRIGGER {name} AFTER {when} EXECUTE FUNCTION keep_newest_post()")
    op.execute(_FILL)


def downgrade() -> None:
    for name in _TRIGGERS:
        op.execute(f"DROP TRIGGER {name} ON posts")
    op.execute("DROP FUNCTION keep_newest_post()")
    op.drop_table("newest_posts")
