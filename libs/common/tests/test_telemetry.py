"""Spans: what a receiver gets to know, and that nobody suffers when there is none."""

import asyncio
import json
import subprocess
import sys
import time

import pytest
from pydantic import ValidationError

from common import logs
from common.settings import LogSettings, TraceSettings
from common.telemetry import open_telemetry
from common.testing.otlp import Receiver
from common.trace import Attempt, SpanKind, bind, current_headers, current_span, span, trace_id

TRACE = "0af7651916cd43dd8448eb211c80319c"
PARENT = "b7ad6b7169203331"
UNSAMPLED = {"X-Request-ID": "abc", "traceparent": f"00-{TRACE}-{PARENT}-00"}
NOBODY = "http://127.0.0.1:1"


def to(receiver: Receiver, ratio: float = 1.0) -> TraceSettings:
    return TraceSettings(otlp_endpoint=receiver.url, trace_sample_ratio=ratio)


async def test_a_span_goes_on_in_what_was_received_and_in_what_is_sent(receiver: Receiver) -> None:
    async with open_telemetry(to(receiver), "echo", "app"):
        with span("outer", SpanKind.SERVER, UNSAMPLED):
            sent, seen = current_headers(), trace_id()
            with span("inner", SpanKind.CLIENT):
                sent_by_inner = current_headers()
        assert current_headers() == {}
    inner, outer = receiver.spans(TRACE)
    assert (outer.service, outer.process, outer.kind) == ("echo", "app", "SERVER")
    assert (outer.parent_id, inner.parent_id) == (PARENT, outer.span_id)
    assert seen == TRACE
    assert sent["X-Request-ID"] == sent_by_inner["X-Request-ID"] == "abc"
    assert sent["traceparent"] == f"{outer.traceparent}-01"
    assert sent_by_inner["traceparent"] == f"{inner.traceparent}-01"


async def test_work_for_somebody_else_is_linked_to_the_work_that_it_interrupts(
    receiver: Receiver,
) -> None:
    async with open_telemetry(to(receiver), "echo", "celery"):
        with span("drain", SpanKind.CONSUMER, {}), span("send", SpanKind.PRODUCER, UNSAMPLED):
            pass
    send, drain = receiver.spans()
    assert (send.trace_id, send.parent_id, send.links) == (TRACE, PARENT, (drain.span_id,))
    assert (drain.parent_id, drain.links) == ("", ())


async def test_the_present_loop_is_nobodys_parent(receiver: Receiver) -> None:
    async with open_telemetry(to(receiver), "echo", "worker"):
        with bind({}), span("poll", SpanKind.CLIENT):
            pass
    [poll] = receiver.spans()
    assert poll.parent_id == ""


async def test_an_exception_fails_its_span(receiver: Receiver) -> None:
    async def work() -> None:
        with span("work", SpanKind.CONSUMER):
            raise LookupError("gone")

    async with open_telemetry(to(receiver), "echo", "app"):
        with pytest.raises(LookupError):
            await work()
    [found] = receiver.spans()
    assert (found.failure, found.exceptions) == ("LookupError: gone", ("LookupError",))
    assert found.attributes["error.type"] == "LookupError"


async def attempt(*names: str, failing: Exception | None) -> None:
    async with Attempt() as together:
        for name in names:
            with span(name, SpanKind.CONSUMER, attempt=together):
                pass
        await asyncio.sleep(0.05)
        if failing:
            raise failing


async def test_spans_of_work_that_is_rolled_back_fail(receiver: Receiver) -> None:
    async with open_telemetry(to(receiver), "echo", "worker"):
        await attempt("kept", failing=None)
        for names in (("one", "two"), ("alone",)):
            with pytest.raises(ValueError, match="no"):
                await attempt(*names, failing=ValueError("no"))
    found = {each.name: each for each in receiver.spans()}
    assert found["kept"].failure is None
    assert found["one"].failure == found["two"].failure == "rolled back by ValueError"
    assert (found["alone"].failure, found["alone"].exceptions) == (
        "ValueError: no",
        ("ValueError",),
    )
    assert max(each.seconds for each in found.values()) < 0.05, "it ended before the commit"


@pytest.mark.parametrize(("ratio", "flags"), [(0.0, "00"), (0.5, "01"), (0.25, "00")])
async def test_the_trace_alone_decides_whether_it_is_recorded(
    receiver: Receiver, ratio: float, flags: str
) -> None:
    wanted = {"traceparent": f"00-{'a' * 16}5{'0' * 15}-{PARENT}-01"}
    async with open_telemetry(to(receiver, ratio), "echo", "app"):
        with span("x", SpanKind.SERVER, wanted), span("y", SpanKind.CLIENT):
            assert current_headers()["traceparent"].endswith(f"-{flags}")
            assert trace_id() == f"{'a' * 16}5{'0' * 15}"
    assert len(receiver.spans()) == (2 if flags == "01" else 0)


async def test_without_an_endpoint_the_context_goes_on_and_nothing_records() -> None:
    async with open_telemetry(TraceSettings(), "echo", "app"):
        with span("x", SpanKind.SERVER, UNSAMPLED) as unrecorded:
            assert not unrecorded.is_recording()
            assert not current_span().is_recording()
            bound = current_headers()
            with span("y", SpanKind.CLIENT):
                assert current_headers() == bound
    assert bound["X-Request-ID"] == "abc"
    assert bound["traceparent"].startswith(f"00-{TRACE}-")
    assert PARENT not in bound["traceparent"]


def test_importing_loads_no_sdk_and_starts_no_thread() -> None:
    check = (
        "import sys, threading, common.http.app, common.worker, common.telemetry\n"
        "assert not [name for name in sys.modules if name.startswith('opentelemetry.sdk.trace')]\n"
        "import common.otlp\n"
        "assert threading.active_count() == 1\n"
    )
    subprocess.run([sys.executable, "-c", check], check=True)


@pytest.mark.usefixtures("restored_logging")
async def test_an_endpoint_that_is_down_costs_spans_and_one_line(
    capsys: pytest.CaptureFixture[str],
) -> None:
    logs.configure(LogSettings(log_level="info"), "echo")
    settings = TraceSettings(otlp_endpoint=NOBODY)
    async with open_telemetry(settings, "echo", "app"):
        started = time.monotonic()
        for _ in range(5000):
            with span("x", SpanKind.SERVER, {}):
                pass
        assert time.monotonic() - started < 5
        await asyncio.sleep(1.5)
        closing = time.monotonic()
    assert time.monotonic() - closing < 3
    printed = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    # Apps of other tests, without a database, may say so meanwhile.
    lines = [line for line in printed if line["event"] != "turn_unavailable"]
    assert [line["event"] for line in lines] == ["spans_unheard"], lines


@pytest.mark.parametrize(
    ("given", "kept"),
    [(None, None), ("", None), ("http://collector:4318/", "http://collector:4318")],
)
def test_an_endpoint_may_be_empty_and_end_with_a_slash(given: str | None, kept: str | None) -> None:
    assert TraceSettings(otlp_endpoint=given).otlp_endpoint == kept


@pytest.mark.parametrize("wrong", [{"otlp_endpoint": "collector"}, {"trace_sample_ratio": 1.1}])
def test_settings_that_cannot_work_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        TraceSettings.model_validate(wrong)
