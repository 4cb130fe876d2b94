"""Process: auth's HTTP server."""

from fastapi import FastAPI

from auth_service.api import routers
from auth_service.resources import open_resources, watch_signing_keys
from auth_service.settings import Settings
from common.http.app import build_app, serve


def create_app(settings: Settings) -> FastAPI:
    """Return the app; it opens its resources when it starts."""
    return build_app(
        service="auth",
        settings=settings,
        open_resources=open_resources,
        routers=routers,
        background=[watch_signing_keys],
    )


def main() -> None:
    """Serve until told to stop."""
    settings = Settings()
    serve(create_app(settings), settings)


if __name__ == "__main__":
    main()
