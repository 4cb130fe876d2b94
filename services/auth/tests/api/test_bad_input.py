"""What no client of ours would send: it is refused with a code, and changes and tells nothing."""

from typing import Any

import httpx
import pytest

from auth_service.models import LinkPurpose
from auth_service.resources import Resources
from common.testing.conformance import WRONG_VALUES, assert_problem
from common.testing.keys import bearer, mint_internal_token
from services.auth.tests.factories import (
    PASSWORD,
    events,
    events_of,
    headers_of,
    issued_key,
    log_in,
    logged_in,
    mailed_code,
    mailed_token,
    refresh,
    register,
    registration,
    verify,
)

AUTH = "/api/v1/auth"
NEW = "nine herons over a still weir"
EMAIL = {"email": "ada@example.com"}
# What each route takes; a part of it is replaced by something else.
BODIES: dict[str, dict[str, Any]] = {
    "/register": registration("grace"),
    "/login": EMAIL | {"password": PASSWORD},
    "/verify-email": {"token": "x"},
    "/resend-verification": EMAIL,
    "/forgot-password": EMAIL,
    "/reset-password": {"token": "x", "password": NEW},
    "/confirm-email": {"token": "x"},
    "/email-login": EMAIL,
    "/email-login/code": {"nonce": "x", "code": "123456"},
    "/email-login/link": {"nonce": "x", "token": "x"},
    "/refresh": {"refresh_token": "x"},
    "/reauthenticate": {"nonce": "x", "code": "123456"},
    "/change-password": {"current_password": PASSWORD, "new_password": NEW},
    "/change-email": {"email": "new@example.com", "password": PASSWORD},
    "/change-username": {"username": "lovelace"},
    "/keys": {"name": "Nightly build", "scopes": ["posts:read"], "expires_in_days": 9},
}
HOSTILE_TEXTS = [
    "ada\r\nBcc: eve@example.com",
    "ada\n",
    "ada\u2028",
    "\u202eada",
    "ada\u200b",
    "../../etc/passwd",
    "' OR 1=1 --",
    "${jndi:ldap://evil.example}",
    "{{7*7}}",
    "<script>1</script>",
    "ada%0d%0aBcc:",
]
HOSTILE_ADDRESSES = [
    "ada@example.com\r\nBcc: eve@example.com",
    "ada@example.com\n",
    "ada@example.com,eve@example.com",
    "ada@example.com eve@example.com",
    "Ada <ada@example.com>",
    "<ada@example.com>",
    '"ada\r\n"@example.com',
    "ada@[127.0.0.1]",
    "ada@exam\u200bple.com",
    "ada\u202e@example.com",
    "ada@example.com\u2028",
    "ada@@example.com",
    "@example.com",
    "ada@",
    f"ada@{'x' * 250}.com",
]


async def send(
    client: httpx.AsyncClient, path: str, body: Any, tokens: dict[str, Any]
) -> httpx.Response:
    return await client.post(f"{AUTH}{path}", json=body, headers=headers_of(tokens))


@pytest.mark.requirement("ASVS 2.2.1")
@pytest.mark.parametrize("path", BODIES)
async def test_no_part_of_a_body_may_be_something_else(
    client: httpx.AsyncClient, resources: Resources, path: str
) -> None:
    tokens = await logged_in(client, resources)
    before = await events(resources)
    for name in BODIES[path]:
        # What may be absent may be null, and another text may be a name or a password.
        wrong = [each for each in WRONG_VALUES if each is not None and not isinstance(each, str)]
        for value in (*wrong, "x" * 100_000):
            answer = await send(client, path, BODIES[path] | {name: value}, tokens)
            if not (name == "expires_in_days" and answer.status_code == 201):
                assert_problem(answer, 422)
    told = [kind for kind, _ in (await events(resources))[len(before) :]]
    assert not told or path == "/keys"


@pytest.mark.parametrize("path", ["/register", "/change-username"])
@pytest.mark.parametrize("text", HOSTILE_TEXTS)
async def test_a_username_carries_nothing_elsewhere(
    client: httpx.AsyncClient, resources: Resources, path: str, text: str
) -> None:
    tokens = await logged_in(client, resources)
    before = await events(resources)
    answer = await send(client, path, BODIES[path] | {"username": text}, tokens)
    assert assert_problem(answer, 422)["errors"][0]["pointer"] == "/username"
    assert await events(resources) == before


@pytest.mark.parametrize("path", [path for path in BODIES if "email" in BODIES[path]])
@pytest.mark.parametrize("address", HOSTILE_ADDRESSES)
async def test_an_address_is_one_address_and_no_header(
    client: httpx.AsyncClient, resources: Resources, path: str, address: str
) -> None:
    tokens = await logged_in(client, resources)
    answer = await send(client, path, BODIES[path] | {"email": address}, tokens)
    assert assert_problem(answer, 422)["errors"][0]["pointer"] == "/email"


