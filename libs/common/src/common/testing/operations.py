"""The operations of an app as its OpenAPI documents tell them, with paths that can be requested."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from fastapi import FastAPI

from common.http.openapi import internal_document, public_document
from common.ids import new_id

JSON = "application/json"


@dataclass(frozen=True, slots=True)
class Operation:
    """One method of one path; `schemas` are the components its document refers to."""

    method: str
    template: str
    document: dict[str, Any]
    schemas: dict[str, Any]

    def path(self, text: str = "sample", **known: str) -> str:
        """Return the path with its parameters filled: ids by new ones, other text by `text`.

        Args:
            text: What stands in place of text.
            known: Values of parameters that are not to be made up.
        """
        values = {item["name"]: _sample(item["schema"], text) for item in self._in("path")}
        return self.template.format_map(values | known)

    @property
    def name(self) -> str:
        return str(self.document["operationId"])

    def needs(self, scheme: str) -> bool:
        """Tell whether a token of this kind is read."""
        return any(scheme in need for need in self.document.get("security", ()))

    def takes(self, parameter: str) -> bool:
        """Tell whether the query has this parameter."""
        return parameter in [item["name"] for item in self._in("query")]

    def body_properties(self) -> list[str] | None:
        """Return the names of the members of the JSON body, None without one."""
        content = self.document.get("requestBody", {}).get("content", {})
        if JSON not in content:
            return None
        schema = content[JSON]["schema"]
        name = schema.get("$ref", "").rpartition("/")[2]
        return list(self.schemas.get(name, schema).get("properties", {}))

    def _in(self, place: str) -> list[dict[str, Any]]:
        return [item for item in self.document.get("parameters", ()) if item["in"] == place]


def public_operations(app: FastAPI) -> list[Operation]:
    """Return what the gateway may route."""
    return _operations(public_document(app))


def internal_operations(app: FastAPI) -> list[Operation]:
    """Return what only services may call."""
    return _operations(internal_document(app))


def _operations(document: dict[str, Any]) -> list[Operation]:
    return [
        Operation(method.upper(), path, operation, document["components"]["schemas"])
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]


def _sample(schema: dict[str, Any], text: str) -> str:
    if schema.get("format") == "uuid":
        return str(new_id())
    return "1" if schema.get("type") == "integer" else quote(text, safe="")
