"""A service in a tree of the platform: its own rooms, and its lines wherever services are listed.

What every service has alike is copied from one that lives; the rest is made from templates.
"""

import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Final

from devstack.catalog import CATALOG_FILE, Service, load_catalog
from devstack.scaffold import contracts
from devstack.scaffold.errors import ScaffoldError
from devstack.scaffold.listing import add_service, remove_service, renamed
from devstack.scaffold.rendering import Templates, migration, write

# The plainest one: it has no setting and no process that others lack.
MODEL: Final = "users"
# The tour, the drills and the other services rest on these.
PLATFORM: Final = ("auth", "users", "posts", "notifier")

LISTING: Final = (
    "docker-compose.yml",
    "pyproject.toml",
    "deploy/k8s/base/kustomization.yaml",
    "deploy/k8s/overlays/local/kustomization.yaml",
    "deploy/k8s/overlays/local/provision/provision.yaml",
)
_MANIFESTS: Final = "deploy/k8s/base"
_COPIED: Final = (
    *("alembic.ini", "pyproject.toml", "migrations/env.py", "migrations/script.py.mako"),
    "tests/conftest.py",
    *(
        f"src/{MODEL}_service/{name}.py"
        for name in (
            *("__init__", "app", "resources", "settings", "models/base"),
            *("api/schemas/__init__", "repositories/__init__", "usecases/__init__"),
        )
    ),
)
_ENTRY: Final = """
[[service]]
name = "{name}"
processes = ["app", "worker"]
routes = ["/api/v1/{name}"]
emits = true
consumes = ["auth"]
calls = ["auth"]
"""
_CALLERS: Final = "tests/callers.toml"
_OWN_ROUTES: Final = re.compile(r"(?<=\[routes\]\n).*?(?=\n# )", re.DOTALL)
_ROW: Final = re.compile(r"\| \[(\w+)\]\(services/\w+/README\.md\) \|.*\n")
_PACKAGE: Final = "\n\n[[package]]\n"


def add(tree: Path, templates: Templates, name: str, owns: str) -> None:
    """Write a service without a slice; `owns` says in the README of all what it will have."""
    known = [service.name for service in load_catalog(tree)]
    folder = tree / "services" / name
    values = {"service": name, "Service": name.capitalize(), "package": f"{name}_service"}
    templates.write_folder("service", folder, values | migration())
    for inside in _COPIED:
        text = (tree / "services" / MODEL / inside).read_text(encoding="utf-8")
        write(folder / renamed(inside, MODEL, name), renamed(text, MODEL, name))
    # What serves operators and other services is the same everywhere.
    callers = (tree / "services" / MODEL / _CALLERS).read_text(encoding="utf-8")
    write(folder / _CALLERS, _OWN_ROUTES.sub("", callers, count=1))
    for manifest in sorted((tree / _MANIFESTS / MODEL).iterdir()):
        text = manifest.read_text(encoding="utf-8")
        write(tree / _MANIFESTS / name / manifest.name, renamed(text, MODEL, name))
    for path in LISTING:
        _edit(tree / path, lambda text: add_service(text, name, model=MODEL, services=known))
    _edit(tree / CATALOG_FILE, lambda text: text.rstrip("\n") + "\n" + _ENTRY.format(name=name))
    _edit(tree / "uv.lock", lambda text: _locked(text, name))
    _edit(tree / "README.md", lambda text: _with_row(text, name, owns))


def remove(tree: Path, name: str) -> None:
    """Remove a service, and its lines wherever services are listed."""
    for folder in (tree / "services" / name, tree / _MANIFESTS / name):
        shutil.rmtree(folder, ignore_errors=True)
    for path in LISTING:
        _edit(tree / path, lambda text: remove_service(text, name))
    _edit(tree / CATALOG_FILE, lambda text: _without_entry(text, name))
    _edit(tree / "uv.lock", lambda text: _unlocked(text, name))
    _edit(tree / "README.md", lambda text: _ROW.sub(lambda row: row[0] * (row[1] != name), text))
    contracts.remove_contracts(tree, name)
    contracts.write_index(tree)


def check_removal(root: Path, name: str) -> None:
    """Let pass a service that nobody would miss.

    Raises:
        ScaffoldError: There is none of that name, it belongs to the platform, or is used.
    """
    services = load_catalog(root)
    if name not in [service.name for service in services]:
        raise ScaffoldError(f"there is no service {name!r}")
    if name in PLATFORM:
        raise ScaffoldError(f"{name} belongs to the platform: the tour and the drills need it")
    for service in services:
        if name in service.consumes or name in service.calls:
            raise ScaffoldError(
                f"{service.name} consumes or calls {name}", f"Change {service.name} first."
            )
    events = contracts.events(root).get(name, ())
    for service in services:
        if service.name != name and (used := _used(root, service, events)):
            raise ScaffoldError(f"{used} uses {name}'s events", f"Change {service.name} first.")


def _used(root: Path, service: Service, events: tuple[str, ...]) -> str | None:
    for path in sorted((root / "services" / service.name).rglob("*.py")):
        words = set(re.findall(r"\w+", path.read_text(encoding="utf-8")))
        if words & set(events):
            return str(path.relative_to(root))
    return None


def _edit(path: Path, change: Callable[[str], str]) -> None:
    path.write_text(change(path.read_text(encoding="utf-8")), encoding="utf-8")


def _without_entry(text: str, name: str) -> str:
    head, *entries = text.split("\n[[service]]\n")
    kept = [entry for entry in entries if not entry.startswith(f'name = "{name}"\n')]
    return "\n[[service]]\n".join([head, *kept])


def _with_row(text: str, name: str, owns: str) -> str:
    rows = list(_ROW.finditer(text))
    if not rows:
        return text  # A team has its own README.
    row = f"| [{name}](services/{name}/README.md) | {owns} | app, worker |\n"
    return text[: rows[-1].end()] + row + text[rows[-1].end() :]


def _locked(text: str, name: str) -> str:
    """Return the lock with a package that needs what the model needs; its entries are sorted."""
    head, *packages = text.rstrip("\n").split(_PACKAGE)
    members = re.search(r"\nmembers = \[\n((?: .*\n)+)\]", head)
    own = [each for each in packages if each.startswith(f'name = "{MODEL}-service"\n')]
    if members is None or not own:
        raise ScaffoldError(f"uv.lock does not know {MODEL}-service", "Run `uv lock` first.")
    lines = sorted([*members[1].splitlines(keepends=True), f'    "{name}-service",\n'])
    head = head[: members.start(1)] + "".join(lines) + head[members.end(1) :]
    new = renamed(own[0], MODEL, name)
    first = new.partition("\n")[0]
    before = [each for each in packages if each.partition("\n")[0] < first]
    return _PACKAGE.join([head, *before, new, *packages[len(before) :]]) + "\n"


def _unlocked(text: str, name: str) -> str:
    head, *packages = text.rstrip("\n").split(_PACKAGE)
    head = head.replace(f'    "{name}-service",\n', "")
    kept = [each for each in packages if not each.startswith(f'name = "{name}-service"\n')]
    return _PACKAGE.join([head, *kept]) + "\n"
