"""What can happen to a producer, its stream and its consumer, each as one awaitable operation."""

from collections.abc import Callable, Coroutine, Sequence
from functools import partial
from typing import Any, Final

from redis.exceptions import ConnectionError as RedisConnectionError
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from common.clock import utc_now
from common.errors import Unavailable
from common.outbox import Outbox, Relay, Retention, register_reader
from common.outbox.retention import KEEP_AT_LEAST
from common.place import Place
from common.streams import Consumer, Effects, Received
from common.streams.consumer import HEAD_POLL_SECONDS
from libs.common.tests.events.bench import Counted, Tx, copy_number
from libs.common.tests.events.damage import HOLES, copy_stream, damage, put_back
from libs.common.tests.events.model import Backup, Model
from libs.common.tests.events.stepping import Process
from libs.common.tests.events.world import World

RELAYS: Final = ("relay 1", "relay 2")
CONSUMERS: Final = ("consumer 1", "consumer 2")
RETRIER: Final = "retrier"
PARTS: Final = (*RELAYS, *CONSUMERS, RETRIER)
TO_THE_END: Final = 1_000
HEALING_ROUNDS: Final = 60

TAKE = text("INSERT INTO taken (epoch, position, n, via) VALUES (:epoch, :position, :n, :via)")


class Operations:
    """A producer and a consumer with their processes, and the model of what they must do."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.model = Model()
        self.backups: list[Backup] = []
        self.stream_copies: list[tuple[bytes, bool]] = []
        self.poison: set[int] = set()
        self._unavailable = False
        self._count = 0
        self._late: dict[str, tuple[AsyncSession, int]] = {}
        self._holed = False
        self._relays: dict[str, Relay] = {}
        self._consumers: dict[str, Consumer] = {}
        self._processes: dict[str, Process] = {}
        self._fresh: dict[str, tuple[Any, int]] = {}
        self._lives = 0

    async def begin(self) -> None:
        """Empty the servers and start every part."""
        await self.world.begin_anew()
        for part in (*RELAYS, *CONSUMERS):
            self._start(part)

    async def end(self) -> None:
        """Leave nothing running and nothing open."""
        for process in self._processes.values():
            await process.kill()
        await self._lose_late_transactions()

    # Use cases.

    async def append(self, keys: list[str], *, poisoned: bool = False) -> None:
        """Commit one event a key; the first may be one that the consumer's code fails on."""
        async with self.world.producer.transaction() as session:
            numbers = [await self._add(session, key) for key in keys]
        self.model.committed(numbers)
        if poisoned:
            self.poison.add(numbers[0])
            self.model.poisoned_keys.add(keys[0])

    async def begin_or_commit_late(self, key: str) -> None:
        """Open a transaction with an event, or commit the one that was opened earlier."""
        if key not in self._late:
            session = self.world.producer.sessions()
            self._late[key] = (session, await self._add(session, key))
            return
        session, n = self._late.pop(key)
        await session.commit()
        await session.close()
        self.model.committed([n])

    async def _add(self, session: AsyncSession, key: str) -> int:
        self._count += 1
        self.model.keys[self._count] = key
        await Outbox(session).add(Counted(n=self._count), key=key)
        return self._count

    async def retain(self, last: int) -> None:
        """Forget all but the last events of the log, as if every reader had the rest."""
        position = self.model.line.head.position - last
        async with self.world.producer.reads() as connection:
            place = Place(self.model.line.head.epoch, max(position, 0))
            await register_reader(connection, name="reader", cursor=place)
        await Retention(self.world.producer).forget(now=utc_now() + 2 * KEEP_AT_LEAST)
        self.model.forgets(position)

    # Processes.

    async def assign(self, relay: str, passes: int = TO_THE_END) -> None:
        moved = await self._work(relay, self._relays[relay].assign, passes)
        if moved:
            self._fresh[relay] = (moved, self._lives)

    async def publish(self, relay: str, passes: int = TO_THE_END) -> None:
        """Publish; what the relay assigned since the last time it need not read again."""
        fresh, life = self._fresh.pop(relay, ((), self._lives))
        undisturbed = relay not in self._processes and passes == TO_THE_END and life == self._lives
        publish = partial(self._relays[relay].publish, fresh)
        published = await self._work(relay, publish, passes)
        if published and undisturbed and not self._holed:
            self.model.check_stream(await self.world.stream())

    async def consume(
        self,
        consumer: str,
        passes: int = TO_THE_END,
        *,
        silence: bool = True,
        unavailable: bool = False,
    ) -> None:
        """Take a step, after a silence that makes the consumer ask for the head, or without."""
        if silence:
            self.world.wait(HEAD_POLL_SECONDS)
        self._unavailable = unavailable
        step = partial(self._consumers[consumer].step, block_seconds=0.001)
        await self._work(consumer, step, passes)
        self._unavailable = False

    async def retry(self, passes: int = TO_THE_END) -> None:
        """Try the first parked event, whose time has come."""
        if not self.model.poisoned_keys:
            return
        if RETRIER not in self._processes:
            await self.world.wait_for_retries()
        await self._work(RETRIER, self._effects("retrier").retry, passes)

    async def kill(self, part: str) -> None:
        """Kill a part where it stands and start another in its place."""
        if part in self._processes:
            await self._processes.pop(part).kill()
        self._start(part)

    async def _work(
        self, part: str, start: Callable[[], Coroutine[Any, Any, object]], passes: int
    ) -> object:
        """Go on with what the part does, or let it begin something; return what it returned."""
        self.world.bench.log.state = self.model.line.numbers()
        if part not in self._processes:
            self._processes[part] = Process(start)
        process = self._processes[part]
        ended = await process.advance(passes)
        if process.does(Relay.assign):
            await self._look()
        if not ended:
            return None
        del self._processes[part]
        try:
            return process.result()
        except (Unavailable, RedisConnectionError):
            # The loops around a step wait and repeat it.
            return None

    async def _look(self) -> None:
        self.model.saw(*await self.world.log(after=self.model.line.head.position))

    def _start(self, part: str) -> None:
        if part in RELAYS:
            self._fresh.pop(part, None)
            self._relays[part] = self.world.bench.relay()
        elif part in CONSUMERS:
            take = partial(self._take, via="consumer")
            self._consumers[part] = self.world.bench.consumer(take)

    def _effects(self, via: str) -> Effects[Tx]:
        return self.world.bench.handling(partial(self._take, via=via))

    async def _take(self, tx: Tx, event: Received[Counted], *, via: str) -> None:
        """The effect: one row without a key, so that a second one would show, and a copy."""
        place, n = event.place, event.data.n
        values = {"epoch": place.epoch, "position": place.position, "n": n, "via": via}
        await tx.session.execute(TAKE, values)
        await copy_number(tx, event)
        if self._unavailable:
            raise Unavailable
        if n in self.poison:
            raise ValueError("poison")

    # Redis.

    async def damage(self, kind: str) -> None:
        await damage(self.world.redis, kind)
        self._holed = kind in HOLES or (self._holed and kind in {"forget scripts", "trim"})

    async def copy_stream(self) -> None:
        copy = await copy_stream(self.world.redis)
        if copy is not None:
            self.stream_copies.append((copy, self._holed))

    async def put_stream_back(self, copy: tuple[bytes, bool]) -> None:
        stream, self._holed = copy
        await put_back(self.world.redis, stream)

    # The producer's database.

    async def back_up(self) -> None:
        rows = await self.world.back_up()
        self.backups.append(Backup(rows, self.model.line.copy()))

    async def begin_life(self, backup: Backup | None = None) -> None:
        """Restart the database, or restore it: transactions break, other work does not notice."""
        await self._lose_late_transactions()
        self._lives += 1
        for relay in RELAYS:
            if relay in self._processes and self._processes[relay].does(Relay.assign):
                await self.kill(relay)
        await self.world.begin_life(backup.rows if backup else None)
        self.model.begins_life(backup.line if backup else None)

    async def _lose_late_transactions(self) -> None:
        for session, _ in self._late.values():
            await session.close()
        self._late.clear()

    # Healing.

    async def flow(self, passes: tuple[int, int, int]) -> None:
        """Let a relay and a consumer that are free do a turn of work, as far as they get."""
        for relay in self._free(RELAYS):
            await self.assign(relay, passes[0])
        for relay in self._free(RELAYS):
            await self.publish(relay, passes[1])
        for consumer in self._free(CONSUMERS):
            await self.consume(consumer, passes[2])

    def _free(self, parts: Sequence[str]) -> list[str]:
        return [part for part in parts if part not in self._processes][:1]

    async def _has_arrived(self) -> bool:
        bench, line = self.world.bench, self.model.line
        if line.outbox or await bench.stream_top() != str(line.head):
            return False
        return await bench.cursor() == str(line.head)

    async def heal_and_check(self) -> None:
        """End all faults, let one part of each kind work, and look whether the promise was kept."""
        self.world.redis.away = False
        for part in list(self._processes):
            await self._work(part, self._never, TO_THE_END)
        for key in list(self._late):
            await self.begin_or_commit_late(key)
        await self.append(["a", "b", "c"])
        assert await self._settle(), "work never came to its end"
        _, log = await self.world.log()
        self.model.check_log(log)
        if not self._holed:
            self.model.check_stream(await self.world.stream())
        self.model.check_unhindered(await self.world.evidence())
        self.poison.clear()
        while await self.world.bench.parked():
            await self.retry()
        self.model.check_effects(await self.world.evidence())

    async def _settle(self) -> bool:
        """What a relay and a consumer remember must not keep them from healing by themselves."""
        survivor = self._count % 2
        for _ in range(HEALING_ROUNDS):
            await self.assign(RELAYS[survivor])
            await self.publish(RELAYS[survivor])
            await self.consume(CONSUMERS[survivor])
            if await self._has_arrived():
                return True
        return False

    async def _never(self) -> Any:
        raise AssertionError("a process had ended")
