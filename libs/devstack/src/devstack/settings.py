"""What a person may choose about a stack, from the environment of the command that starts it."""

import os
from collections.abc import Mapping
from dataclasses import dataclass


class SettingError(Exception):
    """A variable has a value that cannot be used."""


@dataclass(frozen=True, slots=True)
class StackSettings:
    """`database_url` and `redis_url` name external servers that replace the embedded ones.

    `otlp_endpoint` is where the gateway and the services send their traces, if anywhere.
    """

    gateway_port: int = 8080
    mailbox_port: int = 8025
    database_url: str | None = None
    redis_url: str | None = None
    otlp_endpoint: str | None = None

    @classmethod
    def read(cls, environment: Mapping[str, str] = os.environ) -> "StackSettings":
        """The settings in `environment`, each with its default when it is absent or empty."""
        return cls(
            gateway_port=_port(environment, "GATEWAY_PORT", 8080),
            mailbox_port=_port(environment, "MAILBOX_PORT", 8025),
            database_url=environment.get("DATABASE_URL") or None,
            redis_url=environment.get("REDIS_URL") or None,
            otlp_endpoint=environment.get("OTLP_ENDPOINT", "").rstrip("/") or None,
        )

    def environment(self) -> dict[str, str]:
        """The variables from which `read` makes these settings again."""
        return {
            "GATEWAY_PORT": str(self.gateway_port),
            "MAILBOX_PORT": str(self.mailbox_port),
            "DATABASE_URL": self.database_url or "",
            "REDIS_URL": self.redis_url or "",
            "OTLP_ENDPOINT": self.otlp_endpoint or "",
        }

    @property
    def gateway_url(self) -> str:
        return f"http://localhost:{self.gateway_port}"

    @property
    def mailbox_url(self) -> str:
        return f"http://localhost:{self.mailbox_port}"


def _port(environment: Mapping[str, str], name: str, default: int) -> int:
    text = environment.get(name) or str(default)
    if not text.isdecimal() or not 0 < int(text) < 65_536:  # noqa: PLR2004 - the number of ports
        raise SettingError(f"{name}={text} is not a port")
    return int(text)
