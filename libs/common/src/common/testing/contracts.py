"""Frozen contracts: a golden file per event, and which changes a published event may undergo.

A golden file holds the event's first payload and its JSON schema. Whoever consumes that version
must understand what is sent now, and what logs still hold must be understood by the class of now:
so nothing but a field with a default may be added, and nothing may go.
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel, ValidationError

from common.contracts import EVENTS, Envelope

type Schema = Mapping[str, Any]
type Contracts = Mapping[str, type[BaseModel]]

PUBLISHED: Final[Contracts] = {"envelope": Envelope} | {e.wire_name: e for e in EVENTS}

# What explains a schema to people, what maps names to schemas, and what is plain data.
_WORDS = {"title", "description", "examples"}
_NAMED = {"properties", "$defs"}
_DATA = {"default", "const", "enum"}
_COMPARED_APART = {"properties", "required", "$defs"}


def check_contracts(contracts: Contracts, folder: Path) -> list[str]:
    """Return what is wrong with contracts beside their golden files, one sentence each."""
    golden = _read(folder)
    complaints = [
        f"{name} is gone, but consumers and logs still know it: bring its class back"
        for name in sorted(golden.keys() - contracts.keys())
    ]
    for name, model in contracts.items():
        if name not in golden:
            complaints.append(f"{name} is not frozen yet: run `make docs` and commit its file")
            continue
        complaints += [
            f"{name}: {change}; publish the next version beside it instead"
            for change in _broken(model, golden[name])
        ]
    return complaints


def frozen_files(contracts: Contracts, folder: Path) -> dict[Path, str]:
    """Return the golden files that ought to exist: new contracts and compatible additions too.

    Raises:
        ValueError: A new contract's examples do not make up a payload.
    """
    golden = _read(folder)
    files = {}
    for name, model in contracts.items():
        frozen = golden.get(name) or {"sample": _sample(model)}
        if "schema" not in frozen or not _broken(model, frozen):
            frozen["schema"] = _bare(model.model_json_schema())
        files[folder / f"{name}.json"] = json.dumps(frozen, indent=2, ensure_ascii=False) + "\n"
    return files


def read_sample(folder: Path, name: str) -> dict[str, Any]:
    """Return the golden payload of a contract, without what was added to it later."""
    sample: dict[str, Any] = _read(folder)[name]["sample"]
    return sample


def breaking_changes(old: Schema, new: Schema) -> list[str]:
    """Return what a consumer of `old` would not understand of `new`, or `new` of old payloads."""
    changes = list(_differences("", old, new))
    types = new.get("$defs", {})
    for name, former in old.get("$defs", {}).items():
        if name in types:
            changes += _differences(f"{name}.", former, types[name])
        else:
            changes.append(f"the type {name} is gone")
    return changes


def _differences(prefix: str, old: Schema, new: Schema) -> Iterator[str]:
    before, after = _fields(old), _fields(new)
    for name in before:
        if name not in after:
            yield f"the field {prefix}{name} is gone"
        elif before[name] != after[name]:
            yield f"the field {prefix}{name} changed from {before[name]} to {after[name]}"
    for name in after.keys() - before.keys():
        if name in new.get("required", ()):
            yield f"the new field {prefix}{name} has no default, and older payloads lack it"
    if _rest(old) != _rest(new):
        yield f"{prefix.rstrip('.') or 'the payload'} changed from {_rest(old)} to {_rest(new)}"


def _fields(schema: Schema) -> dict[str, str]:
    """Describe each field: its bare schema, and whether a payload must have it."""
    required = schema.get("required", ())
    return {
        name: json.dumps(_bare(field), sort_keys=True) + (" required" if name in required else "")
        for name, field in schema.get("properties", {}).items()
    }


def _rest(schema: Schema) -> Schema:
    return {key: value for key, value in _bare(schema).items() if key not in _COMPARED_APART}


def _bare(schema: Any) -> Any:
    """Leave out of a schema what only people read."""
    if isinstance(schema, list):
        return [_bare(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    bare = {}
    for key, value in schema.items():
        if key in _NAMED:
            bare[key] = {name: _bare(item) for name, item in value.items()}
        elif key not in _WORDS:
            bare[key] = value if key in _DATA else _bare(value)
    return bare


def _broken(model: type[BaseModel], frozen: Schema) -> list[str]:
    found = breaking_changes(frozen["schema"], model.model_json_schema())
    # A validator or a serializer can change what the schema does not show.
    try:
        sent = model.model_validate(frozen["sample"]).model_dump(mode="json")
    except ValidationError as error:
        found.append(f"its golden sample is refused ({error.errors()[0]['msg']})")
    else:
        if not _contains(sent, frozen["sample"]):
            found.append(f"its golden sample is sent differently: {json.dumps(sent)}")
    return found


def _contains(value: Any, part: Any) -> bool:
    """Tell whether a JSON value is another one, apart from members that objects have besides."""
    if isinstance(value, dict) and isinstance(part, dict):
        return all(name in value and _contains(value[name], part[name]) for name in part)
    if isinstance(value, list) and isinstance(part, list):
        return len(value) == len(part) and all(map(_contains, value, part))
    return bool(value == part)


def _sample(model: type[BaseModel]) -> dict[str, Any]:
    sample = {}
    for name, field in model.model_fields.items():
        if not field.examples:
            raise ValueError(f"{model.__name__}.{name} needs Field(description=…, examples=[…])")
        sample[name] = field.examples[0]
    if model.model_validate(sample).model_dump(mode="json") != sample:
        raise ValueError(f"the examples of {model.__name__} are not written as they are sent")
    return sample


def _read(folder: Path) -> dict[str, dict[str, Any]]:
    return {
        path.stem: json.loads(path.read_text(encoding="utf-8"))
        for path in sorted(folder.glob("*.json"))
    }
