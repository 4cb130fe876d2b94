"""Fragments that services compose into their one frozen Settings class.

Nothing here reads the environment at import: a process module builds Settings and passes it down.
"""

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, IPvAnyNetwork, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from common.rate_limits.rates import Rates

# OWASP REST security cheat sheet; an API answers data, which no page may frame or run.
SECURITY_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Strict-Transport-Security": "max-age=31536000",
    "Cache-Control": "no-store",
}


def _endpoint(value: str | None) -> str | None:
    """Return a URL without its last slash; what is set but empty is not set."""
    if value and not value.startswith(("http://", "https://")):
        message = "must be a URL like `http://collector:4318`"
        raise ValueError(message)
    return value.rstrip("/") if value else None


class Peer(BaseModel):
    """Another service: where it answers and the key its internal tokens are signed with."""

    model_config = ConfigDict(frozen=True)

    url: str = Field(description="Base URL of the service inside the platform.")
    public_key: str = Field(description="PEM of the EC P-256 key that verifies its tokens.")


class LogSettings(BaseSettings):
    log_format: Literal["json", "console"] = Field("json", description="Shape of the log lines.")
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="Least severe level that is logged."
    )


class TraceSettings(BaseSettings):
    otlp_endpoint: Annotated[str | None, AfterValidator(_endpoint)] = Field(
        None, description="URL of an OTLP/HTTP receiver of traces; without one none are made."
    )
    trace_sample_ratio: float = Field(
        1.0,
        ge=0,
        le=1,
        description="Share of the traces that are recorded; alike in every service.",
    )


class HttpSettings(BaseSettings):
    host: str = Field("127.0.0.1", description="Address this process's HTTP server binds to.")
    port: int = Field(8000, description="Port this process's HTTP server binds to.")
    trusted_proxies: list[IPvAnyNetwork] = Field(
        [],
        description="Networks of the proxies whose X-Forwarded-For names the client; nobody else's"
        " does.",
    )
    cors_origins: list[str] = Field([], description="Origins that browsers may call from.")
    security_headers: dict[str, str] = Field(
        SECURITY_HEADERS, description="Headers of every answer that does not set them itself."
    )
    body_limit_bytes: int = Field(1_048_576, description="Largest accepted request body.")
    request_timeout_seconds: float = Field(
        10.0, description="Deadline of a request, also for the calls it makes."
    )
    concurrency_limit: int = Field(
        20,
        ge=1,
        description="Requests that a process answers at a time: about as many as it has"
        " connections. Others wait.",
    )
    queue_limit: int = Field(
        44,
        ge=0,
        description="Requests that wait before that is overload, in which the newest go first and"
        " others are refused after 20 ms.",
    )
    queue_seconds: float = Field(
        2.0, ge=0, description="How long a request waits before that is overload, too."
    )
    shutdown_grace_seconds: int = Field(10, description="Time for open requests at shutdown.")


class DatabaseSettings(BaseSettings):
    database_url: SecretStr = Field(description="PostgreSQL URL of the role with DML only.")
    database_pool_size: int = Field(
        10, description="Connections that a process keeps at most for transactions."
    )
    database_direct_pool_size: int = Field(
        8, description="Connections that a process keeps at most for the statements of hot routes."
    )
    database_pool_timeout_seconds: float = Field(
        5.0, description="How long a request waits for a free connection."
    )


class StreamSettings(BaseSettings):
    streams_url: SecretStr = Field(description="Redis URL of the event streams.")


class LimitSettings(BaseSettings):
    cache_url: SecretStr | None = Field(
        None,
        description="Redis URL of the cache, where replicas count together how often something is"
        " done; without one each process counts for itself.",
    )
    cache_wait_seconds: float = Field(
        0.05, gt=0, description="How long a request waits for the cache before it does without."
    )
    network_ipv4_prefix: int = Field(
        24, ge=8, le=32, description="Bits by which limits tell networks of IPv4 apart."
    )
    network_ipv6_prefix: int = Field(
        56, ge=16, le=64, description="Bits by which limits tell networks of IPv6 apart."
    )
    limit_unknown_keys_per_network: Rates = Field(
        ["60 per minute"],
        description="How often a network may send personal access tokens that nobody knows.",
    )
    challenge: str | None = Field(
        None,
        description="What clients may solve instead of waiting for a limit: `hashcash`, or"
        " `module:object` of your own (a captcha).",
    )
    challenge_bits: int = Field(
        20, ge=1, le=64, description="Zero bits of a proof of work; 20 are a million hashes."
    )


class TokenSettings(BaseSettings):
    token_issuer: str = Field(description="The `iss` of access tokens: the public base URL.")
    token_audience: str = Field("colonnade", description="The `aud` of access tokens.")
    token_keys_peer: str = Field(
        "auth", description="The peer that signs access tokens and publishes their keys."
    )
    jwks_refresh_seconds: float = Field(
        2.0, description="How often auth's keys are read again: how long a revoked one counts."
    )
    internal_private_key: SecretStr = Field(
        description="PEM (EC P-256) that signs this service's internal tokens."
    )
    peers: dict[str, Peer] = Field(description="Every service of the platform, itself included.")


class ServiceSettings(
    LogSettings,
    TraceSettings,
    HttpSettings,
    DatabaseSettings,
    StreamSettings,
    LimitSettings,
    TokenSettings,
):
    """What every service needs. A service adds its own fields and the prefix of its variables."""

    # A process that cannot start says why in its log, which must not show the other settings.
    model_config = SettingsConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)
