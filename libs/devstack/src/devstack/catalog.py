"""The one list of services (`colonnade.toml`), typed and frozen; whoever needs it reads it here."""

import os
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

CATALOG_FILE = "colonnade.toml"
PROCESSES = ("app", "worker", "celery", "beat")


class CatalogError(Exception):
    """The catalog is absent, or it contradicts itself."""


@dataclass(frozen=True, slots=True)
class Service:
    name: str
    processes: tuple[str, ...]
    routes: tuple[str, ...]
    emits: bool
    consumes: tuple[str, ...]
    calls: tuple[str, ...]

    @property
    def package(self) -> str:
        """The import name, suffixed so that it never shadows a local variable."""
        return f"{self.name}_service"

    @property
    def prefix(self) -> str:
        """The prefix of this service's environment variables, without the underscore."""
        return self.name.upper()

    @property
    def schema(self) -> str:
        """The PostgreSQL schema, which is also the name of the role with DML only."""
        return self.name


def find_root(start: Path | None = None) -> Path:
    """The checkout that `COLONNADE_ROOT` names, else the nearest one above `start` (the cwd)."""
    if named := os.environ.get("COLONNADE_ROOT"):
        return Path(named).resolve()
    here = (start or Path.cwd()).resolve()
    for folder in (here, *here.parents):
        if (folder / CATALOG_FILE).is_file():
            return folder
    raise CatalogError(f"no {CATALOG_FILE} in {here} or above it; set COLONNADE_ROOT")


def load_catalog(root: Path | None = None) -> tuple[Service, ...]:
    """Read and check the catalog of the checkout at `root` (default: `find_root()`)."""
    path = (root or find_root()) / CATALOG_FILE
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise CatalogError(f"{path} cannot be read: {error.strerror}") from error
    except tomllib.TOMLDecodeError as error:
        raise CatalogError(f"{path}: {error}") from error
    services = tuple(_service(entry) for entry in document.get("service", []))
    _check(services)
    return services


def _service(entry: dict[str, Any]) -> Service:
    try:
        return Service(
            name=entry["name"],
            processes=tuple(entry["processes"]),
            routes=tuple(entry["routes"]),
            emits=entry["emits"],
            consumes=tuple(entry["consumes"]),
            calls=tuple(entry["calls"]),
        )
    except KeyError as error:
        raise CatalogError(f"service {entry.get('name', '?')!r} lacks {error}") from error


def _check(services: tuple[Service, ...]) -> None:
    by_name = {service.name: service for service in services}
    if len(by_name) != len(services):
        raise CatalogError("two services have the same name")
    for service in services:
        if unknown := set(service.processes) - set(PROCESSES):
            raise CatalogError(f"{service.name} has unknown processes: {sorted(unknown)}")
        if unknown := {*service.consumes, *service.calls} - by_name.keys():
            raise CatalogError(f"{service.name} names unknown services: {sorted(unknown)}")
        if silent := [name for name in service.consumes if not by_name[name].emits]:
            raise CatalogError(f"{service.name} consumes {silent}, which emit nothing")
