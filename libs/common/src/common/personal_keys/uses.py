"""When personal access tokens were last used: noted at most once a minute each, told in batches.

It is for owners who look which of their tokens they still need: a process that ends takes a
minute's uses with it.
"""

from collections.abc import Mapping
from datetime import datetime
from itertools import batched
from typing import Final
from uuid import UUID

from common.errors import Unavailable
from common.http.client import PeerClient

PATH: Final = "/internal/personal-keys/uses"
PERIOD_SECONDS: Final = 60.0
AT_ONCE: Final = 500

_MOST: Final = 10_000


class Uses:
    """The last use of each token that was used since it was told."""

    def __init__(self) -> None:
        self._uses: dict[UUID, datetime] = {}

    def note(self, key_id: UUID, used_at: datetime) -> None:
        """Note a use; beyond 10,000 tokens a minute some are not noted."""
        if len(self._uses) < _MOST or key_id in self._uses:
            self._uses[key_id] = used_at

    def take(self) -> Mapping[UUID, datetime]:
        """Return what was noted, and forget it."""
        taken, self._uses = self._uses, {}
        return taken

    def give_back(self, uses: Mapping[UUID, datetime]) -> None:
        """Note again what could not be told, unless a token was used since."""
        self._uses = {**uses, **self._uses}


async def report_key_uses(uses: Uses, issuer: PeerClient) -> None:
    """Tell the service that issues tokens of all uses that were noted.

    Raises:
        Unavailable: It does not answer; they are told the next time.
    """
    untold = dict(uses.take())
    try:
        for part in batched(list(untold.items()), AT_ONCE, strict=False):
            body = [{"key_id": str(key), "used_at": at.isoformat()} for key, at in part]
            await issuer.request("POST", PATH, json={"uses": body})
            for key_id, _ in part:
                del untold[key_id]
    except Unavailable:
        uses.give_back(untold)
        raise