class Everything:
    """One of each kind of secret that there is, all of which work."""

    def __init__(self, secrets: dict[str, str], code: str, reauthentication: str) -> None:
        self.secrets = secrets
        self.code = code
        self.reauthentication = reauthentication

    @classmethod
    async def of(cls, client: httpx.AsyncClient, resources: Resources) -> "Everything":
        await register(client, "grace")
        secrets = {"verification": await mailed_token(resources)}
        tokens = await logged_in(client, resources)
        secrets |= {"access": tokens["access_token"], "refresh": tokens["refresh_token"]}
        secrets["key"] = (await issued_key(client, tokens))["token"]
        secrets["internal"] = mint_internal_token("users", "auth")
        await client.post(f"{AUTH}/forgot-password", json=EMAIL)
        secrets["reset"] = await mailed_token(resources, LinkPurpose.RESET_PASSWORD)
        await send(client, "/change-email", BODIES["/change-email"], tokens)
        secrets["change"] = await mailed_token(resources, LinkPurpose.CHANGE_EMAIL)
        asked = await client.post(f"{AUTH}/email-login", json=EMAIL)
        secrets["nonce"] = asked.json()["nonce"]
        secrets["link"] = await mailed_token(resources, LinkPurpose.LOG_IN)
        code = await mailed_code(resources)
        asked = await send(client, "/reauthenticate/email", None, tokens)
        secrets["other nonce"] = asked.json()["nonce"]
        reauthentication = await mailed_code(resources, LinkPurpose.REAUTHENTICATE)
        return cls(secrets, code, reauthentication)

    def body(self, taker: str, secret: str) -> dict[str, Any]:
        """What a route is sent that takes a secret."""
        bodies: dict[str, dict[str, Any]] = {
            "/verify-email": {"token": secret},
            "/reset-password": {"token": secret, "password": NEW},
            "/confirm-email": {"token": secret},
            "/email-login/link": {"nonce": self.secrets["nonce"], "token": secret},
            "/email-login/code": {"nonce": secret, "code": self.code},
            "/reauthenticate": {"nonce": secret, "code": self.reauthentication},
            "/refresh": {"refresh_token": secret},
        }
        return bodies[taker]


# The one kind of secret that each route takes.
TAKERS = {
    "/verify-email": "verification",
    "/reset-password": "reset",
    "/confirm-email": "change",
    "/email-login/link": "link",
    "/email-login/code": "nonce",
    "/reauthenticate": "other nonce",
    "/refresh": "refresh",
}


@pytest.mark.requirement("ASVS 2.3.1", "ASVS 6.6.2", "ASVS 9.2.2", "RFC 8725 3.12")
@pytest.mark.parametrize("taker", TAKERS)
async def test_each_route_takes_its_own_kind_of_token_alone(
    client: httpx.AsyncClient, resources: Resources, taker: str
) -> None:
    all_of_them = await Everything.of(client, resources)
    headers = bearer(all_of_them.secrets["access"])
    for kind, secret in all_of_them.secrets.items():
        if kind != TAKERS[taker]:
            body = all_of_them.body(taker, secret)
            answer = await client.post(AUTH + taker, json=body, headers=headers)
            assert_problem(answer, 401 if taker == "/refresh" and len(secret) <= 256 else 422)
    body = all_of_them.body(taker, all_of_them.secrets[TAKERS[taker]])
    answer = await client.post(AUTH + taker, json=body, headers=headers)
    assert answer.is_success, answer.text


@pytest.mark.requirement("ASVS 9.2.2", "RFC 8725 3.12")
async def test_nothing_but_an_access_token_speaks_for_its_owner(
    client: httpx.AsyncClient, resources: Resources
) -> None:
    all_of_them = await Everything.of(client, resources)
    for kind, secret in all_of_them.secrets.items():
        answer = await client.get(f"{AUTH}/sessions", headers=bearer(secret))
        if kind == "access":
            assert answer.status_code == 200
        else:
            code = "common.session_required" if kind == "key" else "common.invalid_token"
            assert assert_problem(answer)["code"] == code, kind


async def test_a_logout_ends_nothing_for_another_kind_of_token(
    client: httpx.AsyncClient, resources: Resources
) -> None:
    all_of_them = await Everything.of(client, resources)
    for kind, secret in all_of_them.secrets.items():
        if kind != "refresh":
            answer = await client.post(f"{AUTH}/logout", json={"refresh_token": secret})
            assert answer.status_code in (204, 422)
    tokens = {"refresh_token": all_of_them.secrets["refresh"]}
    assert (await refresh(client, tokens)).status_code == 200


@pytest.mark.requirement("RFC 9700 4.11")
async def test_a_mail_leads_here_whatever_host_was_asked(
    client: httpx.AsyncClient, resources: Resources
) -> None:
    headers = {"Host": "evil.example", "X-Forwarded-Host": "evil.example", "Origin": "https://evil"}
    await client.post(f"{AUTH}/register", json=registration(), headers=headers)
    await mailed_token(resources)
    [requested] = await events_of(resources, "auth.email_verification_requested.v1")
    path = f"/internal/mail-links/{requested['link_id']}"
    internal = bearer(mint_internal_token("notifier", "auth"))
    url = (await client.get(path, headers=internal)).json()["url"]
    assert url.startswith(f"{resources.settings.public_url}{AUTH}/verify-email?token=")


@pytest.mark.requirement("RFC 9700 4.11")
@pytest.mark.parametrize(
    "path", ["/verify-email", "/confirm-email", "/reset-password", "/email-login/link"]
)
async def test_the_pages_behind_mailed_links_repeat_nothing_and_lead_nowhere(
    client: httpx.AsyncClient, path: str
) -> None:
    plain = await client.get(AUTH + path)
    query = {"token": "<script>", "next": "https://evil.example", "redirect": "//evil.example"}
    asked = await client.get(AUTH + path, params=query)
    assert (asked.status_code, asked.text) == (200, plain.text)
    assert "location" not in asked.headers
    assert "http" not in plain.text


@pytest.mark.requirement("ASVS 6.4.1")
async def test_a_used_link_is_used_for_ever(
    client: httpx.AsyncClient, resources: Resources
) -> None:
    await register(client)
    token = await mailed_token(resources)
    assert (await verify(client, token)).status_code == 204
    for _ in range(3):
        assert assert_problem(await verify(client, token), 422)["code"] == "auth.link_invalid"
    assert (await log_in(client)).status_code == 200
