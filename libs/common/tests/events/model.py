"""The model: what a producer told, as plain lists, and what has to follow from it everywhere."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

from common.place import EMPTY, Place
from libs.common.tests.events.world import Effect, Entry, Evidence, Lost


@dataclass(frozen=True)
class Backup:
    """The producer's database at some time, and what the model knew of it then."""

    rows: str
    line: "Line"


@dataclass
class Line:
    """What the producer's database holds now: the present line of history."""

    outbox: set[int] = field(default_factory=set)
    log: list[Entry] = field(default_factory=list)
    head: Place = EMPTY
    forgotten: int = 0

    def copy(self) -> "Line":
        return replace(self, outbox=set(self.outbox), log=list(self.log))

    def numbers(self) -> set[int]:
        return self.outbox | {entry.n for entry in self.log}


@dataclass
class Model:
    """Everything that was ever committed and given a place, and the line that is true now."""

    line: Line = field(default_factory=Line)
    ever: dict[Place, int] = field(default_factory=dict)
    keys: dict[int, str] = field(default_factory=dict)
    poisoned_keys: set[str] = field(default_factory=set)
    newest_epoch: int = 0
    reborn: bool = True

    def committed(self, numbers: Sequence[int]) -> None:
        self.line.outbox.update(numbers)

    def begins_life(self, line: Line | None) -> None:
        self.reborn = True
        if line is not None:
            self.line = line.copy()

    def forgets(self, position: int) -> None:
        self.line.forgotten = max(self.line.forgotten, min(position, self.line.head.position))

    def saw(self, head: Place, new: list[Entry]) -> None:
        """Check what a relay did: it may number what is in the outbox, and open one epoch a life.

        Args:
            head: The head after that.
            new: What the log has since the model looked last.
        """
        before = self.line.head
        if head.epoch != before.epoch:
            assert self.reborn, f"a second epoch of one life: {before} to {head}"
            assert head.epoch > self.newest_epoch, f"an epoch was used before: {head}"
            self.newest_epoch, self.reborn = head.epoch, False
        positions = range(before.position + 1, head.position + 1)
        expected = [Place(head.epoch, position) for position in positions]
        assert [entry.place for entry in new] == expected, f"after {before}: {new}"
        assert not (new and self.reborn), f"numbered in an epoch of a former life: {new}"
        numbers = [entry.n for entry in new]
        assert numbers == sorted(numbers), f"numbered out of order: {numbers}"
        assert self.line.outbox.issuperset(numbers), f"numbered without a commit: {numbers}"
        self.line.outbox -= set(numbers)
        self.line.log += new
        self.line.head = head
        self.ever.update(new)

    def check_log(self, log: list[Entry]) -> None:
        assert not self.line.outbox, f"never numbered: {self.line.outbox}"
        assert log == [each for each in self.line.log if each.place.position > self.line.forgotten]

    def check_stream(self, stream: list[tuple[str, int | None]]) -> None:
        """Check that the stream holds events that follow each other in the log, and their top."""
        known = {str(entry.place): entry.n for entry in self.line.log}
        foreign = [(at, n) for at, n in stream if known.get(at) != n]
        assert not foreign, f"on the stream, not in the log: {foreign}"
        ids, all_ids = [at for at, _ in stream], list(known)
        begin = all_ids.index(ids[0]) if ids else 0
        assert ids == all_ids[begin : begin + len(ids)], f"the stream has gaps: {ids}"

    def check_effects(self, evidence: Evidence) -> None:
        """Check that all of the line took effect once, and that the rest is known as lost."""
        self._check_order(evidence.effects)
        places = [effect.place for effect in evidence.effects]
        line = [entry.place for entry in self.line.log]
        skipped = [lost for lost in evidence.lost if lost.kind == "skipped"]
        missing = set(line) - set(places)
        unexplained = {place for place in missing if not _in_any(place, skipped)}
        assert not unexplained, f"never took effect: {unexplained}"
        self._check_ghosts(set(places) - set(line), evidence)
        kept = self.line.numbers() - evidence.copies
        assert not kept, f"missing from the copies: {kept}"

    def check_unhindered(self, evidence: Evidence) -> None:
        """Check that only keys with a failing event wait."""
        done = {effect.place for effect in evidence.effects}
        skipped = [lost for lost in evidence.lost if lost.kind == "skipped"]
        waiting = [
            entry
            for entry in self.line.log
            if entry.place not in done and self.keys[entry.n] not in self.poisoned_keys
        ]
        hindered = [entry for entry in waiting if not _in_any(entry.place, skipped)]
        assert not hindered, f"delayed without a reason: {hindered}"

    def _check_order(self, effects: list[Effect]) -> None:
        strangers = [e for e in effects if self.ever.get(e.place) != e.n]
        assert not strangers, f"never told by the producer: {strangers}"
        direct = [effect.place for effect in effects if effect.via == "consumer"]
        _check_rising(direct, "the consumer's effects")
        for key in set(self.keys.values()):
            of_key = [effect.place for effect in effects if self.keys[effect.n] == key]
            _check_rising(of_key, f"effects of key {key}")

    def _check_ghosts(self, actual: set[Place], evidence: Evidence) -> None:
        ghosts = [lost for lost in evidence.lost if lost.kind == "ghosts"]
        applied = {effect.place for effect in evidence.effects}
        recorded = {place for place in applied if any(_carries(place, lost) for lost in ghosts)}
        assert actual == recorded, f"ghosts {actual}, recorded {recorded} by {ghosts}"
        gone = set(self.ever) - {entry.place for entry in self.line.log}
        for lost in ghosts:
            for position in range(lost.first, lost.last + 1):
                known = any(p.position == position and _carries(p, lost) for p in gone)
                assert known, f"nothing was lost at {position} of {lost}"
        empty = [lost for lost in evidence.lost if lost.first > lost.last]
        assert not empty, f"nothing is lost in {empty}"


def _carries(place: Place, ghosts: Lost) -> bool:
    """Tell whether an operator would find what this place wrote, as `LostRange` tells how."""
    return place.epoch <= ghosts.epoch and place.position >= ghosts.first


def _in_any(place: Place, ranges: list[Lost]) -> bool:
    return any(each.first <= place.position <= each.last for each in ranges)


def _check_rising(places: list[Place], what: str) -> None:
    falls = [(a, b) for a, b in pairwise(places) if a >= b]
    assert not falls, f"{what} are doubled or out of order: {falls}"
