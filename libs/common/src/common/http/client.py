"""Calls to the other services: authenticated, traced, bounded in time, retried within a budget.

What a peer cannot do now is `PeerUnavailable`; what it refuses is `PeerRefused`, which a client
module translates into an error of its own service or lets pass as the bug that it is.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import httpx
import stamina
from purgatory import AsyncCircuitBreakerFactory
from purgatory.domain.model import OpenedState

from common.deadline import remaining_seconds
from common.errors import Unavailable
from common.tokens import InternalTokens
from common.trace import Span, SpanKind, current_headers, span

DEADLINE = "X-Request-Deadline"
TIMEOUT_SECONDS = 3.0

_CONNECT_SECONDS = 1.0
_ATTEMPTS = 3
_IDEMPOTENT = {"GET", "HEAD", "PUT", "DELETE", "OPTIONS"}
_MAY_PASS = {HTTPStatus.BAD_GATEWAY, HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.GATEWAY_TIMEOUT}
# After five failures in a row a peer is left alone for two seconds: about as long as it restarts.
_BREAKER_FAILURES = 5
_BREAKER_SECONDS = 2.0


class PeerUnavailable(Unavailable):
    code = "common.peer_unavailable"
    message = "The service {peer} does not answer."


class _Passing(PeerUnavailable):
    """A failure that the same call may not meet again: the only kind that is retried."""


class PeerRefused(Exception):
    """A peer answered 4xx: the call is wrong, or what it asks for is not there.

    Args:
        peer: Name of the service that answered.
        status: Its HTTP status.
        problem: Its problem document, empty when it sent none.
    """

    def __init__(self, peer: str, status: int, problem: Mapping[str, Any]) -> None:
        self.peer = peer
        self.status = status
        self.problem = problem
        self.code = str(problem.get("code", ""))
        super().__init__(f"{peer} answered {status} {self.code}: {problem.get('detail', '')}")


@dataclass(slots=True)
class RetryBudget:
    """Lets retries be at most a tenth of the calls, so that retrying never makes an outage worse.

    Attributes:
        tokens: Retries in hand; a call earns `per_call`, a retry costs one.
    """

    tokens: float = 10.0
    most: float = 10.0
    per_call: float = 0.1

    def earn(self) -> None:
        self.tokens = min(self.most, self.tokens + self.per_call)

    def spend(self) -> bool:
        if self.tokens < 1:
            return False
        self.tokens -= 1
        return True


class PeerClient:
    """One other service, by name. Answers are parsed JSON; None when there is no body."""

    def __init__(self, peer: str, client: httpx.AsyncClient, tokens: InternalTokens) -> None:
        self.peer = peer
        self._client = client
        self._tokens = tokens
        self._budget = RetryBudget()
        self._breakers = AsyncCircuitBreakerFactory(
            default_threshold=_BREAKER_FAILURES,
            default_ttl=_BREAKER_SECONDS,
            # A refusal is an answer, and a caller that gives up says nothing about the peer.
            exclude=[PeerRefused, asyncio.CancelledError],
        )

    async def get(
        self,
        path: str,
        *,
        params: Mapping[str, Any] | None = None,
        timeout_seconds: float = TIMEOUT_SECONDS,
    ) -> Any:
        """Call `GET path`; arguments and errors as for `request`."""
        return await self.request("GET", path, params=params, timeout_seconds=timeout_seconds)

    async def request(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, Any] | None = None,
        json: Any = None,
        timeout_seconds: float = TIMEOUT_SECONDS,
    ) -> Any:
        """Call the peer and return the JSON it answers.

        Args:
            method: Upper case; only idempotent ones are retried.
            path: Below the peer's base URL, quoted.
            params: The query; members that are None are left out.
            json: The body.
            timeout_seconds: Longest wait for one attempt; a long poll passes its own.

        Raises:
            PeerUnavailable: It does not answer, answers 5xx or 429, or the deadline has passed.
            PeerRefused: It answered 4xx.
        """
        query = {name: value for name, value in (params or {}).items() if value is not None}
        self._budget.earn()
        attempts = stamina.retry_context(
            on=self._may_retry,
            attempts=_ATTEMPTS if method in _IDEMPOTENT else 1,
            timeout=remaining_seconds(),
            wait_initial=0.05,
            wait_max=0.5,
            wait_jitter=0.05,
        )
        async for attempt in attempts:
            with attempt:
                request = self._client.build_request(method, path, params=query, json=json)
                return await self._guarded(request, timeout_seconds)
        raise AssertionError("stamina ends with an answer or an error")

    def _may_retry(self, error: Exception) -> bool:
        return isinstance(error, _Passing) and self._budget.spend()

    async def _guarded(self, request: httpx.Request, timeout_seconds: float) -> Any:
        breaker = await self._breakers.get_breaker(self.peer)
        try:
            async with breaker:
                return await self._send(request, timeout_seconds)
        except OpenedState as error:
            raise PeerUnavailable(peer=self.peer) from error

    async def _send(self, request: httpx.Request, timeout_seconds: float) -> Any:
        left = remaining_seconds()
        seconds = timeout_seconds if left is None else min(timeout_seconds, left)
        if seconds <= 0:
            raise PeerUnavailable(peer=self.peer)
        request.headers["Authorization"] = f"Bearer {self._tokens.issue(self.peer)}"
        request.headers[DEADLINE] = str(int(seconds * 1000))
        with span(f"{request.method} {self.peer}", SpanKind.CLIENT) as attempt:
            request.headers.update(current_headers())
            try:
                async with asyncio.timeout(seconds):
                    response = await self._client.send(request)
            except (httpx.ConnectError, httpx.ConnectTimeout, httpx.RemoteProtocolError) as error:
                raise _Passing(peer=self.peer) from error
            except (httpx.HTTPError, TimeoutError) as error:
                raise PeerUnavailable(peer=self.peer) from error
            finally:
                self._describe(attempt, request)
            if attempt.is_recording():
                attempt.set_attribute("http.response.status_code", response.status_code)
            return self._parsed(response)

    def _describe(self, attempt: Span, request: httpx.Request) -> None:
        if not attempt.is_recording():
            return
        url = request.url
        attempt.set_attributes(
            {
                "http.request.method": request.method,
                "server.address": url.host,
                "server.port": url.port or 80,
                "service.peer.name": self.peer,
                "url.full": str(url.copy_with(query=None)),
            }
        )

    def _parsed(self, response: httpx.Response) -> Any:
        status = response.status_code
        if status in _MAY_PASS:
            raise _Passing(peer=self.peer)
        if status >= HTTPStatus.INTERNAL_SERVER_ERROR or status == HTTPStatus.TOO_MANY_REQUESTS:
            raise PeerUnavailable(peer=self.peer)
        body = self._json(response)
        if status >= HTTPStatus.BAD_REQUEST:
            raise PeerRefused(self.peer, status, body if isinstance(body, dict) else {})
        return body

    def _json(self, response: httpx.Response) -> Any:
        if not response.content:
            return None
        try:
            return response.json()
        except ValueError as error:
            raise PeerUnavailable(peer=self.peer) from error


def open_client(url: str) -> httpx.AsyncClient:
    """Return the pooled HTTP client of one peer; the caller closes it."""
    return httpx.AsyncClient(
        base_url=url,
        # The total is bounded by the caller; this bounds what a dead address may take of it.
        timeout=httpx.Timeout(None, connect=_CONNECT_SECONDS),
        follow_redirects=False,
        trust_env=False,
    )
