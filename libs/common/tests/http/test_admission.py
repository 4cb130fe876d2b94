"""Who gets a slot and who is refused, at moments that the test chooses."""

import pytest

from common.http.admission import MOMENT_SECONDS, MOST_WAITING, TURN_SECONDS, Admission

QUEUE, PATIENCE = 5, 1.0
LATER = MOMENT_SECONDS + 0.001


def made(limit: int) -> Admission[str]:
    return Admission(limit=limit, queue_limit=QUEUE, queue_seconds=PATIENCE)


def full(limit: int = 1) -> Admission[str]:
    """An admission whose slots are taken."""
    slots = made(limit)
    for _ in range(limit):
        assert slots.enter(now=0.0)
    assert slots.settle(now=0.0) == ([], [])
    return slots


def wait(slots: Admission[str], names: str, *, now: float) -> None:
    for name in names:
        assert not slots.enter(now=now)
        slots.wait(name, now=now)


def overloaded(*, now: float) -> Admission[str]:
    """An admission of one slot for which more wait than may."""
    slots = full()
    wait(slots, "abcdef", now=now)
    assert slots.settle(now=now) == ([], [])
    return slots


def test_slots_are_limited_and_come_back() -> None:
    slots = full(limit=2)
    assert not slots.enter(now=1.0)
    slots.leave()
    assert slots.enter(now=1.0)
    assert slots.in_flight == 2


def test_nobody_overtakes_who_waits() -> None:
    slots = full()
    wait(slots, "a", now=0.0)
    slots.leave()
    assert not slots.enter(now=0.0)
    assert slots.settle(now=0.0) == (["a"], [])


def test_the_first_to_come_is_the_first_to_go() -> None:
    slots = full()
    wait(slots, "abcde", now=0.0)
    begun = []
    for number in range(QUEUE):
        slots.leave()
        admitted, refused = slots.settle(now=PATIENCE * number / QUEUE)
        assert not refused, "as many may wait, and none waits for too long"
        begun += admitted
    assert begun == list("abcde")


def test_the_newest_goes_first_when_more_wait_than_may() -> None:
    slots = overloaded(now=0.0)
    wait(slots, "g", now=0.01)
    slots.leave()
    assert slots.settle(now=0.01) == (["g"], [])


def test_who_has_waited_for_a_moment_in_overload_is_refused() -> None:
    slots = overloaded(now=0.0)
    wait(slots, "g", now=0.01)
    assert slots.settle(now=MOMENT_SECONDS - 0.001) == ([], [])
    assert slots.settle(now=LATER) == ([], list("abcdef"))
    assert slots.settle(now=0.01 + LATER) == ([], ["g"])


def test_who_waits_for_too_long_is_a_sign_of_overload() -> None:
    slots = full()
    wait(slots, "a", now=0.0)
    wait(slots, "b", now=PATIENCE - 0.001)
    assert slots.settle(now=PATIENCE - 0.001) == ([], [])
    assert slots.settle(now=PATIENCE + 0.001) == ([], ["a"])
    assert slots.settle(now=PATIENCE + LATER) == ([], ["b"])


def test_who_is_late_is_answered_if_there_is_a_slot() -> None:
    slots = full()
    wait(slots, "a", now=0.0)
    slots.leave()
    assert slots.settle(now=60.0) == (["a"], [])


def test_overload_lasts_while_nothing_moves() -> None:
    slots = overloaded(now=0.0)
    slots.settle(now=LATER)
    assert slots.waiting == 0
    wait(slots, "g", now=1.0)
    assert slots.settle(now=1.0 + LATER) == ([], ["g"])


def test_overload_ends_when_somebody_need_not_wait() -> None:
    slots = overloaded(now=0.0)
    slots.settle(now=LATER)
    slots.leave()
    assert slots.enter(now=1.0)
    wait(slots, "gh", now=1.0)
    slots.leave()
    assert slots.settle(now=1.0 + LATER) == (["g"], [])


def test_less_patience_than_a_moment_is_kept_to() -> None:
    slots: Admission[str] = Admission(limit=1, queue_limit=QUEUE, queue_seconds=0.0)
    assert slots.enter(now=0.0)
    wait(slots, "a", now=0.0)
    assert slots.settle(now=0.0) == ([], ["a"])


def test_the_queue_has_an_end() -> None:
    slots: Admission[int] = Admission(limit=1, queue_limit=QUEUE, queue_seconds=PATIENCE)
    assert slots.enter(now=0.0)
    for number in range(MOST_WAITING + 3):
        slots.wait(number, now=0.0)
    assert slots.settle(now=0.0) == ([], [0, 1, 2])
    assert slots.waiting == MOST_WAITING


@pytest.mark.parametrize(
    ("share", "begun"), [(0.5, [8, 8, 8]), (2, [8, 4, 2, 1, 1])], ids=["short", "long"]
)
def test_as_many_begin_in_a_turn_as_it_has_time_for(share: float, begun: list[int]) -> None:
    slots, now = made(limit=8), 0.0
    for expected in begun:
        assert sum(slots.enter(now=now) for _ in range(9)) == expected
        slots.in_flight = 0
        now += share * TURN_SECONDS
        assert slots.settle(now=now) == ([], [])


def test_those_that_wait_begin_in_turns_too() -> None:
    slots = made(limit=4)
    assert [slots.enter(now=0.0) for _ in range(4)] == [True] * 4
    wait(slots, "abcd", now=0.0)
    slots.in_flight = 0
    now = TURN_SECONDS * 2
    assert slots.settle(now=now) == (list("ab"), []), "four took too long"
    assert not slots.enter(now=now), "this turn has no time left"
    assert slots.settle(now=now * 2) == (["c"], [])
    assert slots.settle(now=now * 2 + TURN_SECONDS / 2) == (["d"], []), "there is time for two"
