"""The mailbox's two servers: SMTP takes every mail, HTTP shows them on a page and as JSON."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from aiosmtpd.smtp import SMTP
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from devstack.mailbox.mail import Mail, Mailbox
from devstack.processes import LOOPBACK

LARGEST_MAIL_BYTES = 32 * 1024 * 1024
# A mail's HTML may show itself and nothing else: no script, no request, no frame of the page.
MAIL_POLICY = (
    "sandbox allow-popups allow-popups-to-escape-sandbox; default-src 'none'; "
    "style-src 'unsafe-inline'; img-src data:"
)
PAGE_POLICY = (
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; "
    "connect-src 'self'; frame-src 'self'; img-src data:"
)


def create_app(mailbox: Mailbox, smtp_port: int) -> Starlette:
    """The HTTP server's application; the SMTP server lives as long as it does."""

    @asynccontextmanager
    async def receive(app: Starlette) -> AsyncIterator[None]:
        app.state.mailbox = mailbox
        async with await _listen(mailbox, smtp_port):
            yield

    return Starlette(
        lifespan=receive,
        routes=[
            Route("/", show_page),
            Route("/readyz", is_ready),
            Route("/view/{id}.html", view_html),
            Route("/api/v1/messages", list_messages),
            Route("/api/v1/messages", delete_messages, methods=["DELETE"]),
            Route("/api/v1/message/{id}", read_message),
            Route("/api/v1/message/{id}/headers", read_headers),
            Route("/api/v1/message/{id}/raw", read_raw),
        ],
    )


async def show_page(_request: Request) -> Response:
    page = Path(__file__).with_name("page.html").read_text(encoding="utf-8")
    return HTMLResponse(page, headers={"Content-Security-Policy": PAGE_POLICY})


async def is_ready(_request: Request) -> Response:
    return PlainTextResponse("ok")


async def list_messages(request: Request) -> Response:
    start, limit = _number(request, "start", 0), _number(request, "limit", 50)
    return JSONResponse(_mailbox(request).listing(start, limit))


async def delete_messages(request: Request) -> Response:
    body = await request.json() if await request.body() else {}
    _mailbox(request).delete(body.get("IDs") or [])
    return PlainTextResponse("ok")


async def read_message(request: Request) -> Response:
    mail = _mail(request)
    mail.read = True
    return JSONResponse(mail.detail())


async def read_headers(request: Request) -> Response:
    parsed = _mail(request).parsed
    return JSONResponse({name: [str(v) for v in parsed.get_all(name, [])] for name in parsed})


async def read_raw(request: Request) -> Response:
    return Response(_mail(request).raw, media_type="text/plain")


async def view_html(request: Request) -> Response:
    headers = {"Content-Security-Policy": MAIL_POLICY, "Referrer-Policy": "no-referrer"}
    page = f'<base target="_blank">{_mail(request).body("html")}'
    return HTMLResponse(page, headers=headers)


async def _listen(mailbox: Mailbox, port: int) -> asyncio.Server:
    def protocol() -> SMTP:
        size = LARGEST_MAIL_BYTES
        return SMTP(mailbox, hostname="mailbox", enable_SMTPUTF8=True, data_size_limit=size)

    return await asyncio.get_running_loop().create_server(protocol, LOOPBACK, port)


def _mailbox(request: Request) -> Mailbox:
    mailbox: Mailbox = request.app.state.mailbox
    return mailbox


def _mail(request: Request) -> Mail:
    mail = _mailbox(request).find(request.path_params["id"])
    if mail is None:
        raise HTTPException(404, "message not found")
    return mail


def _number(request: Request, name: str, default: int) -> int:
    text = request.query_params.get(name, "")
    return int(text) if text.isdecimal() else default
