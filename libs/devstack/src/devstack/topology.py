"""The parts of Colonnade's stack, from the catalog: servers, migrations, services, gateway."""

import json
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from signal import SIGINT

from devstack import postgres, valkey
from devstack.catalog import Service, load_catalog
from devstack.credentials import keep_credentials
from devstack.environments import SMTP_PORT, Environments
from devstack.gateway import TRAEFIK_ENVIRONMENT, traefik_command, write_config
from devstack.layout import Layout
from devstack.parts import Part
from devstack.ports import keep_ports
from devstack.probes import accepts_connections, answers, lets_in, logged, routes
from devstack.processes import LOOPBACK
from devstack.settings import StackSettings

PROVISION = "provision"
OPS_PORT = "traefik-ops"
HTTP_PROCESSES = ("app", "worker")
_CELERY = {"celery": "worker", "beat": "beat"}
_CELERY_READY = {"celery": r"\bready\.", "beat": r"beat: Starting"}


def external_servers(settings: StackSettings) -> dict[str, str]:
    """The URLs of the servers that are not ours to start, by the part that each replaces."""
    named = {"postgres": settings.database_url, "valkey": settings.redis_url}
    return {name: url for name, url in named.items() if url}


def build_parts(layout: Layout, settings: StackSettings) -> list[Part]:
    """Every part of the stack in `layout`; ports and secrets are made when there are none."""
    services = load_catalog(layout.root)
    names = [service.name for service in services]
    listening = [
        f"{service.name}-{process}"
        for service in services
        for process in service.processes
        if process in HTTP_PROCESSES
    ]
    environments = Environments(
        settings,
        services,
        keep_ports(layout, ["postgres", "valkey", SMTP_PORT, OPS_PORT, *listening]),
        keep_credentials(
            layout,
            passwords=[
                *("postgres", valkey.ADMIN, valkey.BROKER, "links", "encryption"),
                *names,
                *(f"{name}_owner" for name in names),
            ],
            keys=names,
        ),
    )
    return list(_Builder(layout, environments).parts())


@dataclass(frozen=True, slots=True)
class _Builder:
    layout: Layout
    environments: Environments

    def parts(self) -> Iterator[Part]:
        settings = self.environments.settings
        if not settings.database_url:
            yield self._postgres()
        if not settings.redis_url:
            yield self._valkey()
        yield self._mailbox()
        yield self._provision()
        for service in self.environments.services:
            yield self._migrations(service)
            for process in service.processes:
                yield self._process(service, process)
        yield self._traefik()

    def _postgres(self) -> Part:
        port = self.environments.ports["postgres"]
        password = self.environments.credentials.passwords["postgres"]
        return Part(
            "postgres",
            _python("devstack.postgres", str(self.layout.data("postgres")), str(port)),
            self._environment({postgres.PASSWORD_VARIABLE: password}),
            self.layout.root,
            ready=accepts_connections(port),
            port=port,
            url=self.environments.admin_url,
            stop_signal=SIGINT,
            stop_seconds=30,
            hint="`make doctor` checks what PostgreSQL needs; `make reset` starts with no data.",
        )

    def _valkey(self) -> Part:
        port = self.environments.ports["valkey"]
        passwords = {
            name: self.environments.credentials.passwords[name]
            for name in (valkey.ADMIN, valkey.BROKER, *self._names)
        }
        return Part(
            "valkey",
            _python("devstack.valkey", str(self.layout.data("valkey")), str(port)),
            self._environment({valkey.PASSWORDS_VARIABLE: json.dumps(passwords)}),
            self.layout.root,
            ready=lets_in(port, passwords[valkey.ADMIN]),
            port=port,
            url=valkey.Valkey(self.layout.data("valkey"), port, passwords).url(),
        )

    def _mailbox(self) -> Part:
        port = self.environments.settings.mailbox_port
        smtp_port = self.environments.ports[SMTP_PORT]
        return Part(
            "mailbox",
            _python("devstack.mailbox", str(port), str(smtp_port)),
            self._environment({}),
            self.layout.root,
            ready=answers(port),
            port=port,
            url=self.environments.settings.mailbox_url,
            details={"smtp_port": smtp_port},
            hint="MAILBOX_PORT chooses another port.",
        )

    def _provision(self) -> Part:
        return Part(
            PROVISION,
            _python("common.db.provision", *self._names),
            self.environments.provisioning(),
            self.layout.root,
            needs=self._present("postgres"),
            forked=True,
            hint="It needs an administrator of PostgreSQL: DATABASE_URL, or the embedded server.",
        )

    def _migrations(self, service: Service) -> Part:
        return Part(
            f"{service.name}-migrations",
            _python("alembic", "upgrade", "head"),
            self.environments.migrations(service),
            self.layout.root / "services" / service.name,
            needs=[PROVISION],
            forked=True,
            hint="A migration that was edited after it ran needs `make reset`.",
        )

    def _process(self, service: Service, process: str) -> Part:
        name = f"{service.name}-{process}"
        port = self.environments.ports.get(name)
        needs = [f"{service.name}-migrations"]
        if process != "app":
            needs += self._present("valkey")
        if process in _CELERY:
            command = _python(f"{service.package}.celery_app", _CELERY[process])
        else:
            command = _python(f"{service.package}.{process}")
        return Part(
            name,
            command,
            self.environments.process(service, process),
            self.layout.root,
            needs=needs,
            ready=answers(port) if port else logged(_CELERY_READY[process]),
            port=port,
            url=f"http://{LOOPBACK}:{port}" if port else None,
            forked=True,
            stop_seconds=25 if process == "celery" else 15,
            sources=[
                self.layout.root / "services" / service.name / "src",
                self.layout.root / "libs" / "common" / "src",
            ],
            hint=f"services/{service.name}/README.md lists the settings it needs.",
        )

    def _traefik(self) -> Part:
        apps = [f"{name}-app" for name in self._names]
        ports = self.environments.ports
        port = self.environments.settings.gateway_port
        configuration = write_config(
            self.layout.folder / "gateway",
            self.environments.services,
            {name: f"http://{LOOPBACK}:{ports[f'{name}-app']}" for name in self._names},
            address=f"{LOOPBACK}:{port}",
            ops_address=f"{LOOPBACK}:{ports[OPS_PORT]}",
            otlp_endpoint=self.environments.settings.otlp_endpoint,
        )
        return Part(
            "traefik",
            traefik_command(configuration),
            self._environment(TRAEFIK_ENVIRONMENT),
            self.layout.root,
            needs=apps,
            ready=routes(port),
            port=port,
            url=self.environments.settings.gateway_url,
            hint="GATEWAY_PORT chooses another port.",
        )

    @property
    def _names(self) -> list[str]:
        return [service.name for service in self.environments.services]

    def _present(self, server: str) -> list[str]:
        return [] if server in external_servers(self.environments.settings) else [server]

    def _environment(self, further: Mapping[str, str]) -> dict[str, str]:
        return {**self.environments.base(), **further}


def _python(module: str, *arguments: str) -> list[str]:
    return [sys.executable, "-m", module, *arguments]
