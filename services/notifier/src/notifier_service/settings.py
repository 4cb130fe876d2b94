"""Settings of notifier. Built in the process modules and passed down."""

from email.utils import parseaddr
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, SecretStr
from pydantic_settings import SettingsConfigDict

from common.settings import ServiceSettings


def _sender(value: str) -> str:
    if "@" not in parseaddr(value)[1]:
        message = "must be an address like `Name <local@domain>`"
        raise ValueError(message)
    return value


class Settings(ServiceSettings):
    model_config = SettingsConfigDict(env_prefix="NOTIFIER_", frozen=True, extra="ignore")

    broker_url: SecretStr = Field(description="Redis URL of Celery's queues.")
    celery_concurrency: int = Field(2, description="Processes of one Celery worker.")
    smtp_host: str = Field("127.0.0.1", description="Host of the mail server.")
    smtp_port: int = Field(25, description="Port of the mail server.")
    smtp_username: str | None = Field(None, description="Name to log in with at the mail server.")
    smtp_password: SecretStr | None = Field(None, description="Password for it.")
    smtp_tls: Literal["opportunistic", "starttls", "implicit"] = Field(
        "opportunistic",
        description="Encryption; a login happens under at least `starttls`, whatever this says.",
    )
    smtp_connections: int = Field(8, description="Connections of a process to the mail server.")
    smtp_timeout_seconds: float = Field(10.0, description="Longest wait for its answer.")
    mail_from: Annotated[str, AfterValidator(_sender)] = Field(
        "Colonnade <no-reply@colonnade.example>", description="Sender of all mail."
    )
    mail_give_up_seconds: int = Field(
        172_800, description="Age at which a mail that is still deferred counts as failed."
    )

    @property
    def mail_domain(self) -> str:
        """The domain of the sender: part of each Message-ID, and how the mail server is greeted."""
        return parseaddr(self.mail_from)[1].rpartition("@")[2]
