"""Traefik's static and dynamic configuration files, for the native stack and for compose."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import yaml

from devstack.binaries import traefik
from devstack.catalog import Service
from devstack.gateway.table import ANY_APP, TRANSPORTS, Config, middlewares, routes

READ_TIMEOUT = "20s"
# Its heap is small, so that by default it collects garbage some ten times a second under load: a
# tenth of its work, for some 50 MiB.
TRAEFIK_ENVIRONMENT = {"GOGC": "400"}
ENCODED_CHARACTERS = (
    "BackSlash",
    "Hash",
    "NullCharacter",
    "Percent",
    "QuestionMark",
    "Semicolon",
    "Slash",
)


def static_config(
    *,
    address: str,
    dynamic: str,
    tls_address: str | None = None,
    ops_address: str | None = None,
    read_timeout: str = READ_TIMEOUT,
    otlp_endpoint: str | None = None,
) -> Config:
    """Traefik's static configuration.

    Args:
        address: `host:port` of the plain HTTP entry point.
        dynamic: the folder with the dynamic configuration.
        tls_address: `host:port` of the TLS entry point; the certificate is dynamic configuration.
        ops_address: `host:port` of Traefik's own `/ping` and `/metrics`, never public.
        read_timeout: a client that has not sent its whole request by then is cut.
        otlp_endpoint: URL of an OTLP/HTTP receiver, for a span around each request.
    """
    entry = entry_point(read_timeout) | {"asDefault": True}
    points: Config = {"web": {"address": address} | entry}
    if tls_address:
        tls = {"http": entry["http"] | {"tls": {}}}
        points["websecure"] = {"address": tls_address} | entry | tls
    config: Config = {
        "global": {"checkNewVersion": False, "sendAnonymousUsage": False},
        "log": {"level": "INFO", "format": "json"},
        "entryPoints": points,
        "providers": {"file": {"directory": dynamic, "watch": True}},
    }
    if ops_address:
        points["ops"] = {"address": ops_address, "http": {"aliasHeadersStrategy": "delete"}}
        config |= {"ping": {"entryPoint": "ops"}, "metrics": {"prometheus": {"entryPoint": "ops"}}}
    if otlp_endpoint:
        otlp = {"http": {"endpoint": f"{otlp_endpoint}/v1/traces"}}
        config |= {"tracing": {"serviceName": "gateway", "otlp": otlp}}
    return config


def entry_point(read_timeout: str = READ_TIMEOUT) -> Config:
    refused = {f"allowEncoded{character}": False for character in ENCODED_CHARACTERS}
    # No writeTimeout: an event stream lives as long as its client.
    timeouts = {"readTimeout": read_timeout, "idleTimeout": "75s"}
    return {
        "http": {
            "sanitizePath": True,
            "maxHeaderBytes": 32768,
            "aliasHeadersStrategy": "delete",
            "encodedCharacters": refused,
        },
        "transport": {"respondingTimeouts": timeouts},
    }


def dynamic_config(services: Sequence[Service], upstreams: Mapping[str, str]) -> Config:
    """Traefik's dynamic configuration; `upstreams` maps each service to its app's URL."""
    routers = {
        route.name: {
            "rule": route.rule,
            "priority": route.priority,
            "service": route.upstream,
            "middlewares": list(route.middlewares),
        }
        for route in routes(services)
    }
    return {
        "http": {
            "routers": routers,
            "middlewares": middlewares(ANY_APP),
            "serversTransports": dict(TRANSPORTS),
            "services": _upstreams([service.name for service in services], upstreams),
        }
    }


def _upstreams(names: Sequence[str], upstreams: Mapping[str, str]) -> Config:
    balanced = {name: _balancer(upstreams[name], "upstream") for name in names}
    pages = {f"page-{name}": _balancer(upstreams[name], "page") for name in names}
    return balanced | pages | _any_app(list(pages))


def _balancer(url: str, transport: str) -> Config:
    return {"loadBalancer": {"serversTransport": transport, "servers": [{"url": url}]}}


def _any_app(pages: Sequence[str]) -> Config:
    """The apps as a chain: each is asked when those before it do not answer."""
    chain: Config = {}
    fallback = pages[-1]
    for page in reversed(pages[1:-1]):
        chain[f"{page}-or-next"] = _failover(page, fallback)
        fallback = f"{page}-or-next"
    return chain | {ANY_APP: _failover(pages[0], fallback)}


def _failover(service: str, fallback: str) -> Config:
    errors = {"status": ["502", "504"]}
    return {"failover": {"service": service, "fallback": fallback, "errors": errors}}


def write_config(
    directory: Path,
    services: Sequence[Service],
    upstreams: Mapping[str, str],
    *,
    address: str,
    ops_address: str | None = None,
    read_timeout: str = READ_TIMEOUT,
    otlp_endpoint: str | None = None,
) -> Path:
    """Write both files below `directory`; return the one that `traefik --configFile` takes."""
    dynamic = directory / "dynamic"
    dynamic.mkdir(parents=True, exist_ok=True)
    static = static_config(
        address=address,
        dynamic=str(dynamic),
        ops_address=ops_address,
        read_timeout=read_timeout,
        otlp_endpoint=otlp_endpoint,
    )
    (dynamic / "routes.yml").write_text(to_yaml(dynamic_config(services, upstreams)))
    path = directory / "traefik.yml"
    path.write_text(to_yaml(static))
    return path


def traefik_command(static: Path) -> tuple[str, ...]:
    """The gateway's command line, for the file that `write_config` returned."""
    return (traefik(), f"--configFile={static}")


class _Dumper(yaml.SafeDumper):
    def ignore_aliases(self, data: object) -> bool:  # noqa: ARG002 # PyYAML's hook
        return True


def to_yaml(*documents: Config) -> str:
    """Block style, keys in the order of the dictionaries, no anchors."""
    return yaml.dump_all(documents, Dumper=_Dumper, sort_keys=False, width=4096)
