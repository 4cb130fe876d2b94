"""The mail server, over a pool of connections that are opened when needed and used again.

Errors carry its status codes and never its text, which may quote the mail.
"""

import asyncio
import re
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from email.message import EmailMessage
from typing import Final

from aiosmtplib import (
    SMTP,
    SMTPException,
    SMTPNotSupported,
    SMTPRecipientsRefused,
    SMTPResponseException,
)

from notifier_service.errors import MailDeferred, MailRefused, MailServerUnavailable
from notifier_service.settings import Settings

# Servers cut idle connections, which shows only when the next command fails.
IDLE_SECONDS: Final = 5.0
_SERVICE_UNAVAILABLE: Final = 421
# They concern the login, not the mail: RFC 4954, 4 and 6, and RFC 3207, 4.
_LOGIN_CODES: Final = (454, 530, 534, 535, 538)
_FIRST_PERMANENT: Final = 500
_ENHANCED = re.compile(r"[245]\.\d{1,3}\.\d{1,3}\b", re.ASCII)


class MailServer:
    """Sends messages, as many at a time as it may have connections."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._free = asyncio.Semaphore(settings.smtp_connections)
        self._idle: list[tuple[float, SMTP]] = []

    async def send(self, message: EmailMessage) -> None:
        """Hand a message over; when this returns, the server answers for it.

        Raises:
            MailServerUnavailable: It is away, or refuses everything.
            MailDeferred: It may take this message later.
            MailRefused: It will never take this message.
        """
        with _translated():
            async with self._free, self._connection() as connection:
                await connection.send_message(message)

    def close(self) -> None:
        """Close the connections that are not in use."""
        while self._idle:
            self._idle.pop()[1].close()

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[SMTP]:
        connection = self._take_idle() or await self._connect()
        try:
            yield connection
        except (SMTPResponseException, SMTPRecipientsRefused, SMTPNotSupported):
            # The server has answered: it is ready for the next message.
            self._put(connection)
            raise
        except BaseException:
            connection.close()
            raise
        self._put(connection)

    def _take_idle(self) -> SMTP | None:
        while self._idle:
            since, connection = self._idle.pop()
            if connection.is_connected and time.monotonic() - since < IDLE_SECONDS:
                return connection
            connection.close()
        return None

    def _put(self, connection: SMTP) -> None:
        if connection.is_connected:
            self._idle.append((time.monotonic(), connection))

    async def _connect(self) -> SMTP:
        settings = self._settings
        password = settings.smtp_password
        connection = SMTP(
            hostname=settings.smtp_host,
            port=settings.smtp_port,
            username=settings.smtp_username,
            password=password.get_secret_value() if password else None,
            local_hostname=settings.mail_domain,
            timeout=settings.smtp_timeout_seconds,
            use_tls=settings.smtp_tls == "implicit",
            start_tls=_start_tls(settings),
        )
        try:
            await connection.connect()
        except SMTPException as error:
            raise MailServerUnavailable(reason=_reason(error)) from error
        return connection


@asynccontextmanager
async def open_mail_server(settings: Settings) -> AsyncIterator[MailServer]:
    """Open the pool of one process; it connects when it first sends."""
    server = MailServer(settings)
    try:
        yield server
    finally:
        server.close()


def _start_tls(settings: Settings) -> bool | None:
    """Return what aiosmtplib calls always, never and if possible: True, False and None."""
    if settings.smtp_tls == "implicit":
        return False
    # Credentials must not depend on a server that merely forgets to offer encryption.
    return True if settings.smtp_tls == "starttls" or settings.smtp_username else None


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except SMTPRecipientsRefused as error:
        _raise_for(error.recipients[0])
    except SMTPResponseException as error:
        _raise_for(error)
    except SMTPNotSupported as error:
        raise MailRefused(reason="the server lacks SMTPUTF8") from error
    except (SMTPException, OSError, TimeoutError) as error:
        raise MailServerUnavailable(reason=_reason(error)) from error


def _raise_for(error: SMTPResponseException) -> None:
    if error.code == _SERVICE_UNAVAILABLE or error.code in _LOGIN_CODES:
        raise MailServerUnavailable(reason=_reason(error)) from error
    if error.code >= _FIRST_PERMANENT:
        raise MailRefused(reason=_reason(error)) from error
    raise MailDeferred(reason=_reason(error)) from error


def _reason(error: Exception) -> str:
    if not isinstance(error, SMTPResponseException):
        return type(error).__name__
    enhanced = _ENHANCED.match(error.message)
    return f"{error.code} {enhanced[0]}" if enhanced else str(error.code)
