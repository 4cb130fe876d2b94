"""The measurements: loads on the stage, one contender at a time, and what each of them cost."""

import asyncio
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from signal import SIGUSR1
from typing import Final

import psutil

from bench.machine import Foreign, cpu_seconds, own_seconds
from bench.routes import tools, wrk
from bench.routes.hop import Hop, HopJob
from bench.routes.load import Job, Measured
from bench.routes.requests import Request, Requests
from bench.routes.scenarios import CONNECTIONS, CREATE, READS, Turn
from bench.routes.stage import DIRECT, OURS, Process, Stage
from bench.routes.writers import Writers

# Tokens and rows are known by then: see `prime`.
WARM_UP_SECONDS: Final = 0.4
# More of the cores than this for somebody else, and a turn is repeated.
FOREIGN_LIMIT: Final = 0.1
_ATTEMPTS: Final = 4
# In the load that shows what memory a worker takes: reads for each write.
_READS_EACH: Final = 20
_PORTIONS: Final = 10


@dataclass(frozen=True, slots=True)
class Figure:
    """What a turn gave: requests a second, milliseconds, and cores that were used meanwhile."""

    rate: float
    p50: float
    p99: float
    worker: float
    others: float
    foreign: float


@dataclass(frozen=True, slots=True)
class Memory:
    """The MiB of an app's worker, resident and proportional: when it is ready, and under load.

    The first sample under load follows a warm-up, the last one so many requests.
    """

    ready: tuple[float, float]
    samples: tuple[tuple[float, float], ...]
    requests: int

    @property
    def peak(self) -> float:
        return max(resident for resident, _ in (self.ready, *self.samples))

    @property
    def drift(self) -> float:
        """How far it moves from where the warm-up left it."""
        first = self.samples[0][0]
        return max(abs(resident - first) for resident, _ in self.samples)


