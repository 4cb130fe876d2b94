"""The code with one guard removed: what the model must find, each with a reason why it is there."""

from collections.abc import Callable, Sequence
from typing import Any

import asyncpg
import pytest
from sqlalchemy import TextClause, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from common.contracts import Envelope
from common.outbox import relay
from common.outbox.log import NO_ENTRY, Entry, knows, read_after
from common.place import EMPTY, Place
from common.streams import consumer, effects, parking
from common.streams.effects import Lost
from common.streams.tables import ParkedEvent
from libs.common.tests.events.stepping import checkpoint

type Mutation = Callable[[pytest.MonkeyPatch], None]


def append_without_comparing(patch: pytest.MonkeyPatch) -> None:
    script = relay.APPEND.replace("if top ~= ARGV[1] then", "if false then")
    patch.setattr(relay, "APPEND", script)


def publish_what_follows_a_remembered_top(patch: pytest.MonkeyPatch) -> None:
    async def read(self: Any, top: Place) -> Sequence[Entry]:
        async with self._database.driver() as connection:
            return await read_after(connection, position=top.position, limit=relay.ASSIGN_BATCH)

    patch.setattr(relay.Relay, "_read_after", read)


def publish_fresh_events_after_any_top(patch: pytest.MonkeyPatch) -> None:
    def follow(events: Sequence[Entry], top: Place) -> bool:
        return bool(events)

    patch.setattr(relay, "_follow", follow)


def continue_after_any_top(patch: pytest.MonkeyPatch) -> None:
    async def knows_all(connection: asyncpg.Connection, place: Place, entry: Entry) -> bool:
        return place != EMPTY

    patch.setattr(relay, "knows", knows_all)


def take_any_entry_for_the_event_of_its_place(patch: pytest.MonkeyPatch) -> None:
    async def knows_place(connection: asyncpg.Connection, place: Place, entry: Entry) -> bool:
        return await knows(connection, place, NO_ENTRY)

    patch.setattr(relay, "knows", knows_place)


def assign_without_the_lock(patch: pytest.MonkeyPatch) -> None:
    _replace_sql(patch, relay, "LOCK_HEAD", " FOR UPDATE SKIP LOCKED", "")


def number_in_the_order_of_keys(patch: pytest.MonkeyPatch) -> None:
    _replace_sql(patch, relay, "MOVE", "OVER (ORDER BY m.id)", "OVER (ORDER BY m.key)")


def leave_the_outbox_as_it_is(patch: pytest.MonkeyPatch) -> None:
    _replace_sql(patch, relay, "MOVE", "DELETE FROM outbox", "UPDATE outbox SET key = key")


def open_no_epoch_for_a_new_life(patch: pytest.MonkeyPatch) -> None:
    _replace_sql(patch, relay, "LOCK_HEAD", " AS reborn", " AND epoch = 0 AS reborn")


def count_epochs(patch: pytest.MonkeyPatch) -> None:
    _replace_sql(
        patch,
        relay,
        "OPEN_EPOCH",
        "greatest(epoch + 1, $1::bigint)",
        "epoch + least(1, $1::bigint)",
    )


def open_epochs_without_a_start(patch: pytest.MonkeyPatch) -> None:
    _replace_sql(
        patch,
        relay,
        "OPEN_EPOCH",
        "SELECT epoch, position + 1 FROM head)",
        "SELECT epoch, 1 + 2^40 FROM head)",
    )


def take_what_comes(patch: pytest.MonkeyPatch) -> None:
    def following(cursor: Place, events: Sequence[Envelope | None]) -> list[Envelope]:
        return [each for each in events if each is not None and each.epoch == cursor.epoch]

    patch.setattr(consumer, "_following", following)


def take_a_newer_epoch_from_the_stream(patch: pytest.MonkeyPatch) -> None:
    def following(cursor: Place, events: Sequence[Envelope | None]) -> list[Envelope]:
        run: list[Envelope] = []
        for event in events:
            if event is None or event.position > cursor.position + len(run) + 1:
                break
            run.append(event)
        return run

    patch.setattr(consumer, "_following", following)


def record_no_ghosts(patch: pytest.MonkeyPatch) -> None:
    def ghosts(self: Any, cursor: Place, resume_at: int) -> Lost | None:
        return None

    patch.setattr(consumer.Consumer, "_ghosts", ghosts)


def apply_without_the_lock(patch: pytest.MonkeyPatch) -> None:
    _replace_sql(patch, effects, "MOVE", "FOR UPDATE SKIP LOCKED", "")


def apply_without_comparing_the_cursor(patch: pytest.MonkeyPatch) -> None:
    guard = "epoch = :epoch AND position = :position"
    _replace_sql(patch, effects, "MOVE", guard, ":epoch + :position > -1")


def move_the_cursor_in_a_transaction_of_its_own(patch: pytest.MonkeyPatch) -> None:
    move = effects.Effects._move_cursor  # noqa: SLF001 — a mutation reaches into what it mutates.

    async def move_first(self: Any, session: AsyncSession, *args: Any) -> set[str] | None:
        async with self._transaction() as tx:
            parked = await move(self, tx.session, *args)
        await checkpoint()
        return parked

    patch.setattr(effects.Effects, "_move_cursor", move_first)


def let_no_event_wait_for_its_key(patch: pytest.MonkeyPatch) -> None:
    _replace_sql(patch, effects, "MOVE", "skipped_at IS NULL", "false")


def retry_any_event_of_a_key(patch: pytest.MonkeyPatch) -> None:
    def all_of_them(self: Any) -> Any:
        return select(ParkedEvent.epoch, ParkedEvent.position).where(self._waiting)

    patch.setattr(parking.Parking, "_heads", all_of_them)


def forget_a_parked_event_before_its_effect(patch: pytest.MonkeyPatch) -> None:
    due = parking.Parking.due

    async def due_and_dropped(self: Any, session: AsyncSession, **options: Any) -> Any:
        row = await due(self, session, **options)
        if row is not None:
            await self.drop(session, Envelope.model_validate(row.envelope))
            await session.commit()
        return row

    patch.setattr(parking.Parking, "due", due_and_dropped)


def _replace_sql(patch: pytest.MonkeyPatch, module: Any, name: str, old: str, new: str) -> None:
    statement = getattr(module, name)
    changed = str(statement).replace(old, new)
    assert changed != str(statement), f"{name} has no such guard any more"
    patch.setattr(module, name, text(changed) if isinstance(statement, TextClause) else changed)


MUTATIONS: tuple[Mutation, ...] = (
    append_without_comparing,
    publish_what_follows_a_remembered_top,
    publish_fresh_events_after_any_top,
    continue_after_any_top,
    assign_without_the_lock,
    number_in_the_order_of_keys,
    leave_the_outbox_as_it_is,
    open_no_epoch_for_a_new_life,
    count_epochs,
    open_epochs_without_a_start,
    take_what_comes,
    take_a_newer_epoch_from_the_stream,
    record_no_ghosts,
    apply_without_the_lock,
    apply_without_comparing_the_cursor,
    move_the_cursor_in_a_transaction_of_its_own,
    let_no_event_wait_for_its_key,
    retry_any_event_of_a_key,
    forget_a_parked_event_before_its_effect,
)
