"""What a request finds opened."""

from fastapi import Request

from common.platform import Platform


def platform_of(request: Request) -> Platform:
    """Return the platform of the app that serves this request."""
    platform: Platform = request.app.state.resources.platform
    return platform
