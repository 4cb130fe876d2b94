"""The pages that a person sees, in a real browser: documents, the mailed link, the mailbox."""

import asyncio
import json
import re
import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
from playwright.async_api import BrowserContext, ConsoleMessage, Page, Request, async_playwright
from playwright.async_api import Error as PlaywrightError

from devstack.tour import Tour
from tests.e2e.platform import Platform

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser"))), None)
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
SERVICES = {
    "auth": "AccountCreate",
    "users": "ProfileUpdate",
    "posts": "PostCreate",
    "notifier": "NotificationRead",
}

pytestmark = pytest.mark.skipif(
    CHROMIUM is None, reason="no Chromium in the PATH (on Debian: apt install chromium)"
)


@dataclass  # No slots: Playwright notes on it what listens.
class Noise:
    """What a page complained about, and the addresses it asked for something."""

    complaints: list[str] = field(default_factory=list)
    asked: set[str] = field(default_factory=set)

    def listen(self, page: Page) -> None:
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("request", self._request)

    def _console(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(message.text)

    def _request(self, request: Request) -> None:
        self.asked.add(request.url)


@pytest_asyncio.fixture
async def browser(tmp_path: Path) -> AsyncIterator[BrowserContext]:
    async with async_playwright() as playwright:
        context = await playwright.chromium.launch_persistent_context(
            str(tmp_path), executable_path=CHROMIUM, args=FLAGS
        )
        context.set_default_timeout(20_000)
        yield context
        await context.close()


def log_in(platform: Platform, tour: Tour) -> int:
    """Return the status of the author's login."""
    url = f"{platform.gateway_url}/api/v1/auth/login"
    return httpx.post(url, json=tour.author.credentials).status_code


async def forget_password(platform: Platform, email: str) -> None:
    async with httpx.AsyncClient(base_url=platform.gateway_url) as client:
        answer = await client.post("/api/v1/auth/forgot-password", json={"email": email})
        assert answer.status_code == 202


async def mailed_link(platform: Platform, email: str, subject: str) -> str:
    """Return the link in the mail of this subject, once it has arrived."""
    async with asyncio.timeout(20), httpx.AsyncClient(base_url=platform.mailbox_url) as mailbox:
        while True:
            listing = (await mailbox.get("/api/v1/messages", params={"limit": 200})).json()
            for mail in listing["messages"]:
                if mail["Subject"] == subject and mail["To"][0]["Address"] == email:
                    text = (await mailbox.get(f"/api/v1/message/{mail['ID']}")).json()["Text"]
                    return str(re.search(r"http\S+", text)[0])  # type: ignore[index] # It has one.
            await asyncio.sleep(0.1)


@pytest.fixture
def noise() -> Noise:
    return Noise()


@pytest_asyncio.fixture
async def page(browser: BrowserContext, noise: Noise) -> Page:
    opened = await browser.new_page()
    noise.listen(opened)
    return opened


async def test_the_documents_show_each_service_alone_and_ask_nobody_else(
    platform: Platform, page: Page, noise: Noise
) -> None:
    await page.goto(f"{platform.gateway_url}/docs")
    for service, schema in SERVICES.items():
        await page.select_option("#service", label=service)
        await page.wait_for_url(f"**/docs#{service}")
        await page.locator(".info .title", has_text=f"Colonnade {service}").wait_for()
        shown = await page.locator(".models").inner_text()
        assert schema in shown
        assert not [other for other in SERVICES.values() if other != schema and other in shown]
    await page.locator(".opblock-summary").first.click()
    await page.get_by_text("Try it out").first.wait_for()
    assert noise.complaints == []
    elsewhere = [url for url in noise.asked if not url.startswith((platform.gateway_url, "data:"))]
    assert elsewhere == []


async def test_a_mailed_link_is_followed_from_the_mailbox_and_used_by_its_button(
    platform: Platform, page: Page, browser: BrowserContext, noise: Noise
) -> None:
    with platform.tour() as tour:
        tour.register()
        tour.receive_mails()
        await page.goto(platform.mailbox_url)
        await page.get_by_text(tour.author.email).first.click()
        async with browser.expect_page() as opening:
            await page.frame_locator("iframe").get_by_role("link").click()
        link = await opening.value
        noise.listen(link)
        await link.get_by_role("button", name="Confirm").wait_for()
        assert log_in(platform, tour) == 403
        await link.get_by_role("button", name="Confirm").click()
        await link.get_by_text("confirmed").wait_for()
        assert log_in(platform, tour) == 200
    assert noise.complaints == []


async def test_a_forgotten_password_is_replaced_on_the_page_behind_its_mail(
    platform: Platform, page: Page, noise: Noise
) -> None:
    with platform.tour() as tour:
        for step in (tour.register, tour.receive_mails, tour.verify):
            step()
        author = tour.author
        await forget_password(platform, author.email)
        await page.goto(await mailed_link(platform, author.email, "Choose a new password"))
        former, author.password = author.password, "nine herons over a still weir"
        assert log_in(platform, tour) == 401
        await page.get_by_label("New password").fill(author.password)
        await page.get_by_role("button", name="Save").click()
        await page.get_by_text("is changed").wait_for()
        assert log_in(platform, tour) == 200
        author.password = former
        assert log_in(platform, tour) == 401
    assert noise.complaints == []


async def test_a_link_that_cannot_be_used_says_so(platform: Platform, page: Page) -> None:
    await page.goto(f"{platform.gateway_url}/api/v1/auth/verify-email?token=made-up")
    await page.get_by_role("button", name="Confirm").click()
    await page.get_by_text(re.compile("not valid")).wait_for()
    await page.goto(f"{platform.gateway_url}/api/v1/auth/verify-email")
    assert await page.get_by_role("button", name="Confirm").is_disabled()


POST = """async ([path, body, headers = {}]) => {
  const answer = await fetch(path, {
    method: "POST", credentials: "include", body: JSON.stringify(body),
    headers: {"Content-Type": "application/json", ...headers},
  });
  return [answer.status, await answer.text()];
}"""
FORM = """(url) => {
  document.body.innerHTML = `<form method="post" enctype="text/plain" action="${url}"></form>`;
  document.querySelector("form").submit();
}"""
IN_COOKIE = {"X-Session": "cookie"}


async def post(page: Page, path: str, body: Any, *more: Any) -> tuple[int, str]:
    """What a script of a page gets for a request."""
    status, text = await page.evaluate(POST, [f"/api/v1/auth{path}", body, *more])
    return status, text


async def host_cookies(browser: BrowserContext) -> dict[str, Any]:
    """The cookies of the platform that the browser holds, by name."""
    return {c["name"]: c for c in await browser.cookies() if c["name"].startswith("__Host-")}


def tour_of_a_verified_author(tour: Tour) -> None:
    for step in (tour.register, tour.receive_mails, tour.verify):
        step()


async def test_a_browser_keeps_its_session_in_a_cookie_until_the_logout(
    platform: Platform, page: Page, browser: BrowserContext
) -> None:
    with platform.tour() as tour:
        tour_of_a_verified_author(tour)
        await page.goto(f"{platform.gateway_url}/docs")
        status, text = await post(page, "/login", tour.author.credentials, IN_COOKIE)
        assert (status, json.loads(text)["refresh_token"]) == (200, None)
        kept = (await host_cookies(browser))["__Host-refresh"]
        assert (kept["httpOnly"], kept["secure"], kept["sameSite"]) == (True, True, "Strict")
        assert "__Host" not in await page.evaluate("document.cookie")
        await page.reload()
        assert (await post(page, "/refresh", {}, IN_COOKIE))[0] == 200
        assert (await host_cookies(browser))["__Host-refresh"]["value"] != kept["value"]
        assert (await post(page, "/refresh", {}))[0] == 422
        assert (await post(page, "/logout", {}, IN_COOKIE))[0] == 204
        assert "__Host-refresh" not in await host_cookies(browser)
        assert (await post(page, "/refresh", {}, IN_COOKIE))[0] == 401


async def test_a_page_of_another_site_does_nothing_with_the_cookie(
    platform: Platform, page: Page, browser: BrowserContext
) -> None:
    with platform.tour() as tour:
        tour_of_a_verified_author(tour)
        await page.goto(f"{platform.gateway_url}/docs")
        assert (await post(page, "/login", tour.author.credentials, IN_COOKIE))[0] == 200
        stranger = await browser.new_page()
        # Another site, which forbids its scripts nothing.
        site = platform.gateway_url.replace("localhost", "127.0.0.1")
        await stranger.route(
            f"{site}/", lambda route: route.fulfill(content_type="text/html", body="<p>Hi</p>")
        )
        await stranger.goto(f"{site}/")
        own = f"{platform.gateway_url}/api/v1/auth"
        for path in ("/logout", "/refresh"):
            with pytest.raises(PlaywrightError, match="Failed to fetch"):
                await stranger.evaluate(POST, [own + path, {}, IN_COOKIE])
            # A form is sent, but without the header no cookie counts.
            async with stranger.expect_navigation() as going:
                await stranger.evaluate(FORM, own + path)
            assert (await going.value).status == 422
            await stranger.goto(f"{site}/")
            assert (await post(page, "/refresh", {}, IN_COOKIE))[0] == 200


async def test_a_mailed_link_logs_in_where_it_was_asked_for_alone(
    platform: Platform, page: Page, browser: BrowserContext
) -> None:
    with platform.tour() as tour:
        tour_of_a_verified_author(tour)
        email = tour.author.email
        await page.goto(f"{platform.gateway_url}/docs")
        assert (await post(page, "/email-login", {"email": email}, IN_COOKIE))[0] == 202
        link = await mailed_link(platform, email, "Log in to Colonnade")
        # Under another name it is another site, which has no more of the nonce than a stranger.
        await page.goto(link.replace("localhost", "127.0.0.1"))
        await page.get_by_role("button", name="Log in").click()
        await page.get_by_text("only in the browser that asked").wait_for()
        await page.goto(link)
        await page.get_by_role("button", name="Log in").click()
        await page.get_by_text("You are logged in").wait_for()
        assert (await post(page, "/refresh", {}, IN_COOKIE))[0] == 200
        assert "__Host-login" not in await host_cookies(browser)
