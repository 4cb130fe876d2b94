"""The life of a post: a draft is its author's alone, publishing it is told once, and is final."""

from collections.abc import Callable
from datetime import datetime
from uuid import UUID

from common.contracts import PostDeleted, PostPublished
from common.ids import new_id
from common.outbox import outbox_values
from common.tokens import User
from posts_service.errors import NotPostAuthor, PostAlreadyPublished, PostNotFound
from posts_service.models import Post, PostStatus
from posts_service.repositories.new_posts import NewPost, NewPosts
from posts_service.repositories.posts import PostSummaryView, PostVersion, PostView, Reference
from posts_service.unit_of_work import Reads, Tx
from posts_service.usecases.markdown import Markdown
from posts_service.usecases.slugs import slug_of, with_suffix

type Check = Callable[[PostView], None]


async def create_post(
    new_posts: NewPosts,
    *,
    markdown: Markdown,
    author: User,
    title: str,
    body: str,
    tags: list[str],
    status: PostStatus,
    now: datetime,
) -> PostView:
    """Write a post under a slug of its own; its author may be heard of for the first time.

    Raises:
        BodyTooComplex: Rendering the body would take too long.
    """
    # Before the first statement: a connection is not held while the body is rendered.
    body_html = await markdown.render(body)
    post = NewPost(
        id=new_id(),
        author_id=author.id,
        slug=slug_of(title),
        title=title,
        body=body,
        body_html=body_html,
        tags=tags,
        status=status,
        published_at=now if status == PostStatus.PUBLISHED else None,
        created_at=now,
        updated_at=now,
    )
    while (view := await _add(new_posts, post, author.username)) is None:
        post.slug = with_suffix(slug_of(title))
    return view


async def _add(new_posts: NewPosts, post: NewPost, author_username: str) -> PostView | None:
    told = None
    if post.status == PostStatus.PUBLISHED:
        told = outbox_values(_publication(post, author_username), key=post.id)
    return await new_posts.add(post, author_username=author_username, told=told)


async def read_post(reads: Reads, *, reference: Reference, viewer_id: UUID | None) -> PostView:
    """Return a post that the viewer may see.

    Raises:
        PostNotFound: There is none, or it is somebody else's draft.
    """
    view = await reads.posts.find(reference, viewer_id=viewer_id)
    if view is None:
        raise PostNotFound
    return view


async def read_version(
    reads: Reads, *, reference: Reference, viewer_id: UUID | None
) -> PostVersion:
    """Return what `read_post` would, without its texts: enough to know whether it has changed.

    Raises:
        PostNotFound: There is none, or it is somebody else's draft.
    """
    version = await reads.posts.find_version(reference, viewer_id=viewer_id)
    if version is None:
        raise PostNotFound
    return version


async def list_posts(
    reads: Reads,
    *,
    after: tuple[datetime, UUID] | None,
    limit: int,
    tag: str | None,
    author: str | None,
) -> list[PostSummaryView]:
    """Return published posts, newest first; nobody's draft is among them."""
    return await reads.posts.list_published(after=after, limit=limit, tag=tag, author=author)


async def list_publications(tx: Tx, *, after: UUID | None, limit: int) -> list[PostPublished]:
    """List the posts that everybody sees, as the event tells them."""
    posts = await tx.posts.list_published(after=after, limit=limit)
    return [_publication(post, author_username) for post, author_username in posts]


async def edit_post(
    tx: Tx,
    *,
    markdown: Markdown,
    reference: Reference,
    editor_id: UUID,
    check: Check,
    title: str | None = None,
    body: str | None = None,
    tags: list[str] | None = None,
    status: PostStatus | None = None,
    now: datetime,
) -> PostView:
    """Change what is not None; the slug stays. `check` sees the locked post and may refuse it.

    Raises:
        BodyTooComplex: Rendering the body would take too long.
        PostNotFound: There is none, or it is somebody else's draft.
        NotPostAuthor: It is somebody else's.
        PostAlreadyPublished: It is published and should become a draft.
    """
    body_html = None if body is None else await markdown.render(body)
    post = await _lock_own(tx, reference, editor_id, check)
    publishes = _publishes(post, status)
    given = {"title": title, "body": body, "body_html": body_html, "tags": tags, "status": status}
    changes = {name: value for name, value in given.items() if value is not None}
    if any(value != getattr(post, name) for name, value in changes.items()):
        post.touch(now)
    for name, value in changes.items():
        setattr(post, name, value)
    if publishes:
        post.published_at = now
    if publishes or (post.published_at is not None and "tags" in changes):
        await tx.posts.index_tags(post)
    view = await tx.posts.view(post.id)
    if publishes:
        await _report_publication(tx, post, view)
    return view


async def delete_post(tx: Tx, *, reference: Reference, editor_id: UUID, check: Check) -> None:
    """Delete a post for good; of a draft nobody else has heard. `check` as in `edit_post`.

    Raises:
        PostNotFound: There is none, or it is somebody else's draft.
        NotPostAuthor: It is somebody else's.
    """
    post = await _lock_own(tx, reference, editor_id, check)
    await tx.posts.delete(post)
    if post.status == PostStatus.PUBLISHED:
        await tx.outbox.add(PostDeleted(post_id=post.id, author_id=post.author_id), key=post.id)


async def _lock_own(tx: Tx, reference: Reference, editor_id: UUID, check: Check) -> Post:
    post = await tx.posts.lock(reference)
    if post is None:
        raise PostNotFound
    if post.author_id != editor_id:
        raise NotPostAuthor if post.status == PostStatus.PUBLISHED else PostNotFound
    check(await tx.posts.view(post.id))
    return post


def _publishes(post: Post, status: PostStatus | None) -> bool:
    if status == PostStatus.DRAFT and post.status == PostStatus.PUBLISHED:
        raise PostAlreadyPublished
    return status == PostStatus.PUBLISHED and post.status == PostStatus.DRAFT


async def _report_publication(tx: Tx, post: Post, view: PostView) -> None:
    await tx.outbox.add(_publication(post, view.document["author"]["username"]), key=post.id)


def _publication(post: Post | NewPost, author_username: str) -> PostPublished:
    return PostPublished.model_validate(
        {
            "post_id": post.id,
            "author_id": post.author_id,
            "author_username": author_username,
            "title": post.title,
            "slug": post.slug,
            "published_at": post.published_at,
        }
    )
