"""Files of secrets that are there already: what came later is added, and nothing is changed.

Databases know the passwords in them. A service that is new gets its own, and its lines in what all
have in common: the peers, and the users of Valkey.
"""

import json
import shutil
from base64 import b64decode
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final
from urllib.parse import unquote, urlsplit

import yaml
from dotenv import dotenv_values, set_key

from devstack.credentials import Credentials
from devstack.gateway.traefik import to_yaml

PEERS: Final = "PEERS"
VALKEY_ACL: Final = "VALKEY_ACL"
POSTGRES_PASSWORD: Final = "POSTGRES_PASSWORD"  # noqa: S105 — the name of a variable.
_KEY: Final = "_INTERNAL_PRIVATE_KEY"
# Where values stand as text; those that somebody put into the `data` of a Secret are in base64.
_FIELDS: Final = {"Secret": "stringData", "ConfigMap": "data"}
# How passwords of a server's users are called; a mail server may know somebody of the same name.
_SERVERS: Final = {"postgresql": "", "redis": "valkey-"}


def known_credentials(variables: Mapping[str, str]) -> Credentials:
    """Return the passwords and keys that variables of a deployment tell."""
    found = Credentials({}, {})
    for name, value in variables.items():
        if name.endswith(_KEY):
            found.keys[name.removesuffix(_KEY).lower()] = value
        elif name == POSTGRES_PASSWORD:
            found.passwords["postgres"] = value
        elif name.endswith("_URL"):
            url = urlsplit(value)
            if url.scheme in _SERVERS and url.username and url.password:
                found.passwords[f"{_SERVERS[url.scheme]}{url.username}"] = unquote(url.password)
    return found


def merged(known: Mapping[str, str], wanted: Mapping[str, str]) -> dict[str, str]:
    """Return what is known with what it lacks."""
    found = {**wanted, **known}
    if PEERS in known and PEERS in wanted:
        peers, all_peers = json.loads(known[PEERS]), json.loads(wanted[PEERS])
        if all_peers.keys() - peers.keys():
            found[PEERS] = json.dumps(all_peers | peers)
    if VALKEY_ACL in known and VALKEY_ACL in wanted:
        users = {_user(line) for line in known[VALKEY_ACL].splitlines()}
        lines = [line for line in wanted[VALKEY_ACL].splitlines() if _user(line) not in users]
        found[VALKEY_ACL] = "\n".join([known[VALKEY_ACL].rstrip("\n"), *lines])
    return found


def read_dotenv(path: Path) -> dict[str, str]:
    """Return the variables of compose's `.env` that have a value."""
    found = dotenv_values(path, interpolate=False)
    return {name: value for name, value in found.items() if value}


def extend_dotenv(path: Path, wanted: Mapping[str, str]) -> list[str]:
    """Add to `.env` what it lacks, all or nothing; return the names of what is new in it."""
    known = read_dotenv(path)
    changed = _changed(known, merged(known, wanted))
    if changed:
        with _draft(path) as draft:
            shutil.copy2(path, draft)
            for name, value in changed.items():
                # Not quoted by the library: compose takes what single quotes hold as it stands.
                set_key(draft, name, f"'{value}'", quote_mode="never")
            draft.replace(path)
    return list(changed)


def read_manifest(path: Path) -> dict[str, str]:
    """Return the variables of all Secrets and ConfigMaps of a file."""
    found: dict[str, str] = {}
    for document in _documents(path):
        found |= _values(document)
    return found


def extend_manifest(path: Path, wanted: Sequence[dict[str, Any]]) -> list[str]:
    """Add to a file of Secrets what it lacks, all or nothing; return the names of what is new."""
    documents = {_identity(document): document for document in _documents(path)}
    names: list[str] = []
    for document in wanted:
        field = _FIELDS[document["kind"]]
        known = documents.setdefault(_identity(document), {**document, field: {}})
        changed = _changed(_values(known), merged(_values(known), _values(document)))
        if changed:
            known[field] = (known.get(field) or {}) | changed
            names += changed
    if names:
        with _draft(path) as draft:
            shutil.copy2(path, draft)
            draft.write_text(to_yaml(*documents.values()), encoding="utf-8")
            draft.replace(path)
    return list(dict.fromkeys(names))


def write_new(path: Path, text: str) -> None:
    """Write a file for its owner alone, all or nothing.

    Raises:
        FileExistsError: It is there.
    """
    with _draft(path) as draft:
        draft.touch(mode=0o600)
        draft.write_text(text, encoding="utf-8")
        path.hardlink_to(draft)


@contextmanager
def _draft(path: Path) -> Iterator[Path]:
    """Where to write what takes the place of a file at once: half a file would count as whole."""
    with TemporaryDirectory(dir=path.parent, prefix=".secrets-") as folder:
        yield Path(folder) / path.name


def _changed(known: Mapping[str, str], wanted: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in wanted.items() if known.get(name) != value}


def _user(line: str) -> str:
    return line.split()[1] if line.startswith("user ") else ""


def _documents(path: Path) -> list[dict[str, Any]]:
    return [each for each in yaml.safe_load_all(path.read_text(encoding="utf-8")) if each]


def _identity(document: Mapping[str, Any]) -> tuple[str, str]:
    return document["kind"], document["metadata"]["name"]


def _values(document: Mapping[str, Any]) -> dict[str, str]:
    """Return what a Secret or a ConfigMap holds; the rest of a file is none of ours."""
    plain = document.get(_FIELDS.get(document["kind"], "")) or {}
    if document["kind"] != "Secret":
        return dict(plain)
    coded = document.get("data") or {}
    return {name: b64decode(value).decode() for name, value in coded.items()} | plain
