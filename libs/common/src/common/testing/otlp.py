"""An OTLP/HTTP receiver inside the test's process: it keeps the spans that services send it."""

import gzip
import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BufferedIOBase
from types import TracebackType
from typing import Any, Self

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span as WireSpan
from opentelemetry.proto.trace.v1.trace_pb2 import Status


@dataclass(frozen=True, slots=True)
class ReceivedSpan:
    """A span as it arrived; ids are hexadecimal, `parent_id` is empty for a root."""

    service: str
    process: str
    name: str
    kind: str
    trace_id: str
    span_id: str
    parent_id: str
    links: tuple[str, ...]
    attributes: dict[str, Any]
    failure: str | None
    exceptions: tuple[str, ...]
    seconds: float

    @property
    def traceparent(self) -> str:
        return f"00-{self.trace_id}-{self.span_id}"


class Receiver:
    """Use it as a context manager; `url` is the endpoint."""

    def __init__(self) -> None:
        self._spans: list[ReceivedSpan] = []
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self._keep))
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        _type: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def spans(self, trace_id: str | None = None) -> list[ReceivedSpan]:
        """Return what has arrived so far, of one trace or of all."""
        with self._lock:
            return [each for each in self._spans if trace_id in (None, each.trace_id)]

    def named(self, name: str) -> list[ReceivedSpan]:
        """Return what has arrived under a name."""
        return [each for each in self.spans() if each.name == name]

    def _keep(self, body: bytes) -> None:
        request = ExportTraceServiceRequest.FromString(body)
        with self._lock:
            for resource in request.resource_spans:
                origin = _values(resource.resource.attributes)
                for scope in resource.scope_spans:
                    self._spans += [_received(span, origin) for span in scope.spans]


def _handler(keep: Any) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = _body(self)
            known = self.path == "/v1/traces"
            if known:
                keep(body)
            self.send_response(200 if known else 404)
            self.send_header("Content-Type", "application/x-protobuf")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    return Handler


def _body(request: BaseHTTPRequestHandler) -> bytes:
    """Read a body as any client sends it: Traefik's comes compressed, in chunks."""
    length = request.headers["Content-Length"]
    body = request.rfile.read(int(length)) if length else b"".join(_chunks(request.rfile))
    return gzip.decompress(body) if request.headers["Content-Encoding"] == "gzip" else body


def _chunks(stream: BufferedIOBase) -> Iterator[bytes]:
    while size := int(stream.readline(), 16):
        yield stream.read(size)
        stream.readline()
    stream.readline()


def _received(span: WireSpan, origin: dict[str, Any]) -> ReceivedSpan:
    failed = span.status.code == Status.STATUS_CODE_ERROR
    return ReceivedSpan(
        service=origin["service.name"],
        process=origin.get("colonnade.process", ""),
        name=span.name,
        kind=WireSpan.SpanKind.Name(span.kind).removeprefix("SPAN_KIND_"),
        trace_id=span.trace_id.hex(),
        span_id=span.span_id.hex(),
        parent_id=span.parent_span_id.hex(),
        links=tuple(link.span_id.hex() for link in span.links),
        attributes=_values(span.attributes),
        failure=span.status.message if failed else None,
        exceptions=tuple(
            _values(event.attributes)["exception.type"]
            for event in span.events
            if event.name == "exception"
        ),
        seconds=(span.end_time_unix_nano - span.start_time_unix_nano) / 1e9,
    )


def _values(attributes: Iterable[KeyValue]) -> dict[str, Any]:
    """Return attributes as a mapping; only scalars are used."""
    found = {}
    for each in attributes:
        kind = each.value.WhichOneof("value")
        found[each.key] = getattr(each.value, kind) if kind else None
    return found
