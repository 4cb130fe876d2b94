"""The spans of consumers: in the trace of the fact, and of every attempt, also a failed one."""

from common.settings import TraceSettings
from common.streams import Received
from common.telemetry import open_telemetry
from common.testing.otlp import ReceivedSpan, Receiver
from common.trace import SpanKind, span
from libs.common.tests.events.bench import Bench, Counted, Tx, record

NAME = "process ledger.counted.v1"


def failures(spans: list[ReceivedSpan]) -> list[tuple[int, str | None]]:
    """Which position failed how, in the order in which the spans ended."""
    places = [each.attributes["colonnade.event.place"] for each in spans]
    return [
        (int(place.split("-")[1]), each.failure) for place, each in zip(places, spans, strict=True)
    ]


async def test_a_consumers_span_goes_on_in_the_trace_that_committed_the_fact(
    bench: Bench, receiver: Receiver
) -> None:
    async with open_telemetry(TraceSettings(otlp_endpoint=receiver.url), "ledger", "worker"):
        with span("POST /counts", SpanKind.SERVER, {}):
            await bench.emit(1)
        await bench.relayed()
        await bench.consume(bench.consumer())
    [request] = receiver.named("POST /counts")
    [consumed] = receiver.named(NAME)
    assert (consumed.trace_id, consumed.parent_id) == (request.trace_id, request.span_id)
    assert (consumed.kind, consumed.failure) == ("CONSUMER", None)
    assert consumed.attributes["messaging.destination.name"] == "events:ledger"
    assert consumed.attributes["colonnade.event.place"] == await bench.cursor()


class Poison:
    """A handler that fails for one number, until it is mended."""

    def __init__(self, number: int | None) -> None:
        self.number = number

    async def __call__(self, tx: Tx, event: Received[Counted]) -> None:
        await record(tx, event)
        if event.data.n == self.number:
            raise ValueError("poison")


async def test_what_is_rolled_back_and_done_again_stays_visible(
    bench: Bench, receiver: Receiver
) -> None:
    handler = Poison(2)
    await bench.relayed(1, 2, 3)
    async with open_telemetry(TraceSettings(otlp_endpoint=receiver.url), "ledger", "worker"):
        await bench.consume(bench.consumer(handler))
        handler.number = None
        await bench.make_due()
        assert await bench.handling(handler).retry()
    assert failures(receiver.named(NAME)) == [
        (2, "ValueError: poison"),  # Together with the others, ended at once.
        (1, "rolled back by ValueError"),
        (1, None),
        (2, "ValueError: poison"),  # In the second half of the batch.
        (2, "ValueError: poison"),  # Alone: now it is parked.
        (3, None),
        (2, None),  # The retry.
    ]
    assert await bench.effects() == [1, 3, 2]
