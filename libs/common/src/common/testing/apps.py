"""Running an app inside the test's own loop, and settings that fit any service."""

import json
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Any, Final

import httpx
from fastapi import FastAPI
from pydantic import SecretStr

from common.settings import ServiceSettings
from common.testing.keys import AUDIENCE, ISSUER, jwks, private_pem, public_pem

# Tests send what they like at once; those of limits say how much is too much.
GENEROUS: Final = ["100000 per second"]


def settings_values(
    service: str,
    *,
    database_url: str,
    streams_url: str,
    peers: Iterable[str],
    **more: Any,
) -> dict[str, Any]:
    """Return keyword arguments for the Settings of any service.

    Every peer is at an address of its own that refuses connections, until a test mocks it. The
    service counts as the one that signs access tokens, so that no app fetches keys in the
    background; `running` hands them out.

    Args:
        service: Its name.
        database_url: Of the role with DML only.
        streams_url: With the rights of the service.
        peers: Names of all services.
        more: Further settings, or others in place of these.
    """
    addresses = {name: f"http://127.0.0.1:{port}" for port, name in enumerate(sorted(peers), 1)}
    return {
        "database_url": database_url,
        "streams_url": streams_url,
        "internal_private_key": private_pem(service),
        "peers": {
            name: {"url": url, "public_key": public_pem(name)} for name, url in addresses.items()
        },
        "token_issuer": ISSUER,
        "token_audience": AUDIENCE,
        "token_keys_peer": service,
        "log_level": "warning",
        # As above: those of overload say how much is too much.
        "concurrency_limit": 1000,
        "queue_limit": 100_000,
        "queue_seconds": 60,
        # And they look at once at what they wrote.
        "shared_seconds": 0,
        "limit_unknown_keys_per_network": GENEROUS,
        # Two processes on a busy machine may take their time to count together.
        "cache_wait_seconds": 5,
        **more,
    }


def environment_of(settings: ServiceSettings, service: str, **others: str) -> dict[str, str]:
    """Return the variables of which a process of the service makes the same settings.

    Args:
        settings: Of the test's own app.
        service: Its name.
        others: Settings that differ, as their variables say them.
    """
    shown = settings.model_dump(exclude_none=True, mode="json") | others
    found = {}
    for name, value in shown.items():
        kept = getattr(settings, name)
        secret = isinstance(kept, SecretStr) and name not in others
        text = kept.get_secret_value() if secret else value
        found[f"{service.upper()}_{name.upper()}"] = (
            text if isinstance(text, str) else json.dumps(text)
        )
    return found


@asynccontextmanager
async def running(app: FastAPI) -> AsyncIterator[FastAPI]:
    """Start the app, give it the keys of the test run, and stop it at the end.

    An app without a server behind it is told that no session has ended.
    """
    async with app.router.lifespan_context(app):
        tokens = app.state.resources.platform.user_tokens
        tokens.use_keys(jwks())
        tokens.revoke({})
        yield app


def client_of(app: FastAPI, **options: Any) -> httpx.AsyncClient:
    """Return a client whose requests reach the app without a socket."""
    return httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url="http://localhost", **options
    )