@dataclass(frozen=True)
class Meter:
    """Measures on a stage that has its posts.

    Attributes:
        stage: The servers.
        writers: What the load writes.
        say: Is told what goes on.
    """

    stage: Stage
    writers: Writers
    say: Callable[[str, str], None]

    @property
    def tool(self) -> str:
        """What makes the load."""
        return "wrk" if wrk.find_wrk() else "an own asyncio client, for want of wrk"

    async def turn(self, turn: Turn, requests: Requests, seconds: float) -> Figure:
        """Measure a turn, again while others use the machine; the calmest one counts at last."""
        figures: list[Figure] = []
        while not figures or (figures[-1].foreign > FOREIGN_LIMIT and len(figures) < _ATTEMPTS):
            if figures:
                self.say(turn.name, f"others took {figures[-1].foreign:.2f} cores: once more")
            figures.append(await self._once(turn, requests, seconds))
        calmest = min(figures, key=lambda figure: figure.foreign)
        told = f"{calmest.rate:,.0f}/s, p50 {calmest.p50:.2f} ms, p99 {calmest.p99:.2f} ms"
        used = f"{calmest.worker:.2f} cores, all else {calmest.others:.2f}"
        self.say(turn.name, f"{told}; worker {used}")
        return calmest

    async def hop(self, requests: Requests, seconds: float) -> Hop:
        """Measure what Traefik adds to a request that has the machine for itself."""
        ports = [self.stage.contenders[name].port for name in (OURS, DIRECT)]
        job = HopJob(ports, _texts(requests.post()), seconds)
        folder, cores = self.stage.folder, self.stage.cores.others
        hop = Hop(**await tools.run_module("bench.routes.hop", asdict(job), folder, cores))
        self.say("GET post, 1 connection", f"{hop.gateway:.2f} ms, direct {hop.direct:.2f} ms")
        return hop

    async def prime(self, turn: Turn, requests: Requests) -> None:
        """Send each request of a turn once: tokens and rows are known to whom they should be."""
        await self._prime(turn, requests, self.stage.contenders[turn.contender])

    async def memory(self, requests: Requests, count: int) -> Memory:
        """Watch the memory of a new worker while it answers so many requests of all kinds."""
        mixed = _mixed(requests)
        samples = []
        async with self.stage.more_app() as app:
            ready = _mebibytes(app.pid)
            for portion in range(_PORTIONS + 1):
                # The first portion is the warm-up: half as much as the others.
                number = count // _PORTIONS // (1 if portion else 2)
                first = portion * count // _PORTIONS
                job = Job(app.port, 0, mixed, CONNECTIONS, count=number, first_number=first)
                await self._load(job)
                samples.append(_mebibytes(app.pid))
                told = f"{samples[-1][0]:.1f} MiB after {portion} of {_PORTIONS} parts"
                self.say("memory", told)
        await self.writers.settled()
        await self.writers.forget()
        return Memory(ready, tuple(samples), count)

    async def profile(self, turn: Turn, requests: Requests, seconds: float) -> str:
        """Return where the worker's time goes under the load of a turn."""
        file = self.stage.folder / "profile.txt"
        command = (sys.executable, "-m", "bench.routes.profiled", str(file), "posts_service.app")
        async with self.stage.more_app(*command) as app:
            await self._prime(turn, requests, app)
            os.kill(app.pid, SIGUSR1)
            await self._load(_job(turn, requests, app, seconds))
        await self.writers.settled()
        await self.writers.forget()
        return await asyncio.to_thread(file.read_text, encoding="utf-8")

    async def _prime(self, turn: Turn, requests: Requests, process: Process) -> None:
        job = _job(turn, requests, process, 0)
        await self._load(replace(job, count=len(job.requests), warm_up_seconds=0))
        if turn.scenario is CREATE:
            await self.writers.settled()
            await self.writers.forget()

    async def _once(self, turn: Turn, requests: Requests, seconds: float) -> Figure:
        process = self.stage.contenders[turn.contender]
        events = await self.writers.events()
        own, worker = own_seconds(), cpu_seconds(process.pid)
        before = Foreign.now()
        measured = await self._load(_job(turn, requests, process, seconds))
        foreign = Foreign.now().since(before)
        spent = cpu_seconds(process.pid) - worker
        rest = own_seconds() - own - spent
        if turn.scenario is CREATE:
            await self.writers.settled()
            told = await self.writers.events() - events
            # References have no events.
            await self.writers.check(measured.answered, told if turn.contender == OURS else None)
            await self.writers.forget()
        loaded = seconds + WARM_UP_SECONDS
        rates = (measured.rate, measured.p50, measured.p99)
        return Figure(*rates, spent / loaded, rest / loaded, foreign)

    async def _load(self, job: Job) -> Measured:
        return await tools.load(job, self.stage.folder, self.stage.cores.others)


def _job(turn: Turn, requests: Requests, process: Process, seconds: float) -> Job:
    return Job(
        port=process.port,
        status=turn.scenario.status,
        requests=_texts(turn.scenario.requests(requests)),
        connections=CONNECTIONS,
        seconds=seconds,
        warm_up_seconds=WARM_UP_SECONDS,
    )


def _mixed(requests: Requests) -> list[str]:
    """Return reads of all kinds in turns, with a write here and there."""
    kinds = [_texts(scenario.requests(requests)) for scenario in READS]
    writes = _texts(CREATE.requests(requests))
    mixed: list[str] = []
    for place in range(_READS_EACH * len(writes)):
        kind = kinds[place % len(kinds)]
        mixed.append(kind[place % len(kind)])
        if place % _READS_EACH == 0:
            mixed.append(writes[place // _READS_EACH])
    return mixed


def _texts(requests: Sequence[Request]) -> list[str]:
    return [request.encode().decode("latin-1") for request in requests]


def _mebibytes(pid: int) -> tuple[float, float]:
    found = psutil.Process(pid).memory_full_info()
    return found.rss / 2**20, found.pss / 2**20
