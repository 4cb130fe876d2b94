"""A mail server for tests: it keeps what it takes, and answers as it is told."""

import asyncio
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

from aiosmtpd.controller import Controller

from devstack.processes import LOOPBACK, free_port

OK = "250 OK"


class Sink:
    """Its `port` stays; `replies` are by recipient. While it `holds`, nobody learns of success."""

    def __init__(self) -> None:
        self.port = free_port()
        self.messages: list[EmailMessage] = []
        self.replies: dict[str, str] = {}
        self.holds = False
        self.greetings = 0
        self._controller = Controller(self, hostname=LOOPBACK, port=self.port)

    def start(self) -> None:
        self._controller.start()

    def stop(self) -> None:
        self._controller.stop()

    def forget(self) -> None:
        """Be as new."""
        self.messages.clear()
        self.replies.clear()
        self.holds, self.greetings = False, 0

    @property
    def recipients(self) -> list[str]:
        """Whom it has taken mail for, sorted."""
        return sorted(str(message["To"]) for message in self.messages)

    async def handle_EHLO(  # noqa: N802 — aiosmtpd calls it by this name.
        self, _server: Any, session: Any, _envelope: Any, hostname: str, responses: list[str]
    ) -> list[str]:
        session.host_name = hostname
        self.greetings += 1
        return responses

    async def handle_RCPT(  # noqa: N802 — as above.
        self, _server: Any, _session: Any, envelope: Any, address: str, _options: Any
    ) -> str:
        reply = self.replies.get(address, OK)
        if reply == OK:
            envelope.rcpt_tos.append(address)
        return reply

    async def handle_DATA(  # noqa: N802 — as above.
        self, _server: Any, _session: Any, envelope: Any
    ) -> str:
        self.messages.append(message_from_bytes(envelope.content, policy=policy.default))
        while self.holds:  # noqa: ASYNC110 — the test sets it, in another thread.
            await asyncio.sleep(0.02)
        return OK
