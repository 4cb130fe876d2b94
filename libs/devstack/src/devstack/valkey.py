"""An embedded Valkey 9 that keeps nothing on disk, with one ACL user per service.

A service may read every stream, write its own and count its own limits; the broker's user has
databases of its own.
"""

import hashlib
import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from signal import SIGTERM

from devstack.binaries import valkey_server
from devstack.processes import LOOPBACK, die_with_parent, free_port, wait_until

ADMIN = "default"
BROKER = "broker"
DATABASES = 64
CACHE = 2
PASSWORDS_VARIABLE = "DEVSTACK_VALKEY_PASSWORDS"
_STREAM_COMMANDS = (
    "-@all +@stream +@connection +@scripting +@transaction -@dangerous "
    "+del +unlink +exists +type +expire +info"
)
_LIMIT_COMMANDS = "+lindex +llen +lpop +lpush +lrange +ltrim"


@dataclass(frozen=True, slots=True)
class Valkey:
    """A server; `passwords` names every user: `default`, `broker`, and the services.

    Streams are in the even databases, Celery's keys in the odd ones: 0 and 1 in development, where
    limits are counted in 2.
    """

    directory: Path
    port: int
    passwords: Mapping[str, str]

    def url(self, user: str = ADMIN, database: int = 0) -> str:
        """The URL of one user and database."""
        return f"redis://{user}:{self.passwords[user]}@{LOOPBACK}:{self.port}/{database}"

    @property
    def command(self) -> list[str]:
        """The foreground command; `write_configuration` comes before it."""
        return [valkey_server(), str(self.directory / "valkey.conf")]

    def write_configuration(self) -> None:
        """Write the configuration and the ACL file; passwords are in it as hashes only."""
        self.directory.mkdir(parents=True, exist_ok=True)
        acl = self.directory / "users.acl"
        acl.write_text("".join(f"{rule}\n" for rule in acl_rules(self.passwords)), encoding="utf-8")
        settings = (
            f"bind {LOOPBACK}",
            f"port {self.port}",
            f'dir "{self.directory}"',
            f'aclfile "{acl}"',
            f"databases {DATABASES}",
            'save ""',
            "appendonly no",
            "maxmemory-policy noeviction",
        )
        configuration = self.directory / "valkey.conf"
        configuration.write_text("".join(f"{line}\n" for line in settings), encoding="utf-8")

    def is_ready(self) -> bool:
        """Whether it lets its administrator in."""
        try:
            with socket.create_connection((LOOPBACK, self.port), timeout=2) as connection:
                connection.sendall(f"AUTH {self.passwords[ADMIN]}\r\n".encode())
                return connection.recv(5) == b"+OK\r\n"
        except OSError:
            return False


def acl_rules(passwords: Mapping[str, str]) -> Iterator[str]:
    """The lines of the ACL file for these users; passwords are in it as hashes only."""
    odd = ",".join(str(number) for number in range(1, DATABASES, 2))
    rights = {ADMIN: "~* &* +@all", BROKER: f"resetdbs db={odd} ~* &* +@all -@admin"}
    for user, password in passwords.items():
        digest = hashlib.sha256(password.encode()).hexdigest()
        keys = f"%R~events:* %RW~events:{user} %RW~LIMITS:LIMITER/{user}/*"
        own = f"{keys} {_STREAM_COMMANDS} {_LIMIT_COMMANDS}"
        yield f"user {user} on #{digest} {rights.get(user, own)}"


@contextmanager
def running_valkey(directory: Path, services: Iterable[str] = ()) -> Iterator[Valkey]:
    """A server for tests on a free port."""
    server = Valkey(directory / "valkey", free_port(), passwords_for_tests(services))
    server.write_configuration()
    log = directory / "valkey.log"
    with log.open("ab") as output:
        process = subprocess.Popen(
            server.command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            preexec_fn=die_with_parent(SIGTERM),  # noqa: PLW1509 - it calls prctl only
        )
    try:
        wait_until(server.is_ready, seconds=10, what=f"Valkey answers ({log})")
        yield server
    finally:
        process.terminate()
        process.wait(timeout=10)


def passwords_for_tests(services: Iterable[str]) -> dict[str, str]:
    """Every user's name as its password."""
    return {user: user for user in (ADMIN, BROKER, *services)}


def main() -> None:
    """`python -m devstack.valkey DIRECTORY PORT`: become the server."""
    directory, port = sys.argv[1:]
    passwords = json.loads(os.environ.pop(PASSWORDS_VARIABLE))
    server = Valkey(Path(directory), int(port), passwords)
    server.write_configuration()
    os.execvp(server.command[0], server.command)  # noqa: S606 - the server takes this process's place


if __name__ == "__main__":
    main()
