"""Process: users' HTTP server."""

from fastapi import FastAPI

from common.http.app import build_app, serve
from users_service.api import routers
from users_service.resources import open_resources
from users_service.settings import Settings


def create_app(settings: Settings) -> FastAPI:
    """Return the app; it opens its resources when it starts."""
    return build_app(
        service="users", settings=settings, open_resources=open_resources, routers=routers
    )


def main() -> None:
    """Serve until told to stop."""
    settings = Settings()
    serve(create_app(settings), settings)


if __name__ == "__main__":
    main()
