"""HEAD is GET without the body (RFC 9110, 9.3.2): what answers the one answers the other."""

from starlette.types import ASGIApp, Message, Receive, Scope, Send


class HeadAsGet:
    """Lets the app see GET where the client sent HEAD, and keeps back what it answers as body.

    Args:
        app: What is surrounded.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self._app(scope, receive, send)
            return

        async def send_head(message: Message) -> None:
            await send({**message, "body": b""} if "body" in message else message)

        # A scope of its own: the server looks at the method again when it writes the answer.
        inner = {**scope, "method": "GET"}
        try:
            await self._app(inner, receive, send_head)
        finally:
            # The router notes in it which route answered; logs and metrics ask for that.
            scope.update(inner, method="HEAD")
