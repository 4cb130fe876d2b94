"""Reference "naive": what a team would write first, on the tables of posts.

FastAPI and the async ORM: for each request a session by dependency, the token verified, the user
looked up; entities rendered by `response_model`. No events.
"""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Annotated, Any, ClassVar
from uuid import UUID

from fastapi import Depends, FastAPI, HTTPException, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey
from sqlalchemy import ARRAY, ForeignKey, String, select
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

from common.db.base import TYPES
from common.db.engine import asyncpg_url
from common.http.pagination import Page, encode_cursor
from common.ids import new_id
from posts_service.api.schemas.posts import PostCreate, PostRead, PostSummary
from posts_service.usecases.markdown import open_markdown
from posts_service.usecases.slugs import reference_of, slug_of, with_suffix

PATH = "/api/v1/posts"


class Base(DeclarativeBase):
    type_annotation_map: ClassVar[Any] = {**TYPES, list[str]: ARRAY(String)}


class Author(Base):
    __tablename__ = "authors"

    user_id: Mapped[UUID] = mapped_column(primary_key=True)
    username: Mapped[str]
    display_name: Mapped[str]


class Post(Base):
    __tablename__ = "posts"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    author_id: Mapped[UUID] = mapped_column(ForeignKey("authors.user_id"))
    slug: Mapped[str]
    title: Mapped[str]
    body: Mapped[str]
    body_html: Mapped[str]
    tags: Mapped[list[str]]
    status: Mapped[str]
    published_at: Mapped[datetime | None]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    author: Mapped[Author] = relationship(lazy="joined")


class PostTag(Base):
    __tablename__ = "post_tags"

    tag: Mapped[str] = mapped_column(primary_key=True)
    published_at: Mapped[datetime] = mapped_column(primary_key=True)
    post_id: Mapped[UUID] = mapped_column(primary_key=True)
    author_id: Mapped[UUID]


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    url = asyncpg_url(os.environ["BENCH_DATABASE_URL"])
    engine = create_async_engine(url, pool_size=20, max_overflow=0)
    app.state.sessions = async_sessionmaker(engine, expire_on_commit=False)
    app.state.key = ECKey.import_key(os.environ["BENCH_PUBLIC_KEY"])
    async with open_markdown() as app.state.markdown:
        yield
    await engine.dispose()


app = FastAPI(lifespan=lifespan)


async def open_session(request: Request) -> AsyncIterator[AsyncSession]:
    async with request.app.state.sessions() as session:
        yield session


InSession = Annotated[AsyncSession, Depends(open_session)]
Bearer = Annotated[HTTPAuthorizationCredentials, Depends(HTTPBearer())]


async def current_user(request: Request, session: InSession, bearer: Bearer) -> Author:
    try:
        token = jwt.decode(bearer.credentials, request.app.state.key, ["ES256"])
        jwt.JWTClaimsRegistry(exp={"essential": True}).validate(token.claims)
    except (JoseError, ValueError) as error:
        raise HTTPException(401) from error
    user = await session.get(Author, UUID(token.claims["sub"]))
    if user is None:
        raise HTTPException(401)
    return user


CurrentUser = Annotated[Author, Depends(current_user)]


@app.get(f"{PATH}/{{id_or_slug}}", response_model=PostRead)
async def read_post(id_or_slug: str, session: InSession, user: CurrentUser) -> Any:
    reference = reference_of(id_or_slug)
    named = Post.id == reference if isinstance(reference, UUID) else Post.slug == reference
    post = await session.scalar(select(Post).where(named))
    if post is None or (post.status != "published" and post.author_id != user.user_id):
        raise HTTPException(404)
    return post


@app.get(PATH, response_model=Page[PostSummary], dependencies=[Depends(current_user)])
async def list_posts(session: InSession, author: str, limit: int = 20) -> Any:
    person = await session.scalar(select(Author.user_id).where(Author.username == author))
    query = select(Post).where(Post.author_id == person, Post.status == "published")
    query = query.order_by(Post.published_at.desc(), Post.id.desc()).limit(limit + 1)
    posts = (await session.scalars(query)).all()
    last = posts[limit - 1] if len(posts) > limit else None
    cursor = encode_cursor("posts", (last.published_at, last.id)) if last else None
    return {"items": posts[:limit], "next_cursor": cursor}


@app.post(PATH, status_code=201, response_model=PostRead)
async def create_post(
    body: PostCreate, request: Request, session: InSession, user: CurrentUser
) -> Any:
    html = await request.app.state.markdown.render(body.body)
    slug = slug_of(body.title)
    while await session.scalar(select(Post.id).where(Post.slug == slug)):
        slug = with_suffix(slug_of(body.title))
    now = datetime.now(UTC)
    post = Post(id=new_id(), author=user, slug=slug, body_html=html, **body.model_dump())
    post.created_at = post.updated_at = now
    post.published_at = now if body.status == "published" else None
    session.add(post)
    await session.flush()
    if post.published_at:
        key = {"published_at": now, "post_id": post.id, "author_id": user.user_id}
        session.add_all(PostTag(tag=tag, **key) for tag in body.tags)
    await session.commit()
    return post
