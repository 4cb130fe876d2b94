"""What the documents are made from: the classes that common and the services define."""

import importlib
import pkgutil
import sys
from dataclasses import dataclass
from pathlib import Path

from common.contracts import Event
from common.errors import AppError
from common.settings import ServiceSettings
from devstack.catalog import Service

# Tests' own errors, and modules that run a program when imported.
_LEFT_OUT = ("testing", "__main__")


@dataclass(frozen=True, slots=True)
class ServiceSource:
    """A service with its settings and the events that its consumers handle."""

    service: Service
    settings: type[ServiceSettings]
    consumes: tuple[type[Event], ...]

    @property
    def name(self) -> str:
        return self.service.name


def read_service(service: Service) -> ServiceSource:
    """Import all of a service, which opens nothing, and return what its documents need."""
    import_all(service.package)
    consumers = sys.modules.get(f"{service.package}.consumers")
    return ServiceSource(
        service=service,
        settings=sys.modules[f"{service.package}.settings"].Settings,
        consumes=tuple(consumers.HANDLERS) if consumers else (),
    )


def import_all(package: str) -> None:
    """Import a package and every module in it."""
    root = importlib.import_module(package)
    for module in pkgutil.walk_packages(root.__path__, f"{package}."):
        if not any(part in _LEFT_OUT for part in module.name.split(".")):
            importlib.import_module(module.name)


def errors_of(package: str) -> list[type[AppError]]:
    """Return the public error classes that an imported package defines, by code and name."""
    found: set[type[AppError]] = set()
    pending = [AppError]
    while pending:
        children = set(pending.pop().__subclasses__())
        pending += children - found
        found |= children
    own = (e for e in found if e.__module__.startswith(f"{package}.") and e.__name__[0] != "_")
    return sorted(own, key=lambda error: (error.code, error.__name__))


def source_file(cls: type) -> Path:
    """Return the file that defines a class."""
    return Path(sys.modules[cls.__module__].__file__ or "").resolve()
