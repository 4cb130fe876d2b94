"""Answers written by orjson from documents: dicts that repositories make of rows at once.

What a repository read has the types of its columns. To validate it and to serialise the models
takes ten times as long (ADR 15), so a schema is only compared with its documents, once.
"""

from collections.abc import Mapping
from typing import Any, Protocol, get_args, get_type_hints, is_typeddict

import orjson
from fastapi import Response
from pydantic import BaseModel


class Shown(Protocol):
    """What a repository makes of a row: its document, and values that change whenever it does."""

    @property
    def document(self) -> Any: ...

    @property
    def version(self) -> tuple[Any, ...]: ...


def agree(model: type[BaseModel], document: Any) -> None:
    """Make sure that a document, a `TypedDict`, has the members that its schema declares.

    Raises:
        TypeError: It has others, or the schema says more than names: an alias, a computed field, a
            serializer.
    """
    decorators = model.__pydantic_decorators__
    custom = decorators.field_serializers or decorators.model_serializers
    if custom or model.model_computed_fields or any(map(_is_renamed, model.model_fields.values())):
        raise TypeError(f"{model.__name__} cannot be a document as it is")
    members = get_type_hints(document)
    if list(members) != list(model.model_fields):
        raise TypeError(f"{document.__name__} has not the members of {model.__name__}")
    for name, field in model.model_fields.items():
        inner, shown = _one_of(field.annotation, _is_model), _one_of(members[name], is_typeddict)
        if (inner is None) != (shown is None):
            raise TypeError(f"{document.__name__}.{name} is not what {model.__name__} says")
        if inner is not None:
            agree(inner, shown)


def json_response(
    document: Any, *, status_code: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    """Return an answer with a document, whose times are written as Pydantic writes them."""
    body = orjson.dumps(document, default=str, option=orjson.OPT_UTC_Z)
    return Response(body, status_code, headers, "application/json")


def _is_renamed(field: Any) -> bool:
    return bool(field.serialization_alias or field.exclude)


def _is_model(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseModel)


def _one_of(annotation: Any, wanted: Any) -> Any:
    """Return the type of a field, which may be null, if it is a wanted one."""
    return next((kind for kind in (annotation, *get_args(annotation)) if wanted(kind)), None)
