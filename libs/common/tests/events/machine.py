"""The machine: anything that can happen, in any order; at the end the promise must have been kept.

A process that an act lets work passes some checkpoints and stops; a later act lets it go on.
"""

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Protocol

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from libs.common.tests.events.damage import DAMAGES
from libs.common.tests.events.operations import CONSUMERS, PARTS, RELAYS, TO_THE_END, Operations
from libs.common.tests.events.world import World

PASSES = st.sampled_from([TO_THE_END] * 6 + [0, 1, 1, 2, 3, 4])
RARELY = st.sampled_from([False] * 5 + [True])
KEYS = st.lists(st.sampled_from("abc"), min_size=1, max_size=4)
AGES = st.integers(0, 2)


class Act(Protocol):
    async def happen(self, operations: Operations) -> None: ...


@dataclass(frozen=True)
class Append:
    keys: list[str]
    poisoned: bool

    async def happen(self, operations: Operations) -> None:
        await operations.append(self.keys, poisoned=self.poisoned)


@dataclass(frozen=True)
class BeginOrCommitLate:
    key: str

    async def happen(self, operations: Operations) -> None:
        await operations.begin_or_commit_late(self.key)


@dataclass(frozen=True)
class Flow:
    """Append, and let whoever is free work on it: so that runs come far, not only into trouble."""

    keys: list[str]
    passes: tuple[int, int, int] = (TO_THE_END, TO_THE_END, TO_THE_END)

    async def happen(self, operations: Operations) -> None:
        await operations.append(self.keys)
        await operations.flow(self.passes)


@dataclass(frozen=True)
class Assign:
    relay: str
    passes: int

    async def happen(self, operations: Operations) -> None:
        await operations.assign(self.relay, self.passes)


@dataclass(frozen=True)
class Publish:
    relay: str
    passes: int

    async def happen(self, operations: Operations) -> None:
        await operations.publish(self.relay, self.passes)


@dataclass(frozen=True)
class Consume:
    """Take a step; `silence` comes before it, `unavailable` is something that the effect needs."""

    consumer: str
    passes: int
    silence: bool
    unavailable: bool

    async def happen(self, operations: Operations) -> None:
        await operations.consume(
            self.consumer, self.passes, silence=self.silence, unavailable=self.unavailable
        )


@dataclass(frozen=True)
class Retry:
    """Retry a parked event, after what it failed on was fixed, or before."""

    passes: int
    fixed: bool

    async def happen(self, operations: Operations) -> None:
        if self.fixed:
            operations.poison.clear()
        await operations.retry(self.passes)


@dataclass(frozen=True)
class Kill:
    part: str

    async def happen(self, operations: Operations) -> None:
        await operations.kill(self.part)


@dataclass(frozen=True)
class Damage:
    kind: str

    async def happen(self, operations: Operations) -> None:
        await operations.damage(self.kind)


@dataclass(frozen=True)
class LoseOrFindRedis:
    async def happen(self, operations: Operations) -> None:
        operations.world.redis.away = not operations.world.redis.away


@dataclass(frozen=True)
class CopyStream:
    async def happen(self, operations: Operations) -> None:
        await operations.copy_stream()


@dataclass(frozen=True)
class PutStreamBack:
    age: int

    async def happen(self, operations: Operations) -> None:
        copies = operations.stream_copies
        if copies:
            await operations.put_stream_back(copies[max(0, len(copies) - 1 - self.age)])


@dataclass(frozen=True)
class Forget:
    """Let retention take all but the last few events."""

    last: int

    async def happen(self, operations: Operations) -> None:
        await operations.retain(self.last)


@dataclass(frozen=True)
class RestartDatabase:
    async def happen(self, operations: Operations) -> None:
        await operations.begin_life()


@dataclass(frozen=True)
class BackUp:
    async def happen(self, operations: Operations) -> None:
        await operations.back_up()


@dataclass(frozen=True)
class Restore:
    """Put a backup back. Later ones are of a time that now never was: nobody restores them."""

    age: int

    async def happen(self, operations: Operations) -> None:
        backups = operations.backups
        del backups[max(1, len(backups) - self.age) :]
        await operations.begin_life(backups[-1])


# How often each happens, relative to the others.
WEIGHTS: tuple[tuple[int, Callable[[], st.SearchStrategy[Act]]], ...] = (
    (6, lambda: st.builds(Flow, KEYS, st.tuples(PASSES, PASSES, PASSES))),
    (1, lambda: st.builds(Append, KEYS, RARELY)),
    (1, lambda: st.builds(BeginOrCommitLate, st.sampled_from(["late 1", "late 2"]))),
    (2, lambda: st.builds(Assign, st.sampled_from(RELAYS), PASSES)),
    (2, lambda: st.builds(Publish, st.sampled_from(RELAYS), PASSES)),
    (3, lambda: st.builds(Consume, st.sampled_from(CONSUMERS), PASSES, st.booleans(), RARELY)),
    (1, lambda: st.builds(Retry, PASSES, st.booleans())),
    (1, lambda: st.builds(Kill, st.sampled_from(PARTS))),
    (2, lambda: st.builds(Damage, st.sampled_from(sorted(DAMAGES)))),
    (1, lambda: st.builds(LoseOrFindRedis)),
    (1, lambda: st.builds(CopyStream)),
    (1, lambda: st.builds(PutStreamBack, AGES)),
    (1, lambda: st.builds(Forget, AGES)),
    (1, lambda: st.builds(RestartDatabase)),
    (1, lambda: st.builds(BackUp)),
    (2, lambda: st.builds(Restore, AGES)),
)
ACTS = st.one_of([strategy() for weight, strategy in WEIGHTS for _ in range(weight)])


class Machine(RuleBasedStateMachine):
    """One rule for all acts: of several, Hypothesis leaves out half in each run."""

    def __init__(self, world: World) -> None:
        super().__init__()
        self._world = world
        self._broken = False
        self._operations = Operations(world)
        self._run(self._operations.begin())

    @initialize(before=KEYS, after=KEYS)
    def begin(self, before: list[str], after: list[str]) -> None:
        """Begin with some history, and with a backup of some time before."""
        for act in (Flow(before), BackUp(), Flow(after)):
            self.happen(act)

    @rule(act=ACTS)
    def happen(self, act: Act) -> None:
        self._run(act.happen(self._operations))

    def _run(self, work: Coroutine[Any, Any, object]) -> None:
        try:
            self._world.run(work)
        except BaseException:
            self._broken = True
            raise

    def teardown(self) -> None:
        """Look whether the promise was kept, unless something failed before."""
        try:
            if not self._broken:
                self._run(self._operations.heal_and_check())
        finally:
            self._world.run(self._operations.end())
