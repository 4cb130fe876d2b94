"""Keyset pagination: `?limit=&cursor=` answers `{"items", "next_cursor"}` and a Link header.

A cursor holds the sort key of the last item and the kind of list it belongs to.
"""

import base64
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Any
from urllib.parse import quote
from uuid import UUID

import orjson
from fastapi import Depends, Query, Request, Response
from pydantic import BaseModel, Field

from common.errors import Invalid
from common.http.etag import REVALIDATE, Preconditions, etag, not_modified, tag_headers
from common.http.rendering import Shown, json_response

MAX_LIMIT = 100
DEFAULT_LIMIT = 20
_MAX_CURSOR_LENGTH = 512
_BIGGEST = 2**63

KeyType = type[str] | type[int] | type[datetime] | type[UUID]
Key = tuple[Any, ...]


class InvalidCursor(Invalid):
    code = "common.invalid_cursor"
    message = "The cursor is not one of this list."


class Page[T](BaseModel):
    """A part of a list; `next_cursor` is null at its end."""

    items: list[T]
    next_cursor: str | None = Field(description="To be passed as `cursor` for the next page.")


@dataclass(frozen=True, slots=True)
class PageParams:
    """Which part of a list is asked for.

    Attributes:
        limit: Most items in the answer.
        fetch: Rows to read: one more, which tells whether there is a next page.
        cursor: As received; `after` decodes it.
    """

    limit: int
    cursor: str | None
    request: Request
    response: Response

    @property
    def fetch(self) -> int:
        return self.limit + 1

    def after(self, kind: str, *types: KeyType) -> Key | None:
        """Return the key that the page starts after, None for the first page.

        Raises:
            InvalidCursor: The cursor was made for another kind of list, or by hand.
        """
        return None if self.cursor is None else decode_cursor(self.cursor, kind, types)

    def page[Row, Item](
        self,
        rows: Sequence[Row],
        *,
        kind: str,
        key: Callable[[Row], Key],
        render: Callable[[Row], Item],
    ) -> Page[Item]:
        """Return the page of up to `fetch` rows, and set the Link header of the answer."""
        items = [render(row) for row in rows[: self.limit]]
        return Page(items=items, next_cursor=self._next(rows, kind, key))

    def _next[Row](self, rows: Sequence[Row], kind: str, key: Callable[[Row], Key]) -> str | None:
        if len(rows) <= self.limit:
            return None
        cursor = encode_cursor(kind, key(rows[self.limit - 1]))
        self.response.headers["Link"] = next_link(self.request, cursor)
        return cursor

    def answer[Row: Shown](
        self,
        rows: Sequence[Row],
        *,
        kind: str,
        key: Callable[[Row], Key],
        conditions: Preconditions,
        cache_control: str = REVALIDATE,
    ) -> Response:
        """Return the page of up to `fetch` rows with its tag; 304 to who holds it.

        Args:
            rows: As for `page`.
            kind: As for `page`.
            key: As for `page`.
            conditions: The client's.
            cache_control: Who may keep the answer.
        """
        tag = etag(kind, *(part for row in rows for part in row.version))
        if conditions.unchanged(tag):
            return not_modified(tag, cache_control)
        cursor = self._next(rows, kind, key)
        headers = {**self.response.headers, **tag_headers(tag, cache_control)}
        items = [row.document for row in rows[: self.limit]]
        return json_response({"items": items, "next_cursor": cursor}, headers=headers)


async def page_params(
    request: Request,
    response: Response,
    limit: Annotated[
        int, Query(ge=1, le=MAX_LIMIT, description="Most items in the answer.")
    ] = DEFAULT_LIMIT,
    cursor: Annotated[
        str | None,
        Query(max_length=_MAX_CURSOR_LENGTH, description="`next_cursor` of the page before."),
    ] = None,
) -> PageParams:
    """Dependency of every list."""
    return PageParams(limit, cursor, request, response)


Pagination = Annotated[PageParams, Depends(page_params)]


def encode_cursor(kind: str, key: Key) -> str:
    """Return the cursor that continues after `key` in lists of this kind."""
    raw = orjson.dumps([kind, *key], default=str)
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def decode_cursor(raw: str, kind: str, types: Sequence[KeyType]) -> Key:
    """Return the key inside a cursor, with its types.

    Raises:
        InvalidCursor: It was made for another kind of list, or by hand.
    """
    try:
        padded = raw.encode("ascii") + b"=" * (-len(raw) % 4)
        parts = orjson.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
        found, *values = parts
        if found != kind:
            raise InvalidCursor
        return tuple(_typed(value, wanted) for value, wanted in zip(values, types, strict=True))
    except (ValueError, TypeError, OverflowError) as error:
        raise InvalidCursor from error


def next_link(request: Request, cursor: str) -> str:
    """Return the Link header of the next page: a reference relative to the host (RFC 8288)."""
    asked = request.scope["query_string"].decode("latin-1").replace(">", "%3E").split("&")
    kept = [each for each in asked if each and not each.startswith("cursor=")]
    query = "&".join([*kept, f"cursor={cursor}"])
    return f'<{quote(request.scope["path"])}?{query}>; rel="next"'


def _typed(value: object, wanted: KeyType) -> object:
    if wanted is int and type(value) is int and -_BIGGEST <= value < _BIGGEST:
        return value
    if not isinstance(value, str) or wanted is int or "\0" in value:
        raise InvalidCursor
    if wanted is UUID:
        return UUID(value)
    if wanted is datetime:
        moment = datetime.fromisoformat(value)
        # Another offset could lead out of the years that PostgreSQL's client can convert to UTC.
        if moment.utcoffset() != timedelta(0):
            raise InvalidCursor
        return moment
    return value
