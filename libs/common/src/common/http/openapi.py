"""The OpenAPI documents: what is public, what is internal, and problems as the only errors.

`python -m common.http.openapi <package> <folder>` writes what a service commits.
"""

import importlib
import json
import sys
from pathlib import Path
from typing import Any, cast

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute, iter_route_contexts

from common.http.dependencies import UserBearer
from common.http.etag import IF_MATCH, IF_NONE_MATCH, preconditions
from common.http.problem import MEDIA_TYPE, Problem
from common.http.routes import calls_of

INTERNAL_PREFIX = "/internal"
PUBLIC_FILE = "openapi.json"
INTERNAL_FILE = "openapi.internal.json"

_REF = "#/components/schemas/"
_PROBLEM = {MEDIA_TYPE: {"schema": {"$ref": f"{_REF}Problem"}}}
_VALIDATION = "Validation Error"
_PRECONDITIONS = {
    kind: {
        "name": name,
        "in": "header",
        "required": False,
        "description": description,
        "schema": {"type": "string"},
    }
    for kind, name, description in (
        ("read", IF_NONE_MATCH, "Answer 304 if it is still this."),
        ("write", IF_MATCH, "Answer 412 unless it is still this."),
    )
}
_METHODS = {"get", "put", "post", "delete", "options", "head", "patch", "trace"}


def public_document(app: FastAPI) -> dict[str, Any]:
    """Return the document of what the gateway may route."""
    return _document(app, internal=False)


def internal_document(app: FastAPI) -> dict[str, Any]:
    """Return the document of `/internal`, which other services call."""
    return _document(app, internal=True)


def rendered(document: dict[str, Any]) -> str:
    """Return the text that is committed: stable, one line per member."""
    return json.dumps(document, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def _document(app: FastAPI, *, internal: bool) -> dict[str, Any]:
    document = get_openapi(
        title=app.title, version=app.version, description=app.description, routes=app.routes
    )
    document["paths"] = {
        path: operations
        for path, operations in document.get("paths", {}).items()
        if path.startswith(INTERNAL_PREFIX) is internal
    }
    for operations in document["paths"].values():
        for method, operation in operations.items():
            if method in _METHODS:
                _document_problems(operation)
    _document_routes(app, document["paths"])
    _keep_used_components(document)
    return document


def _document_routes(app: FastAPI, paths: dict[str, Any]) -> None:
    """Tell what FastAPI does not know of routes: which headers they read, and tokens they spare."""
    for context in iter_route_contexts(app.routes):
        route = context.original_route
        if isinstance(route, APIRoute):
            operations = paths.get(context.path_format or route.path, {})
            calls = list(calls_of(route.dependant))
            for method in {each.lower() for each in route.methods or ()} & operations.keys():
                if preconditions in calls:
                    parameters = operations[method].setdefault("parameters", [])
                    parameters.append(_PRECONDITIONS["read" if method == "get" else "write"])
                if any(isinstance(call, UserBearer) and not call.required for call in calls):
                    operations[method]["security"].insert(0, {})


def _document_problems(operation: dict[str, Any]) -> None:
    responses = operation["responses"]
    if "422" in responses:
        # FastAPI's own words for it, unless the route has chosen others.
        given = responses["422"]["description"]
        description = "The input is not valid." if given == _VALIDATION else given
        responses["422"] = {"description": description, "content": _PROBLEM}
    if operation.get("security"):
        responses["401"] = {"description": "There is no valid token.", "content": _PROBLEM}
    for status, response in responses.items():
        if status.startswith(("4", "5")):
            response["content"] = _PROBLEM
    responses["default"] = {"description": "A failure.", "content": _PROBLEM}


def _keep_used_components(document: dict[str, Any]) -> None:
    """Leave only the schemas and schemes that the kept paths refer to."""
    components = document.setdefault("components", {})
    schemas = components.get("schemas", {}) | _problem_schemas()
    used: dict[str, Any] = {}
    pending = _references(document["paths"])
    while pending:
        name = pending.pop()
        if name not in used:
            used[name] = schemas[name]
            pending |= _references(schemas[name])
    components["schemas"] = used
    operations = [item for path in document["paths"].values() for item in path.values()]
    schemes = {name for item in operations for need in item.get("security", ()) for name in need}
    kept = {n: s for n, s in components.get("securitySchemes", {}).items() if n in schemes}
    components["securitySchemes"] = kept


def _problem_schemas() -> dict[str, Any]:
    schema = Problem.model_json_schema(ref_template=_REF + "{model}", mode="serialization")
    return {**schema.pop("$defs"), "Problem": schema}


def _references(node: Any) -> set[str]:
    if isinstance(node, list):
        return set().union(*map(_references, node))
    if not isinstance(node, dict):
        return set()
    found = set().union(*map(_references, node.values()))
    reference = node.get("$ref")
    return found | {reference.removeprefix(_REF)} if isinstance(reference, str) else found


def app_of(package: str) -> FastAPI:
    """Return the app of a service, built from defaults alone: enough to describe it."""
    settings_type = importlib.import_module(f"{package}.settings").Settings
    create_app = importlib.import_module(f"{package}.app").create_app
    return cast("FastAPI", create_app(settings_type.model_construct(peers={})))


def write(package: str, folder: Path) -> None:
    """Write the documents of a service; the internal one only if it has such routes."""
    app = app_of(package)
    (folder / PUBLIC_FILE).write_text(rendered(public_document(app)), encoding="utf-8")
    internal = internal_document(app)
    if internal["paths"]:
        (folder / INTERNAL_FILE).write_text(rendered(internal), encoding="utf-8")


if __name__ == "__main__":
    write(sys.argv[1], Path(sys.argv[2]))
