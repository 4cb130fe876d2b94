"""Sends spans by OTLP over HTTP. No failure of it reaches the work that the spans tell of.

They wait in a bounded queue for a thread; what finds no room, or no receiver in time, is lost.
"""

import logging
import os
import socket
import threading
from collections.abc import Sequence
from typing import Final

import structlog
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.sampling import TraceIdRatioBased
from opentelemetry.trace import Tracer
from prometheus_client import Counter

from common.ids import new_id

QUEUE: Final = 4096
BATCH: Final = 512
DELAY_SECONDS: Final = 1.0
SEND_SECONDS: Final = 2.0
CLOSE_SECONDS: Final = 2.5

log = structlog.get_logger()
spans_total = Counter("colonnade_spans_total", "Recorded spans that left the queue.", ["outcome"])
# They log each failure, several times; the first and the end of an outage are enough.
_LOUD = ("opentelemetry.exporter", "opentelemetry.sdk._shared_internal")


class _Watched(SpanExporter):
    """An exporter that counts, and tells when its receiver goes and comes."""

    def __init__(self, exporter: SpanExporter, endpoint: str) -> None:
        self._exporter = exporter
        self._endpoint = endpoint
        self._failing = False
        self.closing = False

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        if self.closing and self._failing:
            # Nobody waits for it: a process may not end later because its receiver is away.
            result = SpanExportResult.FAILURE
        else:
            result = self._exporter.export(spans)
        failed = result is not SpanExportResult.SUCCESS
        spans_total.labels("lost" if failed else "sent").inc(len(spans))
        if failed and not self._failing:
            log.warning("spans_unheard", endpoint=self._endpoint)
        elif self._failing and not failed:
            log.info("spans_heard_again", endpoint=self._endpoint)
        self._failing = failed
        return result

    def shutdown(self) -> None:
        self._exporter.shutdown()


class Export:
    """Spans on their way to one endpoint."""

    def __init__(self, provider: TracerProvider, exporter: _Watched) -> None:
        self._provider = provider
        self._exporter = exporter
        self.tracer: Tracer = provider.get_tracer("colonnade")

    def close(self) -> None:
        """Send what is left, for as long as a process may take to end."""
        self._exporter.closing = True
        # The SDK would wait for its thread ten times as long.
        closing = threading.Thread(target=self._provider.shutdown, daemon=True)
        closing.start()
        closing.join(CLOSE_SECONDS)


def open_export(endpoint: str, *, ratio: float, service: str, process: str) -> Export:
    """Return what records and sends the spans of this process; its thread starts here.

    Args:
        endpoint: Base URL of the receiver.
        ratio: Share of the traces to record. The trace id alone decides, so that every service
            decides alike, and what a client asks for does not matter.
        service: Name of the service.
        process: Which of its processes this is.
    """
    for name in _LOUD:
        logging.getLogger(name).setLevel(logging.CRITICAL)
    resource = Resource.create(
        {
            "service.namespace": "colonnade",
            "service.name": service,
            "service.instance.id": str(new_id()),
            "colonnade.process": process,
            "host.name": socket.gethostname(),
            "process.pid": os.getpid(),
        }
    )
    provider = TracerProvider(
        sampler=TraceIdRatioBased(ratio), resource=resource, shutdown_on_exit=False
    )
    sender = OTLPSpanExporter(f"{endpoint}/v1/traces", timeout=SEND_SECONDS)
    exporter = _Watched(sender, endpoint)
    provider.add_span_processor(
        BatchSpanProcessor(
            exporter,
            max_queue_size=QUEUE,
            max_export_batch_size=BATCH,
            schedule_delay_millis=DELAY_SECONDS * 1000,
        )
    )
    return Export(provider, exporter)
