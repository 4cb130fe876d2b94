"""A further slice through all rooms of a service: what one is, and where it joins what is there."""

import ast
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final, Self

from devstack.scaffold import contracts
from devstack.scaffold.errors import ScaffoldError
from devstack.scaffold.names import Aggregate
from devstack.scaffold.python_source import (
    add_before,
    add_import,
    add_item,
    add_leaf,
    add_member,
    has_class,
)
from devstack.scaffold.rendering import Templates, migration

_ROOMS: Final = ("api", "api/schemas", "models", "repositories", "usecases")
_ROUTES: Final = "[routes]\n"
_INTERNAL_ROUTES: Final = "| `/internal/*` |"


def check_aggregate(root: Path, aggregate: Aggregate) -> None:
    """Let pass what a service that is there may get.

    Raises:
        ScaffoldError: It has one of that name, or it is not like the services that are made here.
    """
    source = _source(root, aggregate.service)
    if not (source / "models/accounts.py").exists():
        raise ScaffoldError(
            f"{aggregate.service} keeps no accounts, to which a slice would refer",
            "Slices are for services that `make service` has made.",
        )
    for room in _ROOMS:
        path = source / room / f"{aggregate.many}.py"
        if path.exists():
            raise ScaffoldError(f"{path.relative_to(root)} is there already")
    if any(f'/{aggregate.service}/{aggregate.path}"' in text for text in _texts(source / "api")):
        raise ScaffoldError(f"/api/v1/{aggregate.service}/{aggregate.path} is there already")
    if any(has_class(text, aggregate.class_name) for text in _texts(source / "models")):
        raise ScaffoldError(f"{aggregate.service} has a model {aggregate.class_name} already")


def check_platform_names(root: Path, aggregate: Aggregate) -> None:
    """Let pass what nothing on the platform is called: events and bodies are named for all of it.

    Raises:
        ScaffoldError: Something is.
    """
    known = {each: owner for owner, names in contracts.events(root).items() for each in names}
    documents = json.loads((root / "docs/openapi.json").read_text(encoding="utf-8"))
    known |= dict.fromkeys(documents["components"]["schemas"], "the document of all services")
    for suffix in ("Changed", "Deleted", "Create", "Update", "Read"):
        name = f"{aggregate.class_name}{suffix}"
        if name in known:
            raise ScaffoldError(
                f"there is a {name} on the platform already: {known[name]} has it",
                f"Say whose it is: {aggregate.service}_{aggregate.one}.",
            )


def add_aggregate(tree: Path, templates: Templates, aggregate: Aggregate) -> None:
    """Write a slice into the service in `tree`."""
    folder = tree / "services" / aggregate.service
    source = _source(tree, aggregate.service)
    values = {
        **migration(),
        **aggregate.spellings(),
        "service": aggregate.service,
        "package": source.name,
        "down_revision": head_of(folder / "migrations/versions"),
    }
    templates.write_folder("aggregate", folder, values)
    classes = templates.part("contract.py", values)
    contracts.add_contracts(tree, aggregate.service, classes)
    contracts.write_index(tree)
    _join(source, templates, aggregate, values)
    _decide(folder / "tests", templates.part("callers.toml", values), values)
    readme = folder / "README.md"
    readme.write_text(_described(readme.read_text("utf-8"), aggregate), encoding="utf-8")


def head_of(versions: Path) -> str:
    """Return the revision that no other one follows.

    Raises:
        ScaffoldError: The history has no head, or several.
    """
    found: dict[str, str | None] = {}
    for text in _texts(versions):
        values = {
            node.target.id: ast.literal_eval(node.value)
            for node in ast.parse(text).body
            if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.value
        }
        found[values["revision"]] = values["down_revision"]
    heads = found.keys() - set(found.values())
    if len(heads) != 1:
        raise ScaffoldError(f"the migrations in {versions.parent.parent.name} have no single head")
    return heads.pop()


