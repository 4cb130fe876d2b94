"""JSON schema in words, for people: the types of fields, and which are required or secret."""

import json
from collections.abc import Mapping
from typing import Any

type Schema = Mapping[str, Any]

_FORMATS = {"uuid": "UUID", "date-time": "time (RFC 3339)"}
_LIMITS = {
    "minimum": "at least",
    "exclusiveMinimum": "more than",
    "maximum": "at most",
    "exclusiveMaximum": "less than",
    "minLength": "length at least",
    "maxLength": "length at most",
    "pattern": "pattern",
}


def type_words(schema: Schema, types: Schema) -> str:
    """Describe the type of a field; `types` are the `$defs` of the schema it stands in."""
    words = _type_words(schema, types)
    limits = [f"{text} {schema[key]}" for key, text in _LIMITS.items() if key in schema]
    return ", ".join([words, *limits])


def is_secret(schema: Schema) -> bool:
    """Tell whether a field holds a secret: something that is never shown."""
    return "writeOnly" in schema or any(map(is_secret, schema.get("anyOf", ())))


def default_words(name: str, schema: Schema) -> str:
    """Show the default of the field `name` of an object's schema, or that it is required."""
    field = schema["properties"][name]
    if name in schema.get("required", ()):
        return "required"
    default = field.get("default")
    if default is None:
        return "none"
    # Text stands without quotes, as in the environment, unless there is nothing to see.
    plain = isinstance(default, str) and default
    text = default if plain else json.dumps(default, ensure_ascii=False)
    return f"`{text}`"


def _type_words(schema: Schema, types: Schema) -> str:
    if "$ref" in schema:
        return type_words(types[schema["$ref"].rpartition("/")[2]], types)
    if "anyOf" in schema:
        return " or ".join(type_words(part, types) for part in schema["anyOf"])
    if values := schema.get("enum", [schema["const"]] if "const" in schema else []):
        return " or ".join(f"`{value}`" for value in values)
    match schema.get("type", "anything"):
        case "array":
            return f"list of {type_words(schema.get('items', {}), types)}"
        case "object":
            return _object_words(schema, types)
        case kind:
            return _FORMATS.get(schema.get("format", ""), "text" if kind == "string" else str(kind))


def _object_words(schema: Schema, types: Schema) -> str:
    if fields := schema.get("properties"):
        return "{" + ", ".join(f"`{n}`: {type_words(f, types)}" for n, f in fields.items()) + "}"
    members = schema.get("additionalProperties")
    return f"map of {type_words(members, types)}" if isinstance(members, dict) else "object"
