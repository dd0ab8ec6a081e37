"""What tests send to a receiver: spans as OTLP, over plain sockets and HTTP."""

import http.client
import json
import socket
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from urllib.parse import urlsplit

NOW_NS = 1_767_225_600_000_000_000


def request(*numbers: int, service: str = "shop") -> bytes:
    """An ExportTraceServiceRequest as JSON with a span of each number."""
    spans = [
        {
            "traceId": f"{n + 1:032x}",
            "spanId": f"{n + 1:016x}",
            "name": f"span {n}",
            "kind": 2,
            "startTimeUnixNano": str(NOW_NS + n),
            "endTimeUnixNano": str(NOW_NS + n + 1000),
        }
        for n in numbers
    ]
    resource = {"attributes": [{"key": "service.name", "value": {"stringValue": service}}]}
    return json.dumps({"resourceSpans": [{"resource": resource, "scopeSpans": [{"spans": spans}]}]}).encode()


def protobuf(*numbers: int) -> bytes:
    """The same in protobuf."""
    from google.protobuf.json_format import ParseDict
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

    parsed = ParseDict(json.loads(request(*numbers)), ExportTraceServiceRequest())
    for group in parsed.resource_spans:  # JSON ids of OTLP are hex, those of protobuf's own JSON base64
        for n, span in zip(numbers, group.scope_spans[0].spans, strict=True):
            span.trace_id, span.span_id = (n + 1).to_bytes(16, "big"), (n + 1).to_bytes(8, "big")
    return parsed.SerializeToString()


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What a receiver answered."""

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)


def post(
    url: str, body: bytes, headers: Mapping[str, str] | None = None, *, path: str = "/v1/traces", method: str = "POST"
) -> Said:
    """One request over a connection of its own."""
    at = urlsplit(url)
    connection = http.client.HTTPConnection(at.hostname or "", at.port or 0, timeout=20)
    try:
        connection.request(method, path, body, {"Content-Type": "application/json", **(headers or {})})
        answer = connection.getresponse()
        return Said(status=answer.status, body=answer.read(), headers=dict(answer.getheaders()))
    finally:
        connection.close()


def raw(url: str, data: bytes, *, patience_s: float = 5.0) -> bytes:
    """Sends bytes as they are, and returns what comes back until the other side ends or patience does."""
    at = urlsplit(url)
    with socket.create_connection((at.hostname or "", at.port or 0), timeout=patience_s) as line:
        try:
            line.sendall(data)
        except OSError:
            return b""
        back = b""
        with suppress(OSError):
            while piece := line.recv(65536):
                back += piece
        return back
