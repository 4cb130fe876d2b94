"""An embedded PostgreSQL 18: a data directory, a command line, and a running server for tests.

It listens on loopback with passwords, as root too. What it acknowledged it keeps, unless relaxed.
"""

import os
import pwd
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from signal import SIGINT

import psutil

from devstack.binaries import postgres_binary
from devstack.processes import LOOPBACK, die_with_parent, free_port, wait_until

SUPERUSER = "postgres"
PASSWORD_VARIABLE = "DEVSTACK_POSTGRES_PASSWORD"  # noqa: S105 - the name of a variable
_NOBODY = 65534
_NAMESPACE = ("unshare", "--user", f"--map-user={_NOBODY}", f"--map-group={_NOBODY}", "--")
_SETPRIV = (
    *("setpriv", f"--reuid={_NOBODY}", f"--regid={_NOBODY}", "--clear-groups"),
    *("--inh-caps=-all,+dac_override", "--ambient-caps=-all,+dac_override", "--"),
)
_RELAXED = ("fsync=off", "synchronous_commit=off", "full_page_writes=off")


@dataclass(frozen=True, slots=True)
class Postgres:
    data: Path
    port: int
    password: str
    relaxed: bool = False

    @property
    def url(self) -> str:
        """The superuser's URL."""
        return f"postgresql://{SUPERUSER}:{self.password}@{LOOPBACK}:{self.port}/postgres"

    @property
    def command(self) -> list[str]:
        """The foreground command; SIGINT stops it without waiting for its clients."""
        settings = [
            f"listen_addresses={LOOPBACK}",
            f"port={self.port}",
            "unix_socket_directories=",
            "max_connections=200",
            "shared_buffers=128MB",
            "log_line_prefix=%m [%p] %u@%d ",
            *(_RELAXED if self.relaxed else ()),
        ]
        server = [postgres_binary("postgres"), "-D", str(self.data)]
        return [*unprivileged(), *server, *(word for each in settings for word in ("-c", each))]

    def initialise(self) -> None:
        """Create the data directory, unless that was done before.

        It is made beside its place and renamed: an interrupted initdb leaves nothing to trip over.
        """
        if self.data.exists():
            _hand_over(self.data)
            _forget_stale_pid(self.data / "postmaster.pid")
            return
        draft = self.data.with_name(f"{self.data.name}.new")
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir(parents=True, mode=0o700)
        _hand_over(draft)
        password_file = self.data.with_name(f"{self.data.name}.password")
        password_file.touch(mode=0o600)
        password_file.write_text(self.password, encoding="utf-8")
        try:
            self._initdb(draft, password_file)
        finally:
            password_file.unlink()
        draft.rename(self.data)

    def is_ready(self) -> bool:
        """Whether it accepts connections."""
        asked = subprocess.run(is_ready_command(LOOPBACK, self.port), check=False)
        return asked.returncode == 0

    def _initdb(self, data: Path, password_file: Path) -> None:
        initdb = [
            postgres_binary("initdb"),
            "-D",
            str(data),
            "-U",
            SUPERUSER,
            "--encoding=UTF8",
        ]
        locale = ["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        access = ["--auth=scram-sha-256", f"--pwfile={password_file}"]
        sync = ["--no-sync"] if self.relaxed else []
        _run([*unprivileged(), *initdb, *locale, *access, *sync])


@contextmanager
def running_postgres(directory: Path, password: str = "test") -> Iterator[Postgres]:  # noqa: S107 - a throw-away server
    """A relaxed server for tests on a free port, its data below `directory`."""
    server = Postgres(directory / "postgres", free_port(), password, relaxed=True)
    server.initialise()
    log = directory / "postgres.log"
    with log.open("ab") as output:
        process = subprocess.Popen(
            server.command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            preexec_fn=die_with_parent(SIGINT),  # noqa: PLW1509 - it calls prctl only
        )
    try:
        wait_until(server.is_ready, seconds=30, what=f"PostgreSQL is ready ({log})")
        yield server
    finally:
        process.send_signal(SIGINT)
        process.wait(timeout=30)
        shutil.rmtree(server.data)


def is_ready_command(host: str, port: int) -> list[str]:
    """The command that tells by its exit status whether a server accepts connections."""
    address = ["-h", host, "-p", str(port), "-U", SUPERUSER, "-d", "postgres"]
    return [postgres_binary("pg_isready"), "-q", "-t", "2", *address]


def unprivileged() -> tuple[str, ...]:
    """What has to precede a command that refuses to run as root: nothing for a user with a name.

    A user namespace needs no change of owner; where it is refused, the data becomes nobody's.
    """
    if os.geteuid() != 0 and _has_a_name(os.geteuid()):
        return ()
    return _NAMESPACE if user_namespaces_work() else _SETPRIV


def user_namespaces_work() -> bool:
    """Whether this user may create a user namespace."""
    command = [*_NAMESPACE, "true"]
    return subprocess.run(command, check=False, capture_output=True).returncode == 0


def _has_a_name(user: int) -> bool:
    # Some containers run under a number alone, which initdb refuses as well.
    try:
        pwd.getpwuid(user)
    except KeyError:
        return False
    return True


def _hand_over(data: Path) -> None:
    owner = _NOBODY if unprivileged() == _SETPRIV else os.geteuid()
    if data.stat().st_uid == owner:
        return
    for path in (data, *data.rglob("*")):
        os.chown(path, owner, owner, follow_symlinks=False)


def _forget_stale_pid(lock: Path) -> None:
    # After a crash of the machine the number may be somebody else's, and PostgreSQL would refuse
    # to start for ever. That two servers never share the data is the guard's promise.
    if not lock.exists():
        return
    pid = int(lock.read_text(encoding="utf-8").split()[0])
    if psutil.pid_exists(pid) and psutil.Process(pid).name() != "postgres":
        lock.unlink()


def _run(command: list[str]) -> None:
    done = subprocess.run(command, text=True, check=False, capture_output=True)
    if done.returncode != 0:
        raise OSError(f"{' '.join(command)}\nended with status {done.returncode}: {done.stderr}")


def main() -> None:
    """`python -m devstack.postgres DATA PORT`: become the server, its data made when absent."""
    data, port = sys.argv[1:]
    server = Postgres(Path(data), int(port), os.environ.pop(PASSWORD_VARIABLE))
    try:
        server.initialise()
    except OSError as error:
        sys.exit(str(error))
    os.execvp(server.command[0], server.command)  # noqa: S606 - the server takes this process's place


if __name__ == "__main__":
    main()
