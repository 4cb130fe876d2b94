"""Sending mail: what arrives at a real server, and what becomes of the row."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from html import escape
from uuid import UUID

import pytest
from sqlalchemy import text

from common.clock import utc_now
from common.trace import bind
from notifier_service.clients.smtp import MailServer
from notifier_service.resources import Resources
from notifier_service.usecases.emails import LEASE, Sending, drain_emails
from services.notifier.tests.factories import (
    LINK,
    Links,
    change_emails,
    email,
    emails,
    hear,
    known_address,
    verification,
)
from services.notifier.tests.sink import Sink


def later(sending: Sending, wait: timedelta) -> Sending:
    """The same senders at another time."""
    return replace(sending, clock=lambda: utc_now() + wait)


def without_server(sending: Sending) -> Sending:
    """The same senders with a server that refuses connections."""
    settings = sending.settings.model_copy(update={"smtp_port": 1})
    return replace(sending, server=MailServer(settings))


async def test_a_mail_carries_the_link_as_text_and_html(
    resources: Resources, sink: Sink, links: Links
) -> None:
    links.are(LINK)
    await hear(resources, verification("grace@example.test", "<b>grace"))
    await drain_emails(resources.sending)

    [message] = sink.messages
    plain, html = message.get_body(("plain",)), message.get_body(("html",))
    assert plain is not None
    assert html is not None
    assert "Hello <b>grace," in plain.get_content()
    assert LINK in plain.get_content()
    assert "Hello &lt;b&gt;grace," in html.get_content()
    assert f'href="{escape(LINK)}"' in html.get_content()
    assert (await email(resources)).status == "sent"


async def test_a_mail_repeats_what_identifies_it_and_carries_its_trace(
    resources: Resources, sink: Sink
) -> None:
    trace = {"X-Request-ID": "from-the-client", "traceparent": f"00-{'a' * 32}-{'b' * 16}-01"}
    with bind(trace):
        await hear(resources, known_address())
    await drain_emails(resources.sending)

    [message] = sink.messages
    row = await email(resources)
    assert message["Message-ID"] == f"<{row.id}@colonnade.example>"
    assert message["Date"].datetime == row.created_at.replace(microsecond=0)
    assert message["From"] == "Colonnade <no-reply@colonnade.example>"
    assert message["To"] == "ada@example.test"
    assert message["X-Request-ID"] == "from-the-client"
    assert message["traceparent"].split("-")[1] == "a" * 32


async def test_a_known_address_is_told_so_without_any_link(
    resources: Resources, sink: Sink
) -> None:
    await hear(resources, known_address())
    await drain_emails(resources.sending)
    body = str(sink.messages[0])
    assert "already have an" in body
    assert "http" not in body


async def test_the_link_is_kept_nowhere(
    resources: Resources, sink: Sink, links: Links, capsys: pytest.CaptureFixture[str]
) -> None:
    links.are(LINK)
    sink.replies["bad@example.test"] = f"554 5.7.1 spam: {LINK}"
    await hear(resources, verification(), verification("bad@example.test"))
    await drain_emails(resources.sending)

    async with resources.transaction() as tx:
        rows = (await tx.session.execute(text("SELECT emails::text FROM emails"))).scalars().all()
    assert "5ec2e7" not in "".join(rows)
    assert "5ec2e7" not in capsys.readouterr().out
    assert [row.error for row in await emails(resources)] == [
        None,
        "The mail was refused: 554 5.7.1",
    ]


async def test_a_link_that_is_no_longer_valid_cancels_the_mail(
    resources: Resources, sink: Sink, links: Links
) -> None:
    links.are_gone()
    await hear(resources, verification())
    await drain_emails(resources.sending)
    assert sink.messages == []
    assert (await email(resources)).status == "cancelled"


async def test_mail_waits_for_auth_while_mail_without_a_link_is_sent(
    resources: Resources, sink: Sink, links: Links
) -> None:
    links.are_unavailable()
    await hear(resources, verification("ada@example.test"), known_address("grace@example.test"))
    await drain_emails(resources.sending)
    assert sink.recipients == ["grace@example.test"]
    waiting, _ = await emails(resources)
    assert (waiting.status, waiting.attempts, waiting.lease_token) == ("pending", 1, None)
    assert waiting.next_at > utc_now()

    links.are(LINK)
    await asyncio.sleep(2)  # Auth is left alone for as long after it has failed.
    await drain_emails(later(resources.sending, timedelta(seconds=4)))
    assert sink.recipients == ["ada@example.test", "grace@example.test"]


@pytest.mark.parametrize(
    ("reply", "status"), [("451 4.7.1 later", "pending"), ("550 5.1.1 unknown", "failed")]
)
async def test_a_refusal_concerns_one_mail_and_its_kind_decides(
    resources: Resources, sink: Sink, reply: str, status: str
) -> None:
    sink.replies["bad@example.test"] = reply
    await hear(resources, known_address("bad@example.test"), known_address("good@example.test"))
    await drain_emails(resources.sending)

    assert sink.recipients == ["good@example.test"]
    bad, good = await emails(resources)
    assert (bad.status, good.status) == (status, "sent")
    assert str(bad.error).endswith(reply[:9])
    sink.replies.clear()
    await drain_emails(later(resources.sending, timedelta(seconds=10)))
    assert ("bad@example.test" in sink.recipients) is (status == "pending")


async def test_a_mail_that_is_deferred_for_too_long_has_failed(
    resources: Resources, sink: Sink
) -> None:
    sink.replies["ada@example.test"] = "450 4.2.1 busy"
    await hear(resources, known_address())
    await change_emails(resources, created_at=utc_now() - timedelta(days=3))
    await drain_emails(resources.sending)
    assert (await email(resources)).status == "failed"


@pytest.mark.parametrize("age", [timedelta(), timedelta(days=30)])
async def test_mail_of_any_age_waits_for_the_server(
    resources: Resources, sink: Sink, age: timedelta
) -> None:
    addresses = [f"a{number:02}@example.test" for number in range(20)]
    await hear(resources, *map(known_address, addresses))
    await change_emails(resources, created_at=utc_now() - age)
    await drain_emails(without_server(resources.sending))
    for row in await emails(resources):
        assert (row.status, row.attempts, row.lease_token) == ("pending", 1, None)

    await drain_emails(later(resources.sending, timedelta(seconds=3)))
    assert sink.recipients == addresses


@pytest.mark.parametrize("reply", ["421 4.3.2 shutting down", "530 5.7.0 log in first"])
async def test_a_server_that_takes_nothing_is_not_the_fault_of_a_mail(
    resources: Resources, sink: Sink, reply: str
) -> None:
    sink.replies["ada@example.test"] = reply
    await hear(resources, known_address())
    await drain_emails(resources.sending)
    assert (await email(resources)).status == "pending"


async def test_a_malformed_address_adds_no_header_and_fails(
    resources: Resources, sink: Sink
) -> None:
    await hear(resources, known_address("ada@example.test\r\nBcc: eve@example.test"))
    await drain_emails(resources.sending)
    assert sink.messages == []
    assert (await email(resources)).status == "failed"


async def test_a_bug_concerns_one_mail_and_is_tried_again(resources: Resources, sink: Sink) -> None:
    await hear(resources, known_address("ada@example.test"))
    await change_emails(resources, template="no_such_template")
    await hear(resources, known_address("grace@example.test"))
    await drain_emails(resources.sending)
    assert sink.recipients == ["grace@example.test"]
    crashed, _ = await emails(resources)
    assert (crashed.status, crashed.error) == ("pending", "KeyError")


async def test_two_drains_at_once_send_each_mail_once_over_few_connections(
    resources: Resources, sink: Sink
) -> None:
    addresses = [f"a{number:03}@example.test" for number in range(130)]
    await hear(resources, *map(known_address, addresses))
    other = replace(resources.sending, server=MailServer(resources.settings))
    await asyncio.gather(drain_emails(resources.sending), drain_emails(other))
    assert sink.recipients == addresses
    assert sink.greetings <= 2 * resources.settings.smtp_connections
    assert {row.attempts for row in await emails(resources)} == {1}
    other.server.close()


async def test_what_is_not_overdue_is_left_to_celery(resources: Resources, sink: Sink) -> None:
    await hear(resources, known_address())
    await drain_emails(resources.sending, overdue=timedelta(seconds=10))
    assert sink.messages == []
    await drain_emails(
        later(resources.sending, timedelta(seconds=11)), overdue=timedelta(seconds=10)
    )
    assert len(sink.messages) == 1


async def test_a_sender_whose_lease_has_ended_changes_nothing(resources: Resources) -> None:
    await hear(resources, known_address())
    async with resources.transaction() as tx:
        [slow] = await tx.emails.claim(
            due=utc_now(), limit=1, lease_token=UUID(int=1), leased_until=utc_now()
        )
    async with resources.transaction() as tx:
        await tx.emails.claim(
            due=utc_now(), limit=1, lease_token=UUID(int=2), leased_until=utc_now() + LEASE
        )
    async with resources.transaction() as tx:
        await tx.emails.settle(slow, status="sent")
    row = await email(resources)
    assert (row.status, row.lease_token, row.attempts) == ("pending", UUID(int=2), 2)
