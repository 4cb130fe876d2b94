"""What operators of a consumer see and do: cursors, parked events, lost ranges.

An app only records what is to be done; the worker finds it in PostgreSQL. Everything done is logged
with who asked for it and why.
"""

from typing import Annotated, Any
from uuid import UUID

import structlog
from fastapi import APIRouter, Query, Request, status

from common.clock import utc_now
from common.contracts import Envelope
from common.errors import Conflict
from common.http.client import PeerClient, PeerRefused
from common.http.consumer_schemas import (
    Action,
    BootstrapRead,
    ConsumerRead,
    ConsumersRead,
    LostRangeRead,
    LostRangesRead,
    ParkedEventRead,
    ParkedQuery,
    ParkedRead,
    ParkedRetry,
    ParkedSkip,
    RetryRead,
    Rewind,
    RewindRead,
    SkipRead,
)
from common.http.dependencies import CurrentCaller, Pagination, platform_of
from common.http.pagination import Page
from common.outbox.log import CursorAhead
from common.place import Place
from common.streams import operations
from common.streams.operations import Carrier, ConsumerState, Parked
from common.streams.tables import LostRange

router = APIRouter(prefix="/internal/consumers", tags=["internal"])
log = structlog.get_logger()


class RewindRefused(Conflict):
    code = "common.rewind_refused"
    message = "The cursor stays at {cursor}: {reason}"


@router.get("")
async def list_consumers(request: Request, caller: CurrentCaller) -> ConsumersRead:
    """Return how this service stands towards each producer."""
    del caller  # Any service may ask; who it is has been verified.
    async with platform_of(request).database.transaction() as session:
        states = await operations.list_consumers(session)
    return ConsumersRead(items=[_consumer(state) for state in states])


@router.get("/{producer}/parked")
async def list_parked_events(
    request: Request,
    producer: str,
    query: Annotated[ParkedQuery, Query()],
    pagination: Pagination,
    caller: CurrentCaller,
) -> Page[ParkedRead]:
    """Return parked events in the producer's order."""
    del caller  # As above.
    kind = f"{producer}'s parked events"
    async with platform_of(request).database.transaction() as session:
        await operations.read_cursor(session, producer)
        rows = await operations.list_parked(
            session,
            producer=producer,
            key=query.key,
            skipped=query.skipped,
            after=pagination.after(kind, int, int),
            limit=pagination.fetch,
        )
    return pagination.page(
        rows, kind=kind, key=lambda row: (row.event.epoch, row.event.position), render=_parked
    )


@router.get("/{producer}/parked/{event_id}")
async def get_parked_event(
    request: Request, producer: str, event_id: UUID, caller: CurrentCaller
) -> ParkedEventRead:
    """Return one parked event as it came."""
    del caller  # As above.
    async with platform_of(request).database.transaction() as session:
        found = await operations.read_parked(session, producer=producer, event_id=event_id)
    envelope = Envelope.model_validate(found.event.envelope)
    return ParkedEventRead(**_parked(found).model_dump(), envelope=envelope)


@router.post("/{producer}/parked/retry")
async def retry_parked_events(
    request: Request, producer: str, body: ParkedRetry, caller: CurrentCaller
) -> RetryRead:
    """Make parked events due now, with all their attempts."""
    async with platform_of(request).database.transaction() as session:
        due = await operations.retry_parked(
            session, producer=producer, event_id=body.event_id, key=body.key, now=utc_now()
        )
    _log_action("parked_events_retried", producer, caller, body)
    return RetryRead(due=due)


@router.post("/{producer}/parked/skip")
async def skip_parked_event(
    request: Request, producer: str, body: ParkedSkip, caller: CurrentCaller
) -> SkipRead:
    """Let the first event of a key go without its effect; the next one is due."""
    async with platform_of(request).database.transaction() as session:
        next_id = await operations.skip_parked(
            session,
            producer=producer,
            event_id=body.event_id,
            reason=body.reason,
            now=utc_now(),
        )
    _log_action("parked_event_skipped", producer, caller, body)
    return SkipRead(next_event_id=next_id)


