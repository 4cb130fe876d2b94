"""Secrets for the container topologies: compose's `.env`, Kubernetes' local overlay.

Both name the same servers by the same host names, so one set of variables fits both.
"""

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from devstack.catalog import Service, find_root, load_catalog
from devstack.credentials import Credentials, keep_credentials
from devstack.gateway.traefik import to_yaml
from devstack.layout import Layout, write_json
from devstack.secret_files import (
    PEERS,
    POSTGRES_PASSWORD,
    VALKEY_ACL,
    extend_dotenv,
    extend_manifest,
    known_credentials,
    read_dotenv,
    read_manifest,
    write_new,
)
from devstack.valkey import ADMIN, BROKER, CACHE, acl_rules

APP_PORT = 8000
DATABASE = "colonnade"
OUTPUTS = {"compose": ".env", "kubernetes": "deploy/k8s/overlays/local/secrets.yaml"}
SERVERS = (POSTGRES_PASSWORD, VALKEY_ACL)
NOTHING_KNOWN = Credentials({}, {})


def fresh_credentials(
    services: Sequence[Service], known: Credentials = NOTHING_KNOWN
) -> Credentials:
    """Passwords and keys that no other deployment has, beside those known; none is kept."""
    names = [service.name for service in services]
    roles = [role for name in names for role in (name, f"{name}_owner")]
    users = [f"valkey-{user}" for user in (ADMIN, BROKER, *names)]
    with TemporaryDirectory() as folder:
        layout = Layout(find_root(), Path(folder))
        write_json(layout.secrets, {"passwords": known.passwords, "keys": known.keys})
        return keep_credentials(
            layout,
            passwords=["postgres", "link", "encryption", *roles, *users],
            keys=names,
        )


def secret_variables(services: Sequence[Service], credentials: Credentials) -> dict[str, str]:
    """Every variable of the deployment that is secret or differs with each set of keys."""
    names = [service.name for service in services]
    users = {user: credentials.passwords[f"valkey-{user}"] for user in (ADMIN, BROKER, *names)}
    variables = {
        POSTGRES_PASSWORD: credentials.passwords["postgres"],
        "PROVISION_ADMIN_URL": _postgres_url(credentials, "postgres", "postgres"),
        VALKEY_ACL: "\n".join(acl_rules(users)),
        PEERS: json.dumps({name: _peer(name, credentials) for name in names}),
    }
    for service in services:
        name, prefix = service.name, service.prefix
        variables |= {
            f"{prefix}_DATABASE_URL": _postgres_url(credentials, name),
            f"{prefix}_MIGRATION_DATABASE_URL": _postgres_url(credentials, f"{name}_owner"),
            f"{prefix}_STREAMS_URL": _valkey_url(credentials, name, 0),
            f"{prefix}_CACHE_URL": _valkey_url(credentials, name, CACHE),
            f"{prefix}_INTERNAL_PRIVATE_KEY": credentials.keys[name],
        }
    return variables | {
        "AUTH_ENCRYPTION_KEYS": json.dumps([credentials.passwords["encryption"]]),
        "AUTH_LINK_SECRET": credentials.passwords["link"],
        "NOTIFIER_BROKER_URL": _valkey_url(credentials, BROKER, 1),
    }


def _peer(name: str, credentials: Credentials) -> dict[str, str]:
    return {
        "url": f"http://{name}-app:{APP_PORT}",
        "public_key": credentials.public_key(name),
    }


def _postgres_url(credentials: Credentials, role: str, database: str = DATABASE) -> str:
    return f"postgresql://{role}:{credentials.passwords[role]}@postgres:5432/{database}"


def _valkey_url(credentials: Credentials, user: str, database: int) -> str:
    return f"redis://{user}:{credentials.passwords[f'valkey-{user}']}@valkey:6379/{database}"


def dotenv(variables: Mapping[str, str]) -> str:
    """The text of compose's `.env`: single quotes, within which nothing is special."""
    return "".join(f"{name}='{value}'\n" for name, value in variables.items())


def kubernetes_secrets(
    services: Sequence[Service], variables: Mapping[str, str]
) -> list[dict[str, Any]]:
    """The Secrets that the manifests name; who migrates is told apart from who serves."""
    resources = [
        _config("Secret", "servers-secrets", {name: variables[name] for name in SERVERS}),
        _config("ConfigMap", "peers", {PEERS: variables[PEERS]}),
    ]
    provisioning = {"PROVISION_ADMIN_URL": variables["PROVISION_ADMIN_URL"]}
    for service in services:
        own = {k: v for k, v in variables.items() if k.startswith(f"{service.prefix}_")}
        migration = f"{service.prefix}_MIGRATION_DATABASE_URL"
        provisioning |= {key: own[key] for key in (f"{service.prefix}_DATABASE_URL", migration)}
        owner = {migration: own.pop(migration)}
        resources.append(_config("Secret", f"{service.name}-secrets", own))
        resources.append(_config("Secret", f"{service.name}-migration-secrets", owner))
    return [*resources, _config("Secret", "provision-secrets", provisioning)]


def _config(kind: str, name: str, values: dict[str, str]) -> dict[str, Any]:
    field = "stringData" if kind == "Secret" else "data"
    return {"apiVersion": "v1", "kind": kind, "metadata": {"name": name}, field: values}


def render(target: str, services: Sequence[Service]) -> str:
    """The text of the file for `target`, with fresh secrets."""
    variables = secret_variables(services, fresh_credentials(services))
    if target == "compose":
        return dotenv(variables)
    return to_yaml(*kubernetes_secrets(services, variables))


def extend(target: str, path: Path, services: Sequence[Service]) -> list[str]:
    """Add to the file for `target` what it lacks; return the names of what is new in it."""
    compose = target == "compose"
    known = known_credentials((read_dotenv if compose else read_manifest)(path))
    variables = secret_variables(services, fresh_credentials(services, known))
    if compose:
        return extend_dotenv(path, variables)
    return extend_manifest(path, kubernetes_secrets(services, variables))


def main() -> int:
    """`python -m devstack.deployment compose|kubernetes`: write the file, or what it lacks."""
    parser = argparse.ArgumentParser(prog="python -m devstack.deployment")
    parser.add_argument("target", choices=OUTPUTS)
    target = parser.parse_args().target
    path = find_root() / OUTPUTS[target]
    if not path.exists():
        write_new(path, render(target, load_catalog()))
        print(f"{path} holds fresh secrets, for you alone.")
    elif added := extend(target, path, load_catalog()):
        print(f"{path} has got {', '.join(added)}; the rest stays, as databases know it.")
    else:
        print(f"{path} has all that is needed and stays: the databases know the passwords in it.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
