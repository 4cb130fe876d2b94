"""Auth is away, and others go on; Redis is away, and what auth takes back counts nowhere."""

import asyncio
import json
import os
import sys
from base64 import urlsafe_b64decode
from collections.abc import Awaitable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from signal import SIGCONT, SIGSTOP
from typing import Final

import httpx

from devstack.tour import Patience, Person, Tour
from tests.chaos.harness.servers import until
from tests.chaos.harness.trial import Drill, Trial, now
from tests.chaos.harness.world import World

# DESIGN 4: what has ended has ended everywhere.
EVERYWHERE_SECONDS: Final = 5.0
NOTICE_SECONDS: Final = 2.0
PATIENCE_SECONDS: Final = 30.0
# Longer than each time for which something goes on without auth: keys are read every 2 s, a token
# between services lives 60 s, a personal token is looked up again after 60 s. Only what auth signed
# lives longer, 10 min, and needs nobody until then.
AWAY_SECONDS: Final = 66
_PARTS: Final = ("auth-app", "auth-worker")
# One of each service.
_PATHS: Final = (
    *("/api/v1/auth/sessions", "/api/v1/users/me"),
    *("/api/v1/feed", "/api/v1/notifications"),
)
_MAILS: Final = Patience(mail_seconds=60, event_seconds=60)


@contextmanager
def frozen_auth(world: World) -> Iterator[None]:
    """Stop the processes of auth as SIGSTOP does: they hold connections and answer nothing."""
    with ExitStack() as thawing:
        for part in _PARTS:
            pid = world.pid(part)
            os.kill(pid, SIGSTOP)
            thawing.callback(os.kill, pid, SIGCONT)
        yield


async def auth_stopped(trial: Trial) -> None:
    """Stop auth, and in the middle of it kill Redis, so that services have to call each other."""
    valkey, length = trial.world.valkey, trial.either(AWAY_SECONDS, 15)
    async with trial.load():
        with frozen_auth(trial.world):
            await asyncio.sleep(length / 3)
            await valkey.kill()
            since = now() + NOTICE_SECONDS
            await asyncio.sleep(length / 3)
            back = now()
            await valkey.start()
            await asyncio.sleep(length / 3)
        await trial.recover(within=EVERYWHERE_SECONDS)
    others = [each for each in trial.record.failures() if each.kind != "POST auth"]
    kinds = sorted({(each.kind, each.status) for each in others})
    trial.expect(not others, f"{len(others)} requests to others failed: {kinds[:5]}")
    delay = await trial.delay(0.99, since=since, until=back)
    trial.expect(delay < 2, f"p99 from commit to effect by HTTP is {delay:.2f} s")


async def taken_back(trial: Trial) -> None:
    """With Redis killed, end a session, give and take a role, and revoke the key that signs."""
    world = trial.world
    person = await asyncio.to_thread(_join, world)
    address = world.gateway_url
    async with httpx.AsyncClient(base_url=address, timeout=20, trust_env=False) as client:
        people = _People(trial, client)
        async with trial.load():
            await world.valkey.kill()
            await people.log_in(person)
            await people.ends("a logout", person, people.log_out(person))
            for command in ("grant", "withdraw"):
                await people.log_in(person)
                change = _operate(world, command, person.email, "support")
                await people.ends(f"`{command}` of a role", person, change)
        # Whatever the key has signed counts no longer, that of the load as well.
        await people.log_in(person)
        kid = _kid_of(person.headers)
        await people.ends("the key's end", person, _operate(world, "revoke-key", kid))
        await people.log_in(person)
        trial.expect(await people.statuses(person) == {200}, "a token of the next key is refused")
    await world.valkey.start()
    await world.caught_up(seconds=PATIENCE_SECONDS)
    trial.expect_no_failures()


class _People:
    """Somebody at the gateway."""

    def __init__(self, trial: Trial, client: httpx.AsyncClient) -> None:
        self._trial = trial
        self._client = client

    async def log_in(self, person: Person) -> None:
        """Log in; every service takes the token."""
        answer = await self._client.post("/api/v1/auth/login", json=person.credentials)
        tokens = answer.raise_for_status().json()
        person.refresh_token = tokens["refresh_token"]
        person.headers = {"Authorization": f"Bearer {tokens['access_token']}"}
        found = await self.statuses(person)
        self._trial.expect(found == {200}, f"a new token is answered with {found}")

    async def log_out(self, person: Person) -> None:
        body = {"refresh_token": person.refresh_token}
        (await self._client.post("/api/v1/auth/logout", json=body)).raise_for_status()

    async def ends(self, what: str, person: Person, change: Awaitable[None]) -> None:
        """Change something; measure how long any service still takes the token."""
        await change

        async def refused() -> bool:
            return await self.statuses(person) == {401}

        seconds = await until(refused, seconds=PATIENCE_SECONDS, what=f"{what} counts everywhere")
        self._trial.note_recovery(seconds, EVERYWHERE_SECONDS, f"{what} counts everywhere")

    async def statuses(self, person: Person) -> set[int]:
        """What the services answer to a token, each."""
        answers = await asyncio.gather(
            *(self._client.get(path, headers=person.headers) for path in _PATHS)
        )
        return {answer.status_code for answer in answers}


def _join(world: World) -> Person:
    """Register somebody who is no part of the load."""
    with Tour(world.gateway_url, world.mailbox_url, _MAILS) as tour:
        for step in (tour.register, tour.receive_mails, tour.verify):
            step()
        return tour.author


async def _operate(world: World, *arguments: str) -> None:
    """Run what `make auth` runs.

    Raises:
        OSError: The command failed.
    """
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "devstack", "auth", *arguments),
        env=os.environ | {"COLONNADE_STATE": str(world.stack.layout.folder)},
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    _, errors = await process.communicate()
    if process.returncode != 0:
        raise OSError(f"{arguments[0]} failed: {errors.decode()[-500:]}")


def _kid_of(headers: Mapping[str, str]) -> str:
    """Return the id of the key that signed a token."""
    encoded = headers["Authorization"].removeprefix("Bearer ").partition(".")[0]
    return str(json.loads(urlsafe_b64decode(encoded + "=="))["kid"])


DRILLS: Final = (
    Drill(
        "auth stopped (SIGSTOP) for 66 s, Redis killed meanwhile",
        "5xx of others = 0; events by HTTP p99 < 2 s",
        auth_stopped,
    ),
    Drill(
        "logout, role and signing key taken back, Redis killed",
        "refused by every service < 5 s",
        taken_back,
    ),
)
