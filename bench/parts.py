"""Parts of Colonnade's stack as a benchmark starts them: by the commands of `make up`.

Their environment is that of `make up`, too; only the log is the JSON of production.
"""

import asyncio
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit, urlunsplit
from uuid import UUID

from joserfc.jwk import ECKey

from auth_service.models import Account
from auth_service.usecases.keys import AccessTokenSigner
from bench.processes import output_of, spawn, stop, tail
from common.ids import new_id
from devstack.parts import Part

_PROBES: Final = 1_000
_PAUSE_SECONDS: Final = 0.05


async def start_part(
    part: Part, folder: Path, cores: Collection[int], stack: AsyncExitStack
) -> int:
    """Run a step to its end, or start a process that ends with the stack; return its id, else 0.

    Args:
        part: What to start.
        folder: Where its log is written.
        cores: Which ones it keeps to.
        stack: An exit stack, which stops it.
    """
    log = folder / f"{part.name}.log"
    if part.is_step:
        command, environment = part.command, part.environment
        await output_of(command, log, environment=environment, folder=part.cwd, cores=cores)
        return 0
    process = spawn(
        part.command,
        log,
        ends_by=part.stop_signal,
        environment=environment_of(part),
        folder=part.cwd,
        cores=cores,
    )
    stack.callback(stop, process, part.stop_signal)
    await until_ready(part.ready, log, part.name)
    return process.pid


@contextmanager
def running(
    command: Sequence[str],
    log: Path,
    environment: Mapping[str, str],
    folder: Path | None,
    cores: Collection[int],
) -> Iterator[int]:
    """Run a process while the block lasts; yield its id."""
    process = spawn(command, log, environment=environment, folder=folder, cores=cores)
    try:
        yield process.pid
    finally:
        stop(process)


async def until_ready(probe: Any, log: Path, what: str) -> None:
    """Wait until a probe says that its part is ready.

    Raises:
        TimeoutError: It does not become so; the end of its log stands in the message.
    """
    for _ in range(_PROBES):
        if await _is_ready(probe, log):
            return
        await asyncio.sleep(_PAUSE_SECONDS)
    raise TimeoutError(f"{what} is not ready after {_PROBES} probes:\n{tail(log)}")


async def _is_ready(probe: Any, log: Path) -> bool:
    # A probe answers False or fails while its part is not there yet.
    with suppress(OSError):
        return bool(await probe(tail(log)))
    return False


def environment_of(part: Part) -> dict[str, str]:
    """Return the environment of a part; its log is that of production."""
    service = part.name.partition("-")[0].upper()
    return {**part.environment, f"{service}_LOG_FORMAT": "json"}


def in_database(database: str, url: str) -> str:
    """Return the URL of another database of the same server."""
    return urlunsplit(urlsplit(url)._replace(path=f"/{database}"))


def signing_key() -> ECKey:
    """Make the key that auth finds in its settings and makes its first one, under the same id."""
    key = ECKey.generate_key("P-256", {"use": "sig", "alg": "ES256"})
    key.ensure_kid()
    return key


def sign_token(signer: AccessTokenSigner, person: UUID, username: str) -> str:
    """Sign a token of somebody without a role, as auth does."""
    now = datetime.now(UTC)
    account = Account(id=person, username=username, roles=[])
    return signer.sign(account, session_id=new_id(), auth_time=now, amr=["pwd"], now=now)
