"""The events of a service in `common.contracts`, and the index that names them all.

The index is made from the classes in the modules, so that an event which is there can be used.
"""

import ast
from pathlib import Path
from typing import Final

from devstack.scaffold.errors import ScaffoldError

CONTRACTS: Final = Path("libs/common/src/common/contracts")
GOLDEN: Final = Path("libs/common/tests/contracts/golden")
INDEX: Final = CONTRACTS / "__init__.py"
# What is exported beside the events.
_MECHANISM: Final = {"base": ("Envelope", "Event"), "names": ("WireName", "parse_wire_name")}

_HEAD: Final = '''\
"""Events of the service {service}."""

from typing import ClassVar
from uuid import UUID

from pydantic import Field

from common.contracts.base import Event
'''


def add_contracts(root: Path, service: str, classes: str) -> None:
    """Add event classes to the module of a service, which is made if there is none."""
    path = root / CONTRACTS / f"{service}.py"
    text = path.read_text(encoding="utf-8") if path.exists() else _HEAD.format(service=service)
    path.write_text(f"{text.rstrip()}\n\n\n{classes}", encoding="utf-8")


def remove_contracts(root: Path, service: str) -> None:
    """Remove the events of a service with what freezes them."""
    (root / CONTRACTS / f"{service}.py").unlink(missing_ok=True)
    for golden in (root / GOLDEN).glob(f"{service}.*.json"):
        golden.unlink()


def write_index(root: Path) -> Path:
    """Write the index anew; return its path. Order and line breaks are left to ruff."""
    path = root / INDEX
    path.write_text(index(root), encoding="utf-8")
    return path


def index(root: Path) -> str:
    """Return the text of the index: the docstring that it has, imports, EVENTS and __all__."""
    found = events(root)
    docstring = ast.get_docstring(
        ast.parse((root / INDEX).read_text(encoding="utf-8")), clean=False
    )
    modules = found | _MECHANISM
    imports = [
        f"from common.contracts.{m} import {', '.join(names)}" for m, names in modules.items()
    ]
    classes = sorted(name for names in found.values() for name in names)
    exported = sorted(
        {"EVENTS", *classes, *(name for names in _MECHANISM.values() for name in names)}
    )
    return (
        f'"""{docstring}"""\n\n'
        + "\n".join(imports)
        + f"\n\nEVENTS: tuple[type[Event], ...] = ({', '.join(classes)},)\n"
        + f"\n__all__ = [{', '.join(map(repr, exported))}]\n"
    )


def events(root: Path) -> dict[str, tuple[str, ...]]:
    """Return the classes of events by module.

    Raises:
        ScaffoldError: Two modules have one of the same name.
    """
    found: dict[str, tuple[str, ...]] = {}
    owners: dict[str, str] = {}
    for path in sorted((root / CONTRACTS).glob("*.py")):
        if path.stem in ("__init__", *_MECHANISM):
            continue
        body = ast.parse(path.read_text(encoding="utf-8")).body
        names = tuple(n.name for n in body if isinstance(n, ast.ClassDef) and _is_event(n))
        for name in names:
            other = owners.setdefault(name, path.stem)
            if other != path.stem:
                raise ScaffoldError(f"{other} and {path.stem} both have an event {name}")
        if names:
            found[path.stem] = names
    return found


def _is_event(node: ast.ClassDef) -> bool:
    return any(isinstance(base, ast.Name) and base.id == "Event" for base in node.bases)
