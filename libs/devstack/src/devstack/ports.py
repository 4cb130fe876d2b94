"""The ports of one stack: picked once, kept over restarts, picked again only when taken."""

from collections.abc import Iterable

from devstack.layout import Layout, read_json, write_json
from devstack.processes import free_port, is_free


def keep_ports(layout: Layout, names: Iterable[str]) -> dict[str, int]:
    """A free port for each name, the one of the last start where it is still free."""
    stored = read_json(layout.ports)
    ports: dict[str, int] = {}
    for name in names:
        port: int = stored.get(name, 0)
        usable = port > 0 and port not in ports.values() and is_free(port)
        ports[name] = port if usable else free_port(avoid=ports.values())
    write_json(layout.ports, stored | ports)
    return ports
