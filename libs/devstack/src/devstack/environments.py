"""The environment of every process of the stack: its own settings and secrets, no others."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit, urlunsplit

from devstack.catalog import Service
from devstack.credentials import Credentials
from devstack.processes import LOOPBACK
from devstack.settings import StackSettings
from devstack.valkey import BROKER, CACHE

DATABASE = "colonnade"
SMTP_PORT = "mailbox-smtp"
# Everybody here has one address, which would soon have asked for too much. What counts by account
# and by mailbox is as it is elsewhere.
_AT_WILL = json.dumps(["100000 per second"])
# Bytecode is worth writing: a start without it takes three times as long.
_DROPPED = {"PYTHONDONTWRITEBYTECODE", "DATABASE_URL", "REDIS_URL", "OTLP_ENDPOINT"}


@dataclass(frozen=True, slots=True)
class Environments:
    settings: StackSettings
    services: tuple[Service, ...]
    ports: Mapping[str, int]
    credentials: Credentials

    @property
    def admin_url(self) -> str:
        """PostgreSQL's administrator."""
        return self.settings.database_url or self._postgres_url("postgres", "postgres")

    def base(self) -> dict[str, str]:
        """The caller's environment without any service's settings."""
        prefixes = tuple(f"{service.prefix}_" for service in self.services)
        return {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(prefixes) and name not in _DROPPED
        } | {"PYTHONUNBUFFERED": "1"}

    def migrations(self, service: Service) -> dict[str, str]:
        """For the step that migrates `service`: its owner's URL only."""
        owner = self._postgres_url(f"{service.name}_owner", self._database)
        return self.base() | {f"{service.prefix}_MIGRATION_DATABASE_URL": owner}

    def provisioning(self) -> dict[str, str]:
        """For the step that creates the database, the roles and the schemas."""
        urls = {"PROVISION_ADMIN_URL": self.admin_url}
        for service in self.services:
            urls[f"{service.prefix}_DATABASE_URL"] = self._app_url(service)
            urls |= self.migrations(service)
        return self.base() | urls

    def process(self, service: Service, process: str) -> dict[str, str]:
        """For a process of `service`; what the caller set with its prefix wins."""
        prefix = f"{service.prefix}_"
        own = {
            "DATABASE_URL": self._app_url(service),
            "STREAMS_URL": self.settings.redis_url or self._valkey_url(service.name, 0),
            "CACHE_URL": self._database_of_redis(service.name, CACHE),
            "TRUSTED_PROXIES": json.dumps([f"{LOOPBACK}/32"]),
            "LIMIT_UNKNOWN_KEYS_PER_NETWORK": _AT_WILL,
            "TOKEN_ISSUER": self.settings.gateway_url,
            "LOG_FORMAT": "console",
            "OTLP_ENDPOINT": self.settings.otlp_endpoint or "",
            **self._extras(service.name),
        }
        if port := self.ports.get(f"{service.name}-{process}"):
            own |= {"HOST": LOOPBACK, "PORT": str(port)}
        chosen = {name: value for name, value in os.environ.items() if name.startswith(prefix)}
        named = {prefix + name: value for name, value in own.items()}
        return self.base() | named | self.speaker(service) | chosen

    def speaker(self, service: Service) -> dict[str, str]:
        """What lets a process speak to the others as `service`."""
        return {
            f"{service.prefix}_INTERNAL_PRIVATE_KEY": self.credentials.keys[service.name],
            f"{service.prefix}_PEERS": self._peers(),
        }

    def _extras(self, service: str) -> dict[str, str]:
        """What one service needs beyond what all need."""
        match service:
            case "auth":
                return {
                    "ENCRYPTION_KEYS": json.dumps([self.credentials.passwords["encryption"]]),
                    "LINK_SECRET": self.credentials.passwords["links"],
                    "PUBLIC_URL": self.settings.gateway_url,
                    **{
                        f"LIMIT_{what}_PER_{by}": _AT_WILL
                        for what in ("MAILS", "PASSWORDS", "TOKENS")
                        for by in ("ADDRESS", "NETWORK")
                    },
                }
            case "notifier":
                return {
                    "BROKER_URL": self._database_of_redis(BROKER, 1),
                    "SMTP_HOST": LOOPBACK,
                    "SMTP_PORT": str(self.ports[SMTP_PORT]),
                }
        return {}

    def _peers(self) -> str:
        return json.dumps(
            {
                service.name: {
                    "url": f"http://{LOOPBACK}:{self.ports[f'{service.name}-app']}",
                    "public_key": self.credentials.public_key(service.name),
                }
                for service in self.services
            }
        )

    def _database_of_redis(self, user: str, number: int) -> str:
        """One database of Redis; of a server that is not ours, counted from the one it names."""
        if self.settings.redis_url is None:
            return self._valkey_url(user, number)
        parts = urlsplit(self.settings.redis_url)
        first = int(parts.path.strip("/") or 0)
        return urlunsplit(parts._replace(path=f"/{first + number}"))

    def _valkey_url(self, user: str, database: int) -> str:
        password = self.credentials.passwords[user]
        return f"redis://{user}:{password}@{LOOPBACK}:{self.ports['valkey']}/{database}"

    @property
    def _database(self) -> str:
        named = urlsplit(self.settings.database_url or "").path.strip("/")
        return named if named not in ("", "postgres") else DATABASE

    def _app_url(self, service: Service) -> str:
        return self._postgres_url(service.schema, self._database)

    def _postgres_url(self, user: str, database: str) -> str:
        address = f"{LOOPBACK}:{self.ports['postgres']}"
        if self.settings.database_url:
            address = urlsplit(self.settings.database_url).netloc.rpartition("@")[2]
        return f"postgresql://{user}:{self.credentials.passwords[user]}@{address}/{database}"
