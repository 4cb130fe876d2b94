"""docs/settings.md: each variable that a service reads, once for what all services share."""

from collections.abc import Iterable, Sequence

from common.settings import ServiceSettings
from devstack.documents.markdown import code, json_block, page, table
from devstack.documents.schemas import Schema, default_words, is_secret, type_words
from devstack.documents.sources import ServiceSource

_INTRODUCTION = """\
Each process reads its settings from environment variables when it starts, and refuses to start when
one is missing or malformed. A service's variables have its prefix; lists, maps and objects are
written as JSON. Secrets have no default and appear in no log. `make up` sets what a service needs;
compose and the manifests below `deploy` show a complete set.

Migrations run apart from the service, as the role that owns the schema: they read
`<PREFIX>_MIGRATION_DATABASE_URL` (secret, required) and nothing else."""

# A longer default stands below its table.
_LONGEST_DEFAULT = 60


def render(services: Sequence[ServiceSource]) -> str:
    """Return the document."""
    shared = ServiceSettings.model_json_schema()
    prefixes = table(
        ["service", "prefix"],
        [[s.name, code(s.settings.model_config.get("env_prefix", ""))] for s in services],
    )
    return page(
        "Settings",
        _INTRODUCTION,
        prefixes,
        "## Every service",
        _section("<PREFIX>_", shared, shared["properties"]),
        *(_own(service, shared) for service in services),
    )


def _own(service: ServiceSource, shared: Schema) -> str:
    schema = service.settings.model_json_schema()
    fields = schema["properties"]
    own = [name for name in fields if fields[name] != shared["properties"].get(name)]
    prefix = service.settings.model_config.get("env_prefix", "")
    body = _section(prefix, schema, own) if own else "Nothing beside what every service reads."
    return f"## {service.name}\n\n{body}"


def _section(prefix: str, schema: Schema, names: Iterable[str]) -> str:
    rows, below = [], []
    types = schema.get("$defs", {})
    for name in names:
        field = schema["properties"][name]
        variable, default = code(prefix + name.upper()), default_words(name, schema)
        if len(default) > _LONGEST_DEFAULT:
            below.append(f"Default of {variable}:\n\n{json_block(field['default'])}")
            default = "below"
        secret = "yes" if is_secret(field) else ""
        # What is not set is absent: the environment knows no null.
        words = type_words(field, types).removesuffix(" or null")
        rows.append([variable, words, default, secret, field["description"]])
    header = ["variable", "type", "default", "secret", "description"]
    return "\n\n".join([table(header, rows), *below])
