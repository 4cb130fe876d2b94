"""`/docs`: one page for the documents of all services; its assets are ours, so it works offline."""

import html
from collections.abc import Iterable
from pathlib import Path

import fastapi_standalone_docs
from fastapi import APIRouter, Request
from fastapi.responses import FileResponse, HTMLResponse

from common.errors import NotFound
from common.http.dependencies import platform_of

_OURS = Path(__file__).parent / "static"
_SWAGGER = Path(fastapi_standalone_docs.__file__).parent / "static" / "swagger"
_ASSETS = {
    "docs.css": _OURS / "docs.css",
    "docs.js": _OURS / "docs.js",
    "swagger-ui.css": _SWAGGER / "swagger-ui.css",
    "swagger-ui-bundle.js": _SWAGGER / "swagger-ui-bundle.js",
}
# Swagger UI writes style attributes and draws its icons as data URLs; it needs nothing else.
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)

router = APIRouter(include_in_schema=False)


def document_path(service: str) -> str:
    """Return where a service serves its OpenAPI document."""
    return f"/api/v1/{service}/openapi.json"


@router.get("/docs")
async def show_docs(request: Request) -> HTMLResponse:
    platform = platform_of(request)
    page = _page(sorted(platform.settings.peers), platform.service)
    return HTMLResponse(page, headers={"Content-Security-Policy": _POLICY})


@router.get("/docs/{asset}")
async def get_docs_asset(asset: str) -> FileResponse:
    if asset not in _ASSETS:
        raise NotFound
    return FileResponse(_ASSETS[asset], headers={"Cache-Control": "public, max-age=3600"})


def _page(services: Iterable[str], selected: str) -> str:
    options = "".join(
        f'<option value="{html.escape(document_path(name))}"'
        f"{' selected' if name == selected else ''}>{html.escape(name)}</option>"
        for name in services
    )
    return (_OURS / "docs.html").read_text(encoding="utf-8").replace("{options}", options)
