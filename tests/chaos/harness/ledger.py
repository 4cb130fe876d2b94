"""The ledger check: what was acknowledged is there, and each fact took effect once, in order.

It compares whole tables after everything has come to rest. Ghosts (effects of facts that a restore
took away) are neither lost nor doubled, but each must be in a range that its consumer recorded.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Final

from common.place import Place, stream_key
from tests.chaos import tally
from tests.chaos.harness.load import Attempt, Record
from tests.chaos.harness.world import CONSUMES, PRODUCERS, World

_LOG: Final = "SELECT epoch, position, event_id, type, key FROM event_log ORDER BY position"
_EFFECTS: Final = """
    SELECT epoch, position, event_id, id FROM effects WHERE producer = $1 ORDER BY id
"""
_NOTIFICATIONS: Final = """
    WITH due AS (
        SELECT DISTINCT p.post_id, f.follower_id FROM published_posts p
          JOIN follows f ON f.followee_id = p.author_id AND f.since <= p.published_at
                        AND (f.until IS NULL OR f.until > p.published_at)
         WHERE NOT p.deleted)
    SELECT count(*) FILTER (WHERE n.id IS NULL) AS missing,
           count(*) FILTER (WHERE due.post_id IS NULL) AS surplus
      FROM due FULL JOIN notifications n
        ON n.post_id = due.post_id AND n.recipient_id = due.follower_id
