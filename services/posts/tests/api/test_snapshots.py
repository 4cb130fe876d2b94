"""The posts that everybody sees, for services that fell behind the log."""

import httpx

from common.testing.keys import bearer, mint_internal_token
from services.posts.tests.factories import Person, draft, published, write


async def test_published_posts_are_told_as_their_event_tells_them(
    client: httpx.AsyncClient,
) -> None:
    ada = Person("ada")
    posts = [await write(client, ada, published(title=f"Post {n}")) for n in range(3)]
    await write(client, ada, draft(title="Not yet"))
    headers = bearer(mint_internal_token("notifier", "posts"))
    path = "/internal/snapshots/posts.post_published.v1"
    first = (await client.get(path, params={"limit": 2}, headers=headers)).json()
    query = {"limit": 2, "after": first["next_key"]}
    rest = (await client.get(path, params=query, headers=headers)).json()
    told = [*first["rows"], *rest["rows"]]
    assert [row["post_id"] for row in told] == [post["id"] for post in posts]
    assert {row["author_username"] for row in told} == {"ada"}
    assert rest["next_key"] is None
