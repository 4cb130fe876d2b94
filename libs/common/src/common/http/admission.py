"""Who begins now, who waits, who is refused: the arithmetic of overload, without a clock.

Who comes first goes first, as long as few wait and none for long. When more wait than there may
(or one for longer than anybody should), that is overload until nobody waits any more: the newest
goes first, who can still be answered soon, and who has waited for a moment is refused (after
adaptive LIFO and controlled delay, Maurer, ACM Queue 13(8)).

In a turn of the loop only so many begin as it has time for. Handlers that use the processor alone
would else follow each other, before anybody has looked at the sockets or counts who waits.
"""

from collections import deque
from typing import Final

# What anybody waits for at most in overload: for less, and clients that ask again at once would
# take the processor; for more, and they would learn late that they have to.
MOMENT_SECONDS: Final = 0.02
# How long requests should begin in one turn of the loop.
TURN_SECONDS: Final = 0.001
# Beyond any queue of a moment; it bounds the memory.
MOST_WAITING: Final = 1000


class Admission[T]:
    """The slots of one process, and the tickets of those that wait for one.

    Args:
        limit: How many hold a slot at a time.
        queue_limit: How many wait before that is overload.
        queue_seconds: How long the first one waits before that is overload.
    """

    def __init__(self, *, limit: int, queue_limit: int, queue_seconds: float) -> None:
        self.in_flight = 0
        self._limit = limit
        self._queue_limit = queue_limit
        self._patience = queue_seconds
        self._overloaded = False
        self._waiting: deque[tuple[float, T]] = deque()
        # How many may begin in a turn of the loop, how many have in this one, and since when.
        self._most = limit
        self._begun = 0
        self._since = 0.0

    @property
    def waiting(self) -> int:
        """How many wait."""
        return len(self._waiting)

    def enter(self, *, now: float) -> bool:
        """Take a slot if nobody waits for it, there is one, and this turn has time left."""
        if self._waiting or not self._may_begin():
            return False
        if not self._begun:
            self._since = now
        self._begin()
        self._overloaded = False
        return True

    def wait(self, ticket: T, *, now: float) -> None:
        """Queue a ticket; `settle` says what becomes of it."""
        self._waiting.append((now, ticket))

    def leave(self) -> None:
        """Give a slot back."""
        self.in_flight -= 1

    def settle(self, *, now: float) -> tuple[list[T], list[T]]:
        """Begin a turn: return the tickets that now have a slot, and those that are refused."""
        self._turn(now)
        admitted, refused = [], []
        while self._waiting and self._may_begin():
            self._begin()
            take = self._waiting.pop if self._overloaded else self._waiting.popleft
            admitted.append(take()[1])
        if self._waiting and (self.waiting > self._queue_limit or self._late(now, self._patience)):
            self._overloaded = True
        while self._overloaded and self._waiting and self._is_refused(now):
            refused.append(self._waiting.popleft()[1])
        return admitted, refused

    def _turn(self, now: float) -> None:
        if self._begun:
            soon = now < self._since + TURN_SECONDS
            self._most = min(self._most * 2, self._limit) if soon else max(self._most // 2, 1)
        self._begun, self._since = 0, now

    def _may_begin(self) -> bool:
        return self.in_flight < self._limit and self._begun < self._most

    def _begin(self) -> None:
        self.in_flight += 1
        self._begun += 1

    def _is_refused(self, now: float) -> bool:
        moment = min(self._patience, MOMENT_SECONDS)
        return self._late(now, moment) or self.waiting > MOST_WAITING

    def _late(self, now: float, seconds: float) -> bool:
        return now >= self._waiting[0][0] + seconds