"""
_SHOWN: Final = 3


@dataclass(frozen=True, slots=True)
class Gap:
    """Positions that a consumer recorded: `ghosts`, or `skipped` past retention."""

    kind: str
    epoch: int
    first: int
    last: int

    def covers(self, place: Place) -> bool:
        # A range of ghosts may reach over several lives of the database, none after `epoch`.
        return self.first <= place.position <= self.last and place.epoch <= self.epoch


@dataclass(frozen=True, slots=True)
class Allowed:
    """What a drill does on purpose.

    Attributes:
        rolled_back: The time (since the epoch) between backup and restore, of posts' database.
        skipped: Whether a consumer fell past retention.
        out_of_order: Whether keys were parked: then order holds within each key alone.
    """

    rolled_back: tuple[float, float] = (0.0, 0.0)
    skipped: bool = False
    out_of_order: bool = False


@dataclass(slots=True)
class Findings:
    """What the ledger says; without problems it is balanced."""

    lost: int = 0
    doubled: int = 0
    rolled_back: int = 0
    problems: list[str] = field(default_factory=list)

    def note(self, what: str, items: Iterable[object]) -> int:
        """Note a problem for items that should not be there; return how many there are."""
        found = list(items)
        if found:
            shown = ", ".join(str(item) for item in found[:_SHOWN])
            self.problems.append(f"{what}: {len(found)} ({shown})")
        return len(found)


class Ledger:
    """The check of one world after one load."""

    def __init__(self, world: World, record: Record, allowed: Allowed) -> None:
        self._world = world
        self._record = record
        self._allowed = allowed
        self._findings = Findings()

    async def check(self) -> Findings:
        """Compare everything; the world must be at rest."""
        await self._check_posts()
        await self._check_people()
        for producer in PRODUCERS:
            await self._check_producer(producer)
        await self._check_copies()
        await self._check_reactions()
        await self._check_parked()
        return self._findings

    async def _check_posts(self) -> None:
        """Every acknowledged post is in the database and in the log, but for those rolled back."""
        kept = {str(row[0]) for row in await self._fetch("posts", "SELECT id FROM posts")}
        if not self._allowed.skipped:
            kept &= {row[0] for row in await self._fetch("posts", "SELECT key FROM event_log")}
        missing = {key: at for key, at in self._record.posts.items() if key not in kept}
        first, last = self._allowed.rolled_back
        back = {key for key, at in missing.items() if first <= at <= last}
        self._findings.rolled_back += len(back)
        self._findings.lost += self._findings.note("acknowledged posts lost", missing.keys() - back)

    async def _check_people(self) -> None:
        """The same for names, follows and accounts."""
        if not self._allowed.skipped:
            rows = await self._fetch("users", "SELECT payload->>'display_name' FROM event_log")
            told = {row[0] for row in rows}
            acked = (a for each in self._record.names.values() for a in each if a.acknowledged)
            self._lose("acknowledged names", (a.value for a in acked if a.value not in told))
        rows = await self._fetch("users", "SELECT username, display_name FROM profiles")
        now = {row[0]: row[1] for row in rows}
        wrong = (who for who, each in self._record.names.items() if not _may_be(now[who], each))
        self._lose("present names", wrong)
        query = """SELECT a.username, b.username FROM follows f
                     JOIN profiles a ON a.id = follower_id JOIN profiles b ON b.id = followee_id"""
        pairs = {(row[0], row[1]) for row in await self._fetch("users", query)}
        states = {pair: "PUT" if pair in pairs else "DELETE" for pair in self._record.follows}
        wrong_pairs = (
            p for p, each in self._record.follows.items() if not _may_be(states[p], each)
        )
        self._lose("present follows", wrong_pairs)
        rows = await self._fetch("auth", "SELECT username FROM accounts")
        self._lose("acknowledged accounts", self._record.accounts - {row[0] for row in rows})

    def _lose(self, what: str, items: Iterable[object]) -> None:
        self._findings.lost += self._findings.note(f"{what} lost", items)

    async def _check_producer(self, producer: str) -> None:
        log = await self._fetch(producer, _LOG)
        places = [_place(row) for row in log]
        head = (await self._fetch(producer, "SELECT epoch, position FROM stream_head"))[0]
        steps = [(a, b) for a, b in pairwise(places) if b.position != a.position + 1]
        self._findings.note(f"{producer}: positions not contiguous", steps)
        falls = [(a, b) for a, b in pairwise(places) if b.epoch < a.epoch]
        self._findings.note(f"{producer}: epochs fall", falls)
        if places and places[-1].position != head["position"]:
            self._findings.problems.append(f"{producer}: the log does not end at its head")
        await self._check_stream(producer, log)
        await self._check_effects(producer, log)
        await self._check_cursors(producer, _place(head))

    async def _check_stream(self, producer: str, log: list[Any]) -> None:
        """The stream has no other entries than the last of the log, and gives no id twice."""
        if not log:
            return
        redis = self._world.valkey.redis
        entries: Any = await redis.xrange(stream_key(producer))
        info: Any = await redis.xinfo_stream(stream_key(producer))
        ids = [entry_id.decode() for entry_id, _ in entries]
        places = [f"{row['epoch']}-{row['position']}" for row in log]
        # Retention may have left less of the log than of the stream.
        common = min(len(ids), len(places)) if self._allowed.skipped else len(ids)
        if ids[len(ids) - common :] != places[len(places) - common :]:
            self._findings.problems.append(
                f"{producer}: the stream ({len(ids)} entries, {ids[:1]} to {ids[-1:]}) is not"
                f" the tail of the log ({len(log)} events, the last {places[-1]})"
            )
        if (top := info["last-generated-id"].decode()) != places[-1]:
            self._findings.problems.append(f"{producer}: the stream's top is {top}")

    async def _check_effects(self, producer: str, log: list[Any]) -> None:
        """Each event of the log is in the tally once, in order, and nothing else is."""
        gaps = await self._gaps(tally.NAME, producer)
        rows = await self._fetch(tally.NAME, _EFFECTS, producer)
        rows = [row for row in rows if not _covered(_place(row), gaps, "ghosts")]
        effects = [(_place(row), row["event_id"]) for row in rows]
        expected = {_place(row): row["event_id"] for row in log}
        times = Counter(effects)
        doubled: list[object] = [place for (place, _), n in times.items() if n > 1]
        doubled_ids = [i for i, n in Counter(e[1] for e in times).items() if n > 1]
        self._findings.doubled += self._findings.note(
            f"{producer}: doubled", doubled or doubled_ids
        )
        let_go = await self._let_go(producer)
        missing = [
            place for place, event_id in expected.items()
            if (place, event_id) not in times and event_id not in let_go
            and not (self._allowed.skipped and _covered(place, gaps, "skipped"))
        ]  # fmt: skip
        self._findings.lost += self._findings.note(f"{producer}: without effect", missing)
        if not self._allowed.skipped:
            invented = [place for place, _ in times if place not in expected]
            self._findings.note(f"{producer}: effects of nothing (silent ghosts)", invented)
        keys = {row["event_id"]: row["key"] for row in log}
        # Those before are in the order that the drill before allowed.
        seen = sum(row["id"] <= self._world.checked[producer] for row in rows)
        self._findings.note(f"{producer}: out of order", self._disorder(effects[seen:], keys))
        self._world.checked[producer] = rows[-1]["id"] if rows else 0

    def _disorder(self, effects: list[tuple[Place, Any]], keys: dict[Any, str]) -> list[str]:
        last: dict[str, Place] = {}
        found = []
        for place, event_id in effects:
            key = keys.get(event_id, "") if self._allowed.out_of_order else ""
            if place < last.get(key, place):
                found.append(f"{place} after {last[key]}")
            last[key] = place
        return found

    async def _check_cursors(self, producer: str, last: Place) -> None:
        for consumer, producers in CONSUMES.items():
            if producer in producers:
                cursor = (await self._world.cursors(consumer))[producer]
                if cursor != last and cursor.position != last.position:
                    self._findings.problems.append(
                        f"{consumer} is at {cursor} of {producer}, whose head is {last}"
                    )

    async def _check_copies(self) -> None:
        """The copies of services equal their source, but for rows that ghosts left behind."""
        query = "SELECT id, slug, title FROM posts WHERE status = 'published'"
        source = {tuple(row) for row in await self._fetch("posts", query)}
        of_notifier = "SELECT post_id, slug, title, epoch, position FROM published_posts"
        await self._check_copied_posts("notifier", f"{of_notifier} WHERE NOT deleted", source)
        of_tally = "SELECT post_id, title, epoch, position FROM copied_posts"
        counted = {(row[0], row[2]) for row in source}
        await self._check_copied_posts(tally.NAME, f"{of_tally} WHERE title IS NOT NULL", counted)
        cards = "SELECT {} AS id, username, display_name FROM {}"
        profiles = await self._fetch("users", cards.format("id", "profiles"))
        authors = await self._fetch("posts", cards.format("user_id", "authors"))
        source, copied = ({tuple(row) for row in each} for each in (profiles, authors))
        self._compare("posts' authors", source - copied, copied - source)
        pairs = "SELECT follower_id, followee_id FROM follows"
        source = {tuple(row) for row in await self._fetch("users", pairs)}
        copied = {
            tuple(row) for row in await self._fetch("notifier", f"{pairs} WHERE until IS NULL")
        }
        self._compare("notifier's follows", source - copied, copied - source)

    async def _check_copied_posts(self, consumer: str, query: str, source: set[Any]) -> None:
        """Compare a consumer's copies, whose last columns are their place, with their source."""
        ghosts = await self._gaps(consumer, "posts")
        rows = [tuple(row) for row in await self._fetch(consumer, query)]
        copies = {row[:-2]: Place(*row[-2:]) for row in rows}
        surplus = {c for c, at in copies.items() if c not in source and not _covered(at, ghosts)}
        self._compare(f"{consumer}'s posts", source - copies.keys(), surplus)

    def _compare(self, what: str, missing: set[Any], surplus: set[Any]) -> None:
        self._findings.lost += self._findings.note(f"{what} that are missing", missing)
        self._findings.note(f"{what} that have no source", surplus)

    async def _check_reactions(self) -> None:
        """Inboxes are what the copies say; each request for a mail made one row."""
        if self._allowed.skipped:
            return
        row = (await self._fetch("notifier", _NOTIFICATIONS))[0]
        if row["missing"] or row["surplus"]:
            self._findings.problems.append(
                f"notifications: {row['missing']} missing, {row['surplus']} surplus"
            )
        asked = "SELECT count(*) FROM event_log WHERE type = $1 OR type = $2"
        types = ("auth.email_verification_requested.v1", "auth.known_address_registered.v1")
        wanted = (await self._fetch("auth", asked, *types))[0][0]
        mails = (await self._fetch("notifier", "SELECT count(*) FROM emails"))[0][0]
        if mails != wanted:
            self._findings.problems.append(f"{wanted} mails were asked for, there are {mails}")

    async def _check_parked(self) -> None:
        for consumer in CONSUMES:
            query = "SELECT key, error FROM parked_events WHERE skipped_at IS NULL"
            rows = await self._fetch(consumer, query)
            self._findings.note(f"{consumer}: parked", ((r["key"], r["error"]) for r in rows))

    async def _let_go(self, producer: str) -> set[Any]:
        """The events that an operator skipped, with a reason that is kept."""
        query = """SELECT event_id FROM parked_events
                    WHERE producer = $1 AND skipped_at IS NOT NULL AND skip_reason <> ''"""
        return {row[0] for row in await self._fetch(tally.NAME, query, producer)}

    async def _gaps(self, consumer: str, producer: str) -> list[Gap]:
        query = """SELECT kind, epoch, first_position, last_position
                     FROM lost_ranges WHERE producer = $1"""
        return [Gap(*row) for row in await self._fetch(consumer, query, producer)]

    async def _fetch(self, service: str, query: str, *arguments: object) -> list[Any]:
        return await self._world.fetch(service, query, *arguments)


def _place(row: Any) -> Place:
    return Place(row["epoch"], row["position"])


def _covered(place: Place, gaps: Iterable[Gap], kind: str = "ghosts") -> bool:
    return any(gap.kind == kind and gap.covers(place) for gap in gaps)


def _may_be(value: str, attempts: list[Attempt]) -> bool:
    """Whether a state is what the last acknowledged attempt left, or one after it may have."""
    acknowledged = [i for i, attempt in enumerate(attempts) if attempt.acknowledged]
    if not acknowledged:
        return True
    return value in {attempt.value for attempt in attempts[acknowledged[-1] :]}
