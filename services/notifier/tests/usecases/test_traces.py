"""The spans of mail: in the trace of the fact, beside the task, without the recipient."""

import json
from contextlib import AbstractAsyncContextManager

import redis

from common.settings import TraceSettings
from common.telemetry import open_telemetry
from common.testing.otlp import Receiver
from common.trace import SpanKind, span
from devstack.fixtures import ValkeyDatabase
from notifier_service.resources import Resources
from notifier_service.usecases.emails import drain_emails
from services.notifier.tests.factories import Links, hear, known_address, verification
from services.notifier.tests.sink import Sink

TRACES = [digit * 32 for digit in "abc"]


def to(receiver: Receiver) -> AbstractAsyncContextManager[None]:
    """A block whose spans have arrived when it ends."""
    settings = TraceSettings(otlp_endpoint=receiver.url)
    return open_telemetry(settings, "notifier", "celery")


async def ask_for_mail(resources: Resources, trace_id: str, address: str) -> str:
    """Handle an event in a trace, and return the id of its span."""
    headers = {"traceparent": f"00-{trace_id}-{'1' * 16}-01"}
    with span("process event", SpanKind.CONSUMER, headers) as consumer:
        await hear(resources, known_address(address))
    return f"{consumer.get_span_context().span_id:016x}"


async def test_each_mail_of_a_drain_stays_in_its_own_trace(
    resources: Resources, sink: Sink, receiver: Receiver
) -> None:
    async with to(receiver):
        asked = [
            await ask_for_mail(resources, trace_id, f"{trace_id[0]}@example.test")
            for trace_id in TRACES
        ]
        with span("process task", SpanKind.CONSUMER, {}):
            await drain_emails(resources.sending)
    [task] = receiver.named("process task")
    sent = {mail.trace_id: mail for mail in receiver.named("send mail")}
    assert [sent[trace_id].parent_id for trace_id in TRACES] == asked
    for message in sink.messages:
        mail = sent[message["traceparent"].split("-")[1]]
        assert message["traceparent"] == f"{mail.traceparent}-01"
        assert (mail.kind, mail.links, mail.failure) == ("PRODUCER", (task.span_id,), None)
        assert mail.attributes["colonnade.email.outcome"] == "sent"
        assert "example.test" not in str(mail.attributes)


async def test_a_mail_that_is_not_sent_fails_its_span_unless_nothing_is_left_to_say(
    resources: Resources, sink: Sink, links: Links, receiver: Receiver
) -> None:
    links.are_gone()
    sink.replies = {"bad@example.test": "554 5.7.1 no", "late@example.test": "451 4.7.1 later"}
    await hear(
        resources,
        verification("gone@example.test"),
        known_address("bad@example.test"),
        known_address("late@example.test"),
    )
    async with to(receiver):
        await drain_emails(resources.sending)
    assert {
        each.attributes["colonnade.email.outcome"]: each.failure
        for each in receiver.named("send mail")
    } == {
        "cancelled": None,
        "failed": "The mail was refused: 554 5.7.1",
        "retried": "The mail server deferred the mail: 451 4.7.1",
    }


async def test_a_ring_carries_the_trace_of_the_mail_that_asks_for_it(
    resources: Resources, receiver: Receiver, valkey_database: ValkeyDatabase
) -> None:
    async with to(receiver):
        consumer = await ask_for_mail(resources, TRACES[0], "ada@example.test")
    await resources.doorbell.rung()
    with redis.Redis.from_url(valkey_database.broker_url) as client:
        [message] = client.lrange("mail", 0, -1)
    assert json.loads(message)["headers"]["traceparent"] == f"00-{TRACES[0]}-{consumer}-01"
