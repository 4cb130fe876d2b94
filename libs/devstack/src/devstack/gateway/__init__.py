"""The gateway: one routing table, written as Traefik's configuration for every place it runs in."""

from devstack.gateway.traefik import traefik_command, write_config

__all__ = ["traefik_command", "write_config"]