@router.get("/{producer}/lost-ranges")
async def list_lost_ranges(
    request: Request, producer: str, caller: CurrentCaller
) -> LostRangesRead:
    """Return what took effect and was lost by its producer, and what was gone before it came."""
    del caller  # As above.
    async with platform_of(request).database.transaction() as session:
        await operations.read_cursor(session, producer)
        found = await operations.list_lost(session, producer)
        carriers = await operations.list_carriers(session)
    return LostRangesRead(items=[_lost(lost, carriers) for lost in found])


@router.post("/{producer}/rewind")
async def rewind_consumer(
    request: Request, producer: str, body: Rewind, caller: CurrentCaller
) -> RewindRead:
    """Apply again what follows a position: copies ignore it, reactions know what they did."""
    platform = platform_of(request)
    async with platform.database.transaction() as session:
        cursor = await operations.read_cursor(session, producer)
    await _check_rewind(platform.peers[producer], cursor, body.position)
    async with platform.database.transaction() as session:
        before, after = await operations.rewind_cursor(
            session, producer=producer, position=body.position
        )
    _log_action("consumer_rewound", producer, caller, body, before=str(before))
    return RewindRead(before=str(before), after=str(after))


@router.post("/{producer}/bootstrap", status_code=status.HTTP_202_ACCEPTED)
async def bootstrap_consumer(
    request: Request, producer: str, body: Action, caller: CurrentCaller
) -> BootstrapRead:
    """Ask the worker to rebuild the copies of a producer's state from its snapshots."""
    now = utc_now()
    async with platform_of(request).database.transaction() as session:
        await operations.request_bootstrap(session, producer=producer, now=now)
    _log_action("bootstrap_requested", producer, caller, body)
    return BootstrapRead(requested_at=now)


async def _check_rewind(producer: PeerClient, cursor: Place, position: int) -> None:
    """Refuse to go where the log does not reach, and to hide that the producer lost events."""
    if position > cursor.position:
        raise operations.RewindAhead(cursor=str(cursor))
    try:
        resume_at = await _resume_at(producer, cursor)
    except PeerRefused as refusal:
        # Beyond the head there is nothing to hide, and to go back is what helps.
        if refusal.code != CursorAhead.code:
            raise RewindRefused(cursor=str(cursor), reason=refusal.problem["detail"]) from refusal
    else:
        if resume_at <= cursor.position:
            reason = "its producer lost events, and the consumer has not recorded which."
            raise RewindRefused(cursor=str(cursor), reason=reason)
    try:
        await _resume_at(producer, Place(cursor.epoch, position))
    except PeerRefused as refusal:
        raise RewindRefused(cursor=str(cursor), reason=refusal.problem["detail"]) from refusal


async def _resume_at(producer: PeerClient, place: Place) -> int:
    params = {"epoch": place.epoch, "after": place.position}
    distance = await producer.get("/internal/stream/distance", params=params)
    return int(distance["resume_at"])


def _consumer(state: ConsumerState) -> ConsumerRead:
    ranges = {kind: count.ranges for kind, count in state.lost.items()}
    return ConsumerRead(
        producer=state.producer,
        epoch=state.cursor.epoch,
        position=state.cursor.position,
        updated_at=state.updated_at,
        bootstrap_requested_at=state.bootstrap_requested_at,
        parked_events=state.parked_events,
        parked_keys=state.parked_keys,
        ghosts=ranges.get("ghosts", 0),
        skipped=ranges.get("skipped", 0),
    )


def _parked(row: Parked) -> ParkedRead:
    columns = {
        name: getattr(row.event, name) for name in ParkedRead.model_fields if name != "is_first"
    }
    return ParkedRead(**columns, is_first=row.is_first)


def _lost(lost: LostRange, carriers: list[Carrier]) -> LostRangeRead:
    return LostRangeRead(
        kind=lost.kind,
        epoch=lost.epoch,
        first_position=lost.first_position,
        last_position=lost.last_position,
        found_at=lost.found_at,
        queries=[carrier.ghosts(lost) for carrier in carriers] if lost.kind == "ghosts" else [],
    )


def _log_action(event: str, producer: str, caller: str, action: Action, **more: Any) -> None:
    """Log who did what and why, always visible: this is the audit of the events."""
    log.warning(event, producer=producer, caller=caller, **action.model_dump(mode="json"), **more)
