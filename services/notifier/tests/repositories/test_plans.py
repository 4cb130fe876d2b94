"""The queries that run all the time use their indexes, however large the tables become."""

from sqlalchemy import text

from notifier_service.repositories.notifications import FOLLOWED
from notifier_service.resources import Resources
from services.notifier.tests.factories import Person, apply

PAGE = """
EXPLAIN SELECT n.id FROM notifications n JOIN published_posts p USING (post_id)
 WHERE n.recipient_id = '01900000-0000-7000-8000-000000000000'
   AND (n.created_at, n.id) < (now(), '01900000-0000-7000-8000-000000000000')
 ORDER BY n.created_at DESC, n.id DESC LIMIT 20
"""
DUE = "EXPLAIN SELECT id FROM emails WHERE status = 'pending' AND next_at <= now() ORDER BY next_at"


# The innermost of what a changed follow costs: the author's posts of one stretch, not all since.
STRETCH = """
EXPLAIN SELECT p.post_id FROM follows f JOIN published_posts p ON {followed}
 WHERE f.followee_id = '01900000-0000-7000-8000-000000000000'
   AND f.follower_id = '01900000-0000-7000-8000-000000000001'
"""


async def plan(resources: Resources, query: str) -> str:
    async with resources.transaction() as tx:
        await tx.session.execute(text("SET LOCAL enable_seqscan = off"))
        await tx.session.execute(text("SET LOCAL enable_bitmapscan = off"))
        return "\n".join((await tx.session.execute(text(query))).scalars())


async def test_a_page_of_an_inbox_is_read_in_the_order_of_its_index(resources: Resources) -> None:
    found = await plan(resources, PAGE)
    assert "Index Scan Backward using ix_notifications_recipient_id_created_at_id" in found
    assert "Sort" not in found


async def test_due_mail_is_found_by_its_index(resources: Resources) -> None:
    found = await plan(resources, DUE)
    assert "Index Scan using ix_emails_next_at" in found
    assert "Sort" not in found


async def test_posts_of_a_stretch_are_read_between_its_ends(resources: Resources) -> None:
    author, fan = Person("author"), Person("fan")
    posts = [author.publishes(f"P{minute}", minute) for minute in range(500)]
    async with resources.transaction() as tx:
        for place, told in enumerate([fan.follows(author, 3), *posts]):
            await apply(tx, told, place)
    async with resources.transaction() as tx:
        await tx.session.execute(text("ANALYZE"))
    found = await plan(resources, STRETCH.format(followed=FOLLOWED))
    [bounds] = [line for line in found.splitlines() if "published_at >=" in line]
    assert "Index Cond:" in bounds
    assert "published_at <= COALESCE" in bounds
