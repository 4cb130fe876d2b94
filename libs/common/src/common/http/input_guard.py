"""The one gate for hostile input: what passes is bounded, UTF-8, free of NUL, unambiguous JSON.

It covers every string of every body, path and query, so that no schema has to remember to.
"""

import json
import re
from typing import Any
from urllib.parse import unquote_to_bytes

import orjson
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from common.errors import AppError, Invalid
from common.http.arrival import declares_more, has_body
from common.http.problem import app_error_response, problem_response


class InvalidText(Invalid):
    code = "common.invalid_text"
    message = "The input holds text that is not valid Unicode, or the character U+0000."


class MalformedJson(Invalid):
    code = "common.malformed_json"
    message = "The body is not valid JSON, or is nested too deeply."


class DuplicateMember(Invalid):
    """Parsers differ in which of them counts (RFC 8259, 4): what one checks, another uses."""

    code = "common.duplicate_member"
    message = "An object of the body names a member twice."


class NumberOutOfRange(Invalid):
    code = "common.number_out_of_range"
    message = "The body holds an integer that does not fit into 64 bits."


class _Disconnected(Exception):
    """The client left before its body was complete."""


# PostgreSQL stores neither U+0000 nor integers of more than 64 bits. Both are rare: only a body
# that may hold one of them is walked.
_SUSPICIOUS = re.compile(rb"\\u0000|[0-9]{19}")
_BIGGEST = 2**63
# Every member's name ends so; strings may hold the same, so there are at least as many as members.
_NAME_ENDS = re.compile(rb'"[ \t\r\n]*:')
_FORM = "application/x-www-form-urlencoded"


class InputGuard:
    """Reads and checks the whole body before the app sees the request.

    Args:
        app: What is guarded.
        limit_bytes: Largest accepted body.
    """

    def __init__(self, app: ASGIApp, *, limit_bytes: int) -> None:
        self._app = app
        self._limit = limit_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        try:
            _check_target(scope)
            if has_body(scope):
                body = await self._read(headers, receive)
                if body is None:
                    await problem_response(413)(scope, receive, send)
                    return
                _check_body(body, headers.get("content-type", ""))
                receive = _replay(body, receive)
        except AppError as error:
            await app_error_response(error)(scope, receive, send)
        except _Disconnected:
            return
        else:
            await self._app(scope, receive, send)

    async def _read(self, headers: Headers, receive: Receive) -> bytes | None:
        """Return the body, or None as soon as it is known to be too large."""
        if declares_more(headers, self._limit):
            return None
        chunks: list[bytes] = []
        size = 0
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise _Disconnected
            chunk = message.get("body", b"")
            size += len(chunk)
            if size > self._limit:
                return None
            chunks.append(chunk)
            if not message.get("more_body", False):
                return b"".join(chunks)


def _replay(body: bytes, receive: Receive) -> Receive:
    """Return a `receive` that hands out the body once and then waits for the disconnect."""
    sent = False

    async def replayed() -> Message:
        nonlocal sent
        if sent:
            return await receive()
        sent = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replayed


def _check_target(scope: Scope) -> None:
    raw_path = scope.get("raw_path") or scope["path"].encode("utf-8", "surrogatepass")
    _check_encoded(raw_path)
    _check_encoded(scope["query_string"])


def _check_encoded(raw: bytes) -> None:
    if b"%" in raw or not raw.isascii():
        _check_text(unquote_to_bytes(raw))


def _check_text(raw: bytes) -> None:
    try:
        text = raw.decode()
    except UnicodeDecodeError as error:
        raise InvalidText from error
    if "\0" in text:
        raise InvalidText


def _check_body(body: bytes, content_type: str) -> None:
    if not body:
        return
    media_type = content_type.partition(";")[0].strip().lower()
    if media_type == _FORM:
        _check_encoded(body)
    elif media_type == "application/json" or media_type.endswith("+json"):
        check_json(body)


def check_json(body: bytes) -> None:
    """Raise unless the body is JSON that every layer below can hold.

    orjson refuses NaN, infinities, invalid UTF-8, lone surrogates and deep nesting.

    Raises:
        InvalidText: A string, or a name of a member, holds U+0000 or a lone surrogate.
        NumberOutOfRange: An integer does not fit into 64 bits.
        DuplicateMember: An object has two members of one name.
        MalformedJson: It is no JSON.
    """
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        # The parser names these cases in its message only; a test pins the words.
        text = "surrogate" in error.msg or "UTF-8" in error.msg
        kind = NumberOutOfRange if "infinity" in error.msg else MalformedJson
        raise (InvalidText if text else kind) from error
    if _SUSPICIOUS.search(body):
        # orjson makes floats of integers beyond 64 bits; the standard library shows their digits.
        _check_strings(json.loads(body, parse_int=_bounded_int))
    # orjson keeps the last of two; the standard library, which is slower, shows both.
    if len(_NAME_ENDS.findall(body)) != _count_members(document):
        json.loads(body, object_pairs_hook=_distinct)


def _bounded_int(digits: str) -> int:
    value = int(digits)
    if not -_BIGGEST <= value < _BIGGEST:
        raise NumberOutOfRange
    return value


def _count_members(document: Any) -> int:
    """Count the members of all objects of a parsed document, without recursion."""
    count = 0
    pending = [document]
    while pending:
        item = pending.pop()
        if isinstance(item, dict):
            count += len(item)
            pending.extend(item.values())
        elif isinstance(item, list):
            pending.extend(item)
    return count


def _distinct(members: list[tuple[str, Any]]) -> None:
    if len(dict(members)) != len(members):
        raise DuplicateMember


def _check_strings(document: Any) -> None:
    """Walk a parsed document without recursion."""
    pending = [document]
    while pending:
        item = pending.pop()
        if isinstance(item, str) and "\0" in item:
            raise InvalidText
        if isinstance(item, dict):
            pending.extend(item)
            pending.extend(item.values())
        elif isinstance(item, list):
            pending.extend(item)
