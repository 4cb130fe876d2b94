"""Settings of auth. Built in the process modules and passed down."""

from typing import Annotated, Literal

from pydantic import Field, SecretStr
from pydantic_settings import SettingsConfigDict

from common.rate_limits.rates import Rates
from common.settings import ServiceSettings

type SigningAlgorithm = Literal["ES256", "Ed25519"]


class Settings(ServiceSettings):
    model_config = SettingsConfigDict(env_prefix="AUTH_", frozen=True, extra="ignore")

    encryption_keys: list[Annotated[SecretStr, Field(min_length=32)]] = Field(
        min_length=1,
        description="Random texts of 32 characters or more: the first encrypts private keys that"
        " are kept, each decrypts them.",
    )
    signing_algorithm: SigningAlgorithm = Field(
        "ES256", description="What new keys sign access tokens with."
    )
    signing_key_seconds: int = Field(
        2_592_000, ge=1, description="How long a key signs before the next one does."
    )
    signing_key_publish_seconds: int = Field(
        300, ge=2, description="How long at least a key is published before it signs."
    )
    signing_key: SecretStr | None = Field(
        None, description="PEM (EC P-256) that becomes the first signing key where there is none."
    )
    link_secret: SecretStr = Field(
        min_length=32, description="HMAC key of mailed links and refresh tokens: random text."
    )
    public_url: str = Field(description="Base URL of the links in mails: the gateway's.")
    access_token_seconds: int = Field(600, description="Life of an access token.")
    refresh_token_seconds: int = Field(2_592_000, description="Life of an unused refresh token.")
    refresh_grace_seconds: int = Field(
        10, description="How long a used refresh token is answered with the same successor."
    )
    session_seconds: int = Field(
        7_776_000, description="Life of a session, however often it is refreshed."
    )
    personal_keys_per_account: int = Field(
        50, ge=1, description="Personal access tokens of an account, with those of the last day."
    )
    personal_key_days: int = Field(
        365, ge=1, description="Longest life of a personal access token, in days."
    )
    recent_seconds: int = Field(
        900, gt=0, description="How long after a login or reauthentication one may do risky things."
    )
    verification_link_seconds: int = Field(86_400, description="Life of a verification link.")
    mail_link_seconds: int = Field(
        600, gt=0, le=600, description="Life of every other mailed link, and of mailed codes."
    )
    mail_interval_seconds: int = Field(
        60, description="How often at most an account is written to because somebody asked for it."
    )
    argon2_memory_kib: int = Field(19_456, description="Memory of one Argon2id hash.")
    argon2_iterations: int = Field(2, description="Passes of one Argon2id hash.")
    argon2_parallelism: int = Field(1, description="Lanes of one Argon2id hash.")
    # A process has one core at most for all else: on the same one, two would only push each other
    # out of its cache (docs/performance-auth.md).
    password_threads: int = Field(
        1,
        ge=1,
        description="Passwords that are hashed at the same time; each takes a core and its memory.",
    )
    password_queue: int = Field(
        64, ge=0, description="Passwords that wait for it; beyond them the answer is 429."
    )
    # Requests that wait for a thread hold a slot; they are not to keep others from theirs.
    concurrency_limit: int = Field(
        100,
        ge=1,
        description="Requests that a process answers at a time: more than passwords may wait."
        " Others wait.",
    )
    # The periods rise by so much that each is used up in one go: a minute's wait, ten, an hour's.
    limit_passwords_per_account: Rates = Field(
        ["5 per minute", "10 per 10 minutes", "15 per hour"],
        description="Wrong passwords for an account, from elsewhere than its owner's networks; as"
        " many again from each of these.",
    )
    limit_passwords_per_address: Rates = Field(
        ["20 per minute", "60 per 10 minutes", "200 per hour"],
        description="Wrong passwords from one address.",
    )
    limit_passwords_per_network: Rates = Field(
        ["100 per minute", "1000 per hour"], description="Wrong passwords from one network."
    )
    limit_tokens_per_address: Rates = Field(
        ["30 per minute", "300 per hour"],
        description="Codes, tokens of links and refresh tokens from one address that are wrong.",
    )
    limit_tokens_per_network: Rates = Field(
        ["150 per minute", "1500 per hour"], description="The same from one network."
    )
    limit_mails_per_address: Rates = Field(
        ["20 per minute", "100 per hour"],
        description="Registrations and other requests for mail from one address.",
    )
    limit_mails_per_network: Rates = Field(
        ["100 per minute", "500 per hour"], description="The same from one network."
    )
    limit_mails_per_mailbox: Rates = Field(
        ["3 per 15 minutes", "20 per day"],
        description="Mails to one mailbox for one purpose, whoever asks for them.",
    )
    product_name: str = Field(
        "Colonnade",
        description="Name of the product: no password contains it, and no username is it.",
    )