def _join(
    source: Path, templates: Templates, aggregate: Aggregate, values: Mapping[str, str]
) -> None:
    one, many, package = aggregate.class_name, aggregate.many, source.name
    collection = values["Many"]
    with _edited(source / "api/__init__.py") as edit:
        edit.text = add_item(edit.text, "routers", many)
        edit.text = add_import(edit.text, f"from {package}.api.{many} import router as {many}")
    with _edited(source / "api/snapshots.py") as edit:
        row = f"{one}Changed: Snapshot(_read_{many}, lambda row: [row.{aggregate.one}_id])"
        edit.text = add_item(edit.text, "router", row)
        edit.text = add_before(edit.text, "router", templates.part("snapshot.py", values))
        edit.text = add_import(edit.text, f"from common.contracts import {one}Changed")
        edit.text = add_import(edit.text, f"from {package}.usecases import {many}")
    with _edited(source / "models/__init__.py") as edit:
        edit.text = add_item(edit.text, "__all__", f'"{one}"')
        edit.text = add_import(edit.text, f"from {package}.models.{many} import {one}")
    with _edited(source / "unit_of_work.py") as edit:
        edit.text = add_member(edit.text, "Tx", f"{many}: {collection}", f"{collection}(session)")
        edit.text = add_import(edit.text, f"from {package}.repositories.{many} import {collection}")
    with _edited(source / "errors.py") as edit:
        leafy = add_leaf(edit.text, "NotFound", f"{one}NotFound")
        edit.text = f"{leafy.rstrip()}\n\n\n{templates.part('errors.py', values)}"


def _decide(tests: Path, decisions: str, values: Mapping[str, str]) -> None:
    """Say who may call the routes, and let everybody try."""
    with _edited(tests / "callers.toml") as edit:
        if _ROUTES not in edit.text:
            raise ScaffoldError("there is no table of routes any more")
        edit.text = edit.text.replace(_ROUTES, _ROUTES + decisions, 1)
    one, home = values["one"], f"/api/v1/{values['service']}/{values['path']}"
    with _edited(tests / "test_callers.py") as edit:
        edit.text = add_item(edit.text, "MADE", f'"{one}_id": ("{home}", {{"title": "One"}})')
        bodies = f'"create_{one}": {{"title": "One"}}, "edit_{one}": {{"title": "Two"}}'
        edit.text = add_item(edit.text, "BODIES", bodies)


class _edited:  # noqa: N801 - it reads as a statement, like contextlib's own.
    """A file that is being changed; an error says which one it is."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.text = path.read_text(encoding="utf-8")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _type: object, error: BaseException | None, _trace: object) -> None:
        if isinstance(error, ScaffoldError | SyntaxError):
            place = "/".join(self._path.parts[-3:])
            raise ScaffoldError(f"{place}: {error}") from error
        if error is None:
            self._path.write_text(self.text, encoding="utf-8")


def _described(text: str, aggregate: Aggregate) -> str:
    """Return the README of a service with what it has from now on."""
    service, one, address = (
        aggregate.service,
        aggregate.one,
        f"{aggregate.service}/{aggregate.path}",
    )
    routes = "".join(
        f"| `{method} /api/v1/{address}{rest}` | {answer} |\n"
        for method, rest, answer in (
            ("POST", "", f"201 with {aggregate.with_article} and its `Location`"),
            ("GET", "", "the caller's own, newest first; pages by `limit` and `cursor`"),
            ("GET", "/{id}", f"one; ETag and 304; 404 `{service}.{one}_not_found`"),
            ("PATCH", "/{id}", "the changed one; 412 when `If-Match` names another version"),
            ("DELETE", "/{id}", "204; refusals as above"),
        )
    )
    if _INTERNAL_ROUTES not in text or "\n## Consumes\n" not in text:
        raise ScaffoldError(f"the README of {service} has no table of routes any more")
    text = text.replace(_INTERNAL_ROUTES, routes + _INTERNAL_ROUTES, 1)
    told = (
        f"- `{service}.{one}_changed.v1`: {aggregate.with_article} was made or changed; "
        f"`{service}.{one}_deleted.v1`: it is gone. The key is its id.\n"
    )
    before, after = re.split(r"\n(?=## Consumes\n)", text, maxsplit=1)
    return f"{before.rstrip()}\n{told}\n{after}"


def _source(root: Path, service: str) -> Path:
    return root / "services" / service / "src" / f"{service}_service"


def _texts(folder: Path) -> Iterator[str]:
    for path in sorted(folder.rglob("*.py")):
        yield path.read_text(encoding="utf-8")
