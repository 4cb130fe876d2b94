"""Answers made of views as their schemas say, without being validated once more.

What a repository read has the types of its columns. To validate it and to serialise the models
takes five times as long as to name its values and to let orjson write them (ADR 15).
"""

from collections.abc import Callable, Mapping
from operator import attrgetter
from typing import Any, get_args

import orjson
from fastapi import Response
from pydantic import BaseModel

type Document = dict[str, Any]


def renderer(model: type[BaseModel]) -> Callable[[Any], Document]:
    """Return what makes the document of a schema from a view that has its fields as attributes.

    Raises:
        TypeError: The schema says more than names: an alias, a computed field, a serializer.
    """
    decorators = model.__pydantic_decorators__
    custom = decorators.field_serializers or decorators.model_serializers
    if custom or model.model_computed_fields or any(map(_is_renamed, model.model_fields.values())):
        raise TypeError(f"{model.__name__} cannot be rendered from attributes alone")
    names = tuple(model.model_fields)
    nested = {
        name: renderer(inner)
        for name, field in model.model_fields.items()
        if (inner := _model_in(field.annotation)) is not None
    }

    # Of one name it would return the value itself.
    values_of = attrgetter(*names, "__class__")

    def render(view: Any) -> Document:
        document = dict(zip(names, values_of(view), strict=False))
        for name, render_inner in nested.items():
            if document[name] is not None:
                document[name] = render_inner(document[name])
        return document

    return render


def json_response(
    document: Document, *, status_code: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    """Return an answer with a document, whose times are written as Pydantic writes them."""
    body = orjson.dumps(document, default=str, option=orjson.OPT_UTC_Z)
    return Response(body, status_code, headers, "application/json")


def _is_renamed(field: Any) -> bool:
    return bool(field.serialization_alias or field.exclude)


def _model_in(annotation: Any) -> type[BaseModel] | None:
    """Return the schema of a field, which may be null."""
    kinds = [kind for kind in (annotation, *get_args(annotation)) if isinstance(kind, type)]
    return next((kind for kind in kinds if issubclass(kind, BaseModel)), None)
