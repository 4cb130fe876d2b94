"""Process: notifier's HTTP server."""

from fastapi import FastAPI

from common.http.app import build_app, serve
from notifier_service.api import routers
from notifier_service.resources import open_resources
from notifier_service.settings import Settings


def create_app(settings: Settings) -> FastAPI:
    """Return the app; it opens its resources when it starts."""
    return build_app(
        service="notifier", settings=settings, open_resources=open_resources, routers=routers
    )


def main() -> None:
    """Serve until told to stop."""
    settings = Settings()
    serve(create_app(settings), settings)


if __name__ == "__main__":
    main()
