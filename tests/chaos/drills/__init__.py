"""The drills, one file for each family of faults."""

from typing import Final

from tests.chaos.drills import redis_away, redis_wiped

_MODULES: Final = (redis_wiped, redis_away)
FAMILIES: Final = {module.__name__.rpartition(".")[2]: module.DRILLS for module in _MODULES}
