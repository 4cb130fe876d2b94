"""One trace from a request to whatever it caused: the consumers, the task, the mail."""

import secrets
import time
from collections.abc import Callable
from functools import partial

import httpx

from common.testing.otlp import ReceivedSpan, Receiver
from devstack.tour import Person
from tests.e2e.platform import Platform

SECONDS = 30.0


def eventually[T](probe: Callable[[], T | None], what: str) -> T:
    """Wait until something is there; spans leave a process every second."""
    deadline = time.monotonic() + SECONDS
    while (found := probe()) is None:
        assert time.monotonic() < deadline, what
        time.sleep(0.05)
    return found


def register(platform: Platform) -> tuple[str, Person]:
    """Somebody registers in a trace of their own, which their flag asks nobody to record."""
    trace_id, person = secrets.token_hex(16), Person("traced")
    answer = httpx.post(
        f"{platform.gateway_url}/api/v1/auth/register",
        json=person.credentials | {"username": person.username},
        headers={"traceparent": f"00-{trace_id}-{secrets.token_hex(8)}-00"},
        timeout=10,
    )
    assert answer.status_code == 202
    return trace_id, person


def traceparent_of_mail(platform: Platform, address: str) -> str | None:
    """The header of the one mail to an address."""
    with httpx.Client(base_url=f"{platform.mailbox_url}/api/v1", timeout=10) as mailbox:
        for mail in mailbox.get("/messages", params={"limit": 200}).json()["messages"]:
            if mail["To"][0]["Address"] == address:
                headers = mailbox.get(f"/message/{mail['ID']}/headers").json()
                return str(headers["traceparent"][0])
    return None


def by_id(spans: Receiver, *ids: str) -> ReceivedSpan | None:
    return next((each for each in spans.spans() if each.span_id in ids), None)


def test_the_trace_of_a_request_goes_on_to_the_mail_that_it_caused(
    platform: Platform, spans: Receiver
) -> None:
    trace_id, person = register(platform)
    mailed = eventually(lambda: traceparent_of_mail(platform, person.email), "a mail")

    def span(service: str, name: str) -> ReceivedSpan:
        def found() -> ReceivedSpan | None:
            named = (each for each in spans.spans(trace_id) if each.name == name)
            return next((each for each in named if each.service == service), None)

        return eventually(found, f"{service}: {name}")

    request = span("auth", "POST /api/v1/auth/register")
    consumer = span("notifier", "process auth.email_verification_requested.v1")
    mail = span("notifier", "send mail")
    link = span("notifier", "GET auth")
    answered = span("auth", "GET /internal/mail-links/{link_id}")
    assert (request.process, request.kind) == ("app", "SERVER")
    assert (consumer.process, consumer.kind) == ("worker", "CONSUMER")
    assert consumer.parent_id == request.span_id
    assert mail.parent_id == consumer.span_id
    assert link.parent_id == mail.span_id
    assert answered.parent_id == link.span_id
    assert mailed == f"{mail.traceparent}-01"
    if mail.process == "celery":  # Or the safety net was first.
        task = eventually(partial(by_id, spans, *mail.links), "the task")
        assert task.kind == "CONSUMER"
        if task.name == "process notifier.drain_emails":  # Or a tick was first.
            assert (task.trace_id, task.parent_id) == (trace_id, consumer.span_id)


def test_the_gateway_begins_the_trace_of_a_request_that_comes_without_one(
    platform: Platform, spans: Receiver
) -> None:
    path = f"/api/v1/posts/{secrets.token_hex(8)}"
    answer = httpx.get(f"{platform.gateway_url}{path}", timeout=10)
    assert answer.status_code == 404

    def served() -> ReceivedSpan | None:
        found = spans.named("GET /api/v1/posts/{id_or_slug}")
        return next((each for each in found if each.attributes["url.path"] == path), None)

    last = eventually(served, "the span of posts")
    while last.parent_id:
        last = eventually(partial(by_id, spans, last.parent_id), "its parent")
    assert last.service == "gateway"
