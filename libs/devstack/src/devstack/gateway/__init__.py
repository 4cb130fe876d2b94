"""The gateway: one routing table, written as Traefik's configuration for every place it runs in."""

from devstack.gateway.traefik import TRAEFIK_ENVIRONMENT, traefik_command, write_config

__all__ = ["TRAEFIK_ENVIRONMENT", "traefik_command", "write_config"]
