"""Contender: the bare limit. The same two transactions and a pipelined XADD, without a protocol.

Nothing here survives a fault: no epochs, no compare before the append, no gaps, no parking.
"""

import asyncio
import sys
from typing import Any, Final
from uuid import UUID

import asyncpg
import orjson
import uvloop
from redis.asyncio import Redis

from bench.events.stage import addresses
from bench.events.tables import INSERT_EFFECT

STREAM: Final = "events:bare"
BATCH: Final = 500
POLL_SECONDS: Final = 0.005
MOVE: Final = """
    WITH moved AS (
        DELETE FROM outbox
         WHERE id = ANY (ARRAY(SELECT id FROM outbox ORDER BY id LIMIT $1)) RETURNING *),
    logged AS (
        INSERT INTO event_log
               (position, epoch, event_id, type, key, payload, headers, occurred_at)
        SELECT h.position + row_number() OVER (ORDER BY m.id), h.epoch,
               m.event_id, m.type, m.key, m.payload, m.headers, m.occurred_at
          FROM moved m, stream_head h
        RETURNING position, event_id, payload),
    counted AS (
        UPDATE stream_head SET position = position + (SELECT count(*) FROM logged))
    SELECT position, event_id::text, payload::text FROM logged ORDER BY position
"""
CURSOR: Final = "UPDATE stream_cursor SET position = $1 WHERE producer = 'bare'"


async def move() -> None:
    """Number what is in the outbox and append it."""
    connection = await asyncpg.connect(addresses().postgres)
    streams: Redis = Redis.from_url(addresses().redis)
    while True:
        async with connection.transaction():
            rows = await connection.fetch(MOVE, BATCH)
        if not rows:
            await asyncio.sleep(POLL_SECONDS)
            continue
        pipeline = streams.pipeline(transaction=False)
        for row in rows:
            pipeline.xadd(STREAM, {"id": row["event_id"], "event": row["payload"]})
        await pipeline.execute()


async def apply() -> None:
    """Insert the effects of a batch and move the cursor."""
    connection = await asyncpg.connect(addresses().postgres)
    await connection.execute(
        "INSERT INTO stream_cursor (producer) VALUES ('bare') ON CONFLICT DO NOTHING"
    )
    streams: Redis = Redis.from_url(addresses().redis)
    last: Any = "0"
    while True:
        answer: Any = await streams.xread({STREAM: last}, count=BATCH, block=1000)
        if not answer:
            continue
        entries = _entries(answer)
        effects = [_effect(fields) for _, fields in entries]
        async with connection.transaction():
            await connection.executemany(INSERT_EFFECT, effects)
            await connection.execute(CURSOR, len(entries))
        last = entries[-1][0]


def _entries(answer: Any) -> list[Any]:
    found = next(iter(answer.values()))[0] if isinstance(answer, dict) else answer[0][1]
    return list(found)


def _effect(fields: dict[bytes, bytes]) -> tuple[UUID, int, str]:
    payload = orjson.loads(fields[b"event"])
    return UUID(fields[b"id"].decode()), payload["n"], payload["title"]


if __name__ == "__main__":
    uvloop.run(move() if sys.argv[1] == "move" else apply())
