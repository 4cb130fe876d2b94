"""Some drills, shortened, in every run of the tests: the ledger must balance after each.

How long a recovery takes is for `make chaos` to judge, on a machine that does nothing else.
"""

from collections.abc import AsyncIterator
from typing import Final

import pytest

from tests.chaos.drills import FAMILIES
from tests.chaos.harness.trial import Drill
from tests.chaos.harness.world import World, open_world

SEED: Final = 20_260_101
CHOSEN: Final = (
    ("redis_wiped", "FLUSHALL 20 times under load"),
    ("workers_killed", "kill -9 of a consumer before its commit"),
    ("events_poisoned", "poison: a handler's bug for 1 % of keys, broken contracts"),
    ("streams_scrambled", "entries duplicated, late and reordered; two replicas"),
)
SELECTION: Final = [
    drill for family, name in CHOSEN for drill in FAMILIES[family] if drill.name == name
]

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.xdist_group("chaos"),
    pytest.mark.timeout(240),
]


@pytest.fixture(scope="module")
async def world(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    async with open_world(tmp_path_factory.mktemp("world")) as world:
        yield world


def test_every_chosen_drill_exists() -> None:
    assert [drill.name for drill in SELECTION] == [name for _, name in CHOSEN]


@pytest.mark.parametrize("drill", SELECTION, ids=lambda drill: drill.name)
async def test_the_ledger_balances_after(world: World, drill: Drill) -> None:
    row = await drill.take(world, seed=SEED, quick=True)
    assert row.acknowledged > 0
    assert (row.lost, row.doubled, row.unbalanced) == (0, 0, [])
