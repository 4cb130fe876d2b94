"""`make bench`: measures the hot routes of posts beside two references, and what a start costs."""

import argparse
import sys
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, Final

import httpx

from bench.machine import Cores, kept_to, raised_priority, split_cores
from bench.processes import run_benchmark
from bench.report import render, rows
from bench.routes import answers, data, report, scenarios, start
from bench.routes.answers import Answer, Ask
from bench.routes.measures import Meter
from bench.routes.report import Results
from bench.routes.requests import Request, Requests
from bench.routes.scenarios import GROUPS, GROWTH, MEMORY, READS, START, TRAEFIK, Turn
from bench.routes.stage import DIRECT, LIMIT, NAIVE, OURS, Stage, open_stage
from bench.routes.writers import Writers

SIZES: Final = (10_000, 100_000, 1_000_000)
ROUNDS: Final = 3
SECONDS: Final = 4.0
REQUESTS: Final = 100_000
# A look at everything in two minutes: too short for more than that.
QUICK: Final = {"rounds": 1, "seconds": 1.0, "sizes": SIZES[:2], "requests": 2_000}
SHAPE: Final = data.Shape()
BEGAN: Final = time.monotonic()


class Run:
    """One run of the benchmark.

    Args:
        options: Of the command line.
        cores: Who gets which.
    """

    def __init__(self, options: argparse.Namespace, cores: Cores) -> None:
        self._options = options
        self._cores = cores
        self._requests: dict[str, Requests] = {}
        # Contenders are compared with a number of posts in the middle.
        self.results = Results(posts=options.sizes[len(options.sizes) // 2])

    async def measure(self) -> None:
        """Measure what was asked for."""
        if START in self._options.only:
            rounds = self._options.rounds
            self.results.starts = await start.stack_seconds(self._cores, rounds, say)
            self.results.imports = await start.import_seconds(self._cores, rounds, say)
        if {*self._options.only} == {START}:
            return
        with kept_to(self._cores.others):
            async with self._opened() as (meter, stack):
                if GROWTH in self._options.only:
                    await self._open_growing(meter.stage, stack)
                await self._measure_rounds(meter)
                if MEMORY in self._options.only:
                    requests = self._requests[OURS]
                    self.results.memory = await meter.memory(requests, self._options.requests)

    async def profile(self) -> str:
        """Return where the time of a route goes."""
        with kept_to(self._cores.others):
            async with self._opened() as (meter, _):
                turn = next(t for t in GROUPS[self._options.profile][::-1] if t.contender == OURS)
                seconds = 3 * self._options.seconds
                return await meter.profile(turn, self._requests[OURS], seconds)

    async def _measure_rounds(self, meter: Meter) -> None:
        """Measure in rounds; in the first one each contender has a little to do beforehand."""
        growing = [
            Turn(scenario, contender)
            for scenario in READS
            for contender in self.results.growing or ()
        ]
        for number in range(self._options.rounds):
            turns = dict.fromkeys((*scenarios.turns_of(self._options.only, number), *growing))
            for turn in turns:
                requests = self._requests[turn.contender]
                if number == 0:
                    await meter.prime(turn, requests)
                figure = await meter.turn(turn, requests, self._options.seconds)
                self.results.add(turn, figure)
            if TRAEFIK in self._options.only:
                hop = await meter.hop(self._requests[OURS], self._options.seconds)
                self.results.hops.append(hop)

    @asynccontextmanager
    async def _opened(self) -> AsyncIterator[tuple[Meter, AsyncExitStack]]:
        """Open the stage and let all contenders have the same rows, and the same answers."""
        async with AsyncExitStack() as stack:
            say("stage", "starts")
            stage = await stack.enter_async_context(open_stage(self._cores))
            connection = await stack.enter_async_context(stage.connection())
            writers = Writers(connection, SHAPE)
            requests = await self._load(stage, connection, self.results.posts)
            self._requests |= dict.fromkeys((OURS, DIRECT, NAIVE, LIMIT), requests)
            async with httpx.AsyncClient(timeout=30) as client:
                rivals = {name: _ask(client, stage, name) for name in (NAIVE, LIMIT)}
                ours = _ask(client, stage, OURS)
                await answers.check(ours, rivals, requests, writers.forget)
                await answers.learn_tags(ours, requests)
            meter = Meter(stage, writers, say)
            self.results.tool = meter.tool
            yield meter, stack

    async def _open_growing(self, stage: Stage, stack: AsyncExitStack) -> None:
        """Open an app beside the fewest posts and one beside the most."""
        names = []
        for posts in (self._options.sizes[0], self._options.sizes[-1]):
            name = f"{posts:,} posts"
            names.append(name)
            if posts == self.results.posts:
                stage.contenders[name] = stage.contenders[DIRECT]
                self._requests[name] = self._requests[DIRECT]
            elif name not in stage.contenders:
                database = f"posts_{posts}"
                await stage.make_database(database)
                async with stage.connection(database) as connection:
                    requests = await self._load(stage, connection, posts)
                app = await stack.enter_async_context(stage.more_app(database=database))
                stage.contenders[name], self._requests[name] = app, requests
                async with httpx.AsyncClient(timeout=30) as client:
                    await answers.learn_tags(_ask(client, stage, name), requests)
        self.results.growing = names[0], names[1]

    async def _load(self, stage: Stage, connection: Any, posts: int) -> Requests:
        """Write the people and so many posts into a database."""
        say("data", f"{posts:,} posts of {SHAPE.authors:,} people")
        await data.load_people(connection, SHAPE)
        await data.load_posts(connection, SHAPE, 0, posts)
        await data.settle(connection)
        return Requests(SHAPE, stage.token, posts)


def _ask(client: httpx.AsyncClient, stage: Stage, contender: str) -> Ask:
    base = f"http://127.0.0.1:{stage.contenders[contender].port}"

    async def ask(request: Request) -> Answer:
        answer = await client.request(
            request.method,
            base + request.path,
            headers=request.all_headers,
            content=request.body or None,
        )
        return Answer(answer.status_code, answer.headers, answer.content)

    return ask


def say(what: str, told: str) -> None:
    """Tell how far the run is, and after how many seconds."""
    elapsed = time.monotonic() - BEGAN
    print(f"{elapsed:5.0f} s  {what:<44} {told}", file=sys.stderr, flush=True)


async def main(options: argparse.Namespace) -> None:
    """Run, print the table, and write the documents if nothing was left out."""
    with raised_priority() as priority:
        run = Run(options, split_cores())
        if options.profile:
            print(await run.profile())
            return
        await run.measure()
    run.results.priority = priority
    run.results.seconds = time.monotonic() - BEGAN
    print(rows(run.results) if options.json else render(run.results))
    if options.complete:
        report.write(run.results, options.command)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    add = parser.add_argument
    add("--rounds", type=int, help=f"turns of each contender ({ROUNDS})")
    add("--seconds", type=float, help=f"length of a turn ({SECONDS:g})")
    add("--sizes", type=_sizes, help=f"numbers of posts ({','.join(map(str, SIZES))})")
    add("--requests", type=int, help=f"how long memory is watched ({REQUESTS})")
    add("--only", action="append", choices=scenarios.NAMES, help="measure this alone; repeatable")
    add("--quick", action="store_true", help="a short look at everything; writes no document")
    add("--profile", choices=tuple(GROUPS)[:-1], help="show where the time of a route goes instead")
    add("--json", action="store_true", help="print the rows as JSON")
    options = parser.parse_args()
    defaults = {"rounds": ROUNDS, "seconds": SECONDS, "sizes": SIZES, "requests": REQUESTS}
    given = {name: value for name, value in vars(options).items() if value and name in defaults}
    options.complete = not (options.quick or options.only) and "sizes" not in given
    options.only = tuple(options.only or scenarios.NAMES)
    vars(options).update(defaults | (QUICK if options.quick else {}) | given)
    told = " ".join(f"--{name} {value:g}" for name, value in given.items() if name != "sizes")
    options.command = f'make bench ARGS="{told}"' if told else "make bench"
    return options


def _sizes(text: str) -> tuple[int, ...]:
    sizes = tuple(int(part) for part in text.split(","))
    if any(size < min(SIZES) or size % data.BLOCK for size in sizes) or list(sizes) != sorted(
        sizes
    ):
        raise argparse.ArgumentTypeError(
            f"must rise from {min(SIZES)} and be multiples of {data.BLOCK}"
        )
    return sizes


if __name__ == "__main__":
    run_benchmark(main(_arguments()))
