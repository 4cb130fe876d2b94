"""The measurements: logins beside bare hashing, a storm of them, and times by kind of address."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import asdict, dataclass, replace
from typing import Any, Final, Protocol

import psutil

from bench.auth.bare import PASSWORD
from bench.auth.ranks import RanksJob, Times
from bench.auth.stage import Stage, address_of
from bench.auth.storm import StormJob, Weathered
from bench.machine import Foreign, cpu_seconds
from bench.routes import tools
from bench.routes.load import Job, Measured
from bench.routes.requests import Request

# Enough that a thread never waits for a login, fewer than may wait for one.
LOGIN_CONNECTIONS: Final = 16
READ_CONNECTIONS: Final = 32
TIMES_CAPACITY: Final = 3
# More of the cores than this for somebody else, and a measurement is repeated.
FOREIGN_LIMIT: Final = 0.1
ATTEMPTS: Final = 3
WARM_UP_SECONDS: Final = 1.0
# The generator of the storm starts, and what waits for a thread has its length.
SETTLING_SECONDS: Final = 4.0
SAMPLE_SECONDS: Final = 0.05
WRONG: Final = "not the password at all"
_WARM_UP: Final = 40
_PROBE: Final = Request("/healthz")


class Disturbed(Protocol):
    """A figure that knows how many cores others took meanwhile."""

    @property
    def foreign(self) -> float: ...


@dataclass(frozen=True, slots=True)
class Logins:
    """Logins a second in a closed loop, beside what the core verifies without anything else."""

    bare: float
    rate: float
    p50: float
    p99: float
    worker: float
    foreign: float

    @property
    def percent(self) -> float:
        return self.rate / self.bare * 100


@dataclass(frozen=True, slots=True)
class Storm:
    """A storm, the memory of the app's worker meanwhile, and reads of posts before and during it.

    `memory` is in MiB, `calm` and `reads` are requests a second; `failed` are how many of these
    reads in the storm.
    """

    rate: float
    weathered: Weathered
    memory: Sequence[float]
    calm: float
    reads: float
    failed: int
    foreign: float


@dataclass(frozen=True, slots=True)
class Asked:
    """A route that anybody asks about an address: what for, and what is answered in any case."""

    path: str
    status: int
    body: Callable[[str, int], dict[str, str]]

    def request(self, name: str, number: int) -> str:
        """Return what goes over the wire, as text of Latin-1."""
        return _text(Request(self.path, body=json.dumps(self.body(name, number))))


ASKED: Final = {
    "login": Asked(
        "/api/v1/auth/login",
        401,
        lambda name, _: {"email": address_of(name), "password": WRONG},
    ),
    "register": Asked(
        "/api/v1/auth/register",
        202,
        lambda name, number: {
            "email": address_of(name),
            "username": f"newcomer{number:05}",
            "password": PASSWORD,
        },
    ),
    "forgot": Asked(
        "/api/v1/auth/forgot-password", 202, lambda name, _: {"email": address_of(name)}
    ),
}


@dataclass(frozen=True)
class Meter:
    """Measures on a stage.

    Attributes:
        stage: The servers.
        say: Is told what goes on.
    """

    stage: Stage
    say: Callable[[str, str], None]

    async def enter(self) -> None:
        """Log everybody in, so that nobody's device and network are new any more."""
        requests = self._login_texts()
        job = Job(self.stage.auth.port, 200, requests, LOGIN_CONNECTIONS, count=len(requests))
        await self._module("bench.routes.load", asdict(job), self.stage.cores.others)
        self.say("logins", f"everybody's first: {len(requests)}")

    async def logins(self, seconds: float) -> Logins:
        """Compare logins with bare hashing, again while others use the machine."""
        return await self._calmest("logins", lambda: self._logins(seconds))

    async def storm(self, capacity: float, seconds: float) -> Storm:
        """Send three times as many logins as can be answered, again while others interfere."""
        return await self._calmest("storm", lambda: self._storm(capacity, seconds))

    async def ranks(self, route: str) -> Times:
        """Ask about as many unknown addresses as there are accounts, and about these."""
        asked, accounts = ASKED[route], self.stage.names
        # As long as those of accounts, and never asked about before.
        strangers = [f"{route[0]}other{number:04}" for number in range(len(accounts))]
        warm_up = [f"{route[0]}early{number:04}" for number in range(_WARM_UP)]
        kinds = [
            [asked.request(name, first + number) for number, name in enumerate(names)]
            for first, names in ((0, warm_up), (20_000, accounts), (40_000, strangers))
        ]
        job = RanksJob(self.stage.auth.port, asked.status, *kinds)
        found = await self._module("bench.auth.ranks", asdict(job), self.stage.cores.others)
        times = Times(**found)
        self.say(f"{route}, known or not", f"distance {times.distance:.3f}")
        return times

    async def _calmest[F: Disturbed](self, what: str, measure: Callable[[], Awaitable[F]]) -> F:
        figures: list[F] = []
        while not figures or (figures[-1].foreign > FOREIGN_LIMIT and len(figures) < ATTEMPTS):
            if figures:
                self.say(what, f"others took {figures[-1].foreign:.2f} cores: once more")
            figures.append(await measure())
        return min(figures, key=lambda figure: figure.foreign)

    async def _logins(self, seconds: float) -> Logins:
        before = Foreign.now()
        job = replace(self.stage.hash, seconds=seconds)
        bare = await self._module("bench.auth.bare", asdict(job), self.stage.cores.measured)
        spent = cpu_seconds(self.stage.auth.pid)
        requests = self._login_texts()
        load = Job(self.stage.auth.port, 200, requests, LOGIN_CONNECTIONS, seconds, WARM_UP_SECONDS)
        found = Measured(
            **await self._module("bench.routes.load", asdict(load), self.stage.cores.others)
        )
        worker = (cpu_seconds(self.stage.auth.pid) - spent) / (seconds + WARM_UP_SECONDS)
        foreign = Foreign.now().since(before)
        logins = Logins(bare, found.rate, found.p50, found.p99, worker, foreign)
        told = f"{logins.rate:.1f}/s of {bare:.1f}/s bare, {logins.percent:.1f} %"
        self.say("logins", f"{told}; p50 {found.p50:.0f} ms, p99 {found.p99:.0f} ms")
        return logins

    async def _storm(self, capacity: float, seconds: float) -> Storm:
        before = Foreign.now()
        calm = (await self._reads(seconds)).rate
        rate = TIMES_CAPACITY * capacity
        job = StormJob(
            self.stage.auth.port,
            self._login_texts(),
            _text(_PROBE),
            rate,
            seconds + SETTLING_SECONDS + WARM_UP_SECONDS,
        )
        module = self._module("bench.auth.storm", asdict(job), self.stage.cores.others)
        async with self._sampled() as memory, asyncio.TaskGroup() as group:
            storm = group.create_task(module)
            await asyncio.sleep(SETTLING_SECONDS)
            memory.clear()
            reads = await self._reads(seconds)
            samples = list(memory)
        weathered = Weathered(**storm.result())
        foreign = Foreign.now().since(before)
        wrong = f", wrong: {dict(weathered.wrong)}" if weathered.wrong else ""
        told = f"{weathered.accepted:.0f}/s of {rate:.0f}/s, {weathered.refused:.0f}/s refused"
        self.say("storm", f"{told}; probes p99 {weathered.probe_ms[1]:.0f} ms{wrong}")
        told = f"{reads.rate:,.0f}/s in the storm, {calm:,.0f}/s before, {reads.failed} failed"
        self.say("reads of posts", told)
        return Storm(rate, weathered, samples, calm, reads.rate, reads.failed, foreign)

    async def _reads(self, seconds: float) -> Measured:
        texts = [_text(request) for request in self.stage.requests.post()]
        port = self.stage.posts.port
        # What fails in a storm is missing from the rate.
        times = (seconds, WARM_UP_SECONDS)
        job = Job(port, 200, texts, READ_CONNECTIONS, *times, may_fail=True)
        return await tools.load(job, self.stage.folder, self.stage.cores.others)

    @asynccontextmanager
    async def _sampled(self) -> AsyncIterator[list[float]]:
        """Note the resident MiB of the app's worker while the block lasts."""
        samples: list[float] = []
        process = psutil.Process(self.stage.auth.pid)

        async def sample() -> None:
            while True:
                samples.append(process.memory_info().rss / 2**20)
                await asyncio.sleep(SAMPLE_SECONDS)

        task = asyncio.create_task(sample())
        try:
            yield samples
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    def _login_texts(self) -> list[str]:
        path = ASKED["login"].path
        bodies = ({"email": address_of(n), "password": PASSWORD} for n in self.stage.names)
        return [_text(Request(path, body=json.dumps(body))) for body in bodies]

    async def _module(self, module: str, job: dict[str, Any], cores: frozenset[int]) -> Any:
        return await tools.run_module(module, job, self.stage.folder, cores)


def _text(request: Request) -> str:
    return request.encode().decode("latin-1")
