"""Spans written as the files that the sources read: JSON lines, JSON documents, protobuf in every framing."""

import base64
import gzip
import json

import zstandard
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from verifier.spans import Event, Link, Span

KINDS = ("unspecified", "internal", "server", "client", "producer", "consumer")
STATUSES = ("unset", "ok", "error")
SECOND = 1_000_000_000


def make_span(number=1, **changes):
    """A span whose ids and times count: trace 1, span `number`, second `number`."""
    service = changes.get("service", "orders")
    given = {
        "trace_id": f"{1:032x}",
        "span_id": f"{number:016x}",
        "service": service,
        "name": f"step {number}",
        "start_ns": number * SECOND,
        "end_ns": number * SECOND + 5,
        "resource": {"service.name": service},
    }
    return Span(**(given | changes))


RICH = (
    make_span(1, kind="server", status="ok", attributes={"batch_id": "b1", "n": 7, "f": 1.5, "yes": True}),
    make_span(
        2,
        parent_span_id=f"{1:016x}",
        kind="producer",
        status="error",
        status_message="broke",
        trace_state="ot=th:8",
        attributes={"raw": b"\x00\xff", "list": ("a", 1, ("b",)), "map": {"x": {"y": False}}, "none": None, "": ""},
        events=(Event(name="enqueue", time_ns=2 * SECOND + 1, attributes={"k": "v"}),),
        links=(Link(trace_id=f"{9:032x}", span_id=f"{8:016x}", attributes={"why": "retry"}),),
        dropped_attributes=3,
        dropped_events=2,
        dropped_links=1,
    ),
    make_span(3, service="billing", name="größe", resource={"service.name": "billing", "service.instance.id": "i1"}),
)
RICH = (*RICH[:2], Span(**({f: getattr(RICH[2], f) for f in Span.__slots__} | {"instance": "i1"})))


def json_value(value):
    """An attribute value as OTLP/JSON has it."""
    if value is None:
        return {}
    if isinstance(value, bool):
        return {"boolValue": value}
    if isinstance(value, int):
        return {"intValue": str(value)}
    if isinstance(value, float):
        return {"doubleValue": value if abs(value) < float("inf") else str(value).replace("inf", "Infinity")}
    if isinstance(value, bytes):
        return {"bytesValue": base64.b64encode(value).decode()}
    if isinstance(value, tuple):
        return {"arrayValue": {"values": [json_value(inner) for inner in value]}}
    if isinstance(value, dict):
        return {"kvlistValue": {"values": json_attributes(value)}}
    return {"stringValue": value}


def json_attributes(attributes):
    """Attributes as OTLP/JSON has them."""
    return [{"key": key, "value": json_value(value)} for key, value in attributes.items()]


def json_span(span):
    """One span as OTLP/JSON has it."""
    return {
        "traceId": span.trace_id,
        "spanId": span.span_id,
        "parentSpanId": span.parent_span_id or "",
        "name": span.name,
        "kind": KINDS.index(span.kind),
        "startTimeUnixNano": str(span.start_ns),
        "endTimeUnixNano": str(span.end_ns),
        "status": {"code": STATUSES.index(span.status), "message": span.status_message},
        "attributes": json_attributes(span.attributes),
        "events": [
            {"name": e.name, "timeUnixNano": str(e.time_ns), "attributes": json_attributes(e.attributes)}
            for e in span.events
        ],
        "links": [
            {"traceId": e.trace_id, "spanId": e.span_id, "attributes": json_attributes(e.attributes)}
            for e in span.links
        ],
        "traceState": span.trace_state,
        "droppedAttributesCount": span.dropped_attributes,
        "droppedEventsCount": span.dropped_events,
        "droppedLinksCount": span.dropped_links,
    }


def json_request(*spans):
    """One request, a resource group for each span."""
    return {
        "resourceSpans": [
            {
                "resource": {"attributes": json_attributes(span.resource)},
                "scopeSpans": [{"scope": {"name": "tests"}, "spans": [json_span(span)]}],
            }
            for span in spans
        ]
    }


def protobuf_request(*spans):
    """The same request in protobuf."""
    request = ExportTraceServiceRequest()
    for span in spans:
        group = request.resource_spans.add()
        _fill(group.resource.attributes, span.resource)
        raw = group.scope_spans.add().spans.add(
            trace_id=bytes.fromhex(span.trace_id),
            span_id=bytes.fromhex(span.span_id),
            parent_span_id=bytes.fromhex(span.parent_span_id or ""),
            name=span.name,
            kind=KINDS.index(span.kind),
            start_time_unix_nano=span.start_ns,
            end_time_unix_nano=span.end_ns,
            trace_state=span.trace_state,
            dropped_attributes_count=span.dropped_attributes,
            dropped_events_count=span.dropped_events,
            dropped_links_count=span.dropped_links,
        )
        raw.status.code, raw.status.message = STATUSES.index(span.status), span.status_message
        _fill(raw.attributes, span.attributes)
        for event in span.events:
            _fill(raw.events.add(name=event.name, time_unix_nano=event.time_ns).attributes, event.attributes)
        for link in span.links:
            ids = {"trace_id": bytes.fromhex(link.trace_id), "span_id": bytes.fromhex(link.span_id)}
            _fill(raw.links.add(**ids).attributes, link.attributes)
    return request.SerializeToString()


def _fill(pairs, attributes):
    for key, value in attributes.items():
        _set(pairs.add(key=key).value, value)


def _set(target, value):
    if isinstance(value, bool):
        target.bool_value = value
    elif isinstance(value, int):
        target.int_value = value
    elif isinstance(value, float):
        target.double_value = value
    elif isinstance(value, bytes):
        target.bytes_value = value
    elif isinstance(value, str):
        target.string_value = value
    elif isinstance(value, tuple):
        target.array_value.SetInParent()
        for inner in value:
            _set(target.array_value.values.add(), inner)
    elif isinstance(value, dict):
        target.kvlist_value.SetInParent()
        _fill(target.kvlist_value.values, value)


def json_lines(*spans):
    """One request per line, one span per request."""
    return b"".join(json.dumps(json_request(span)).encode() + b"\n" for span in spans)


def framed(payloads, order):
    """Each payload behind its length in four bytes."""
    return b"".join(len(payload).to_bytes(4, order) + payload for payload in payloads)


def varint_framed(payloads):
    """Each payload behind its length as a varint."""
    found = b""
    for payload in payloads:
        size = len(payload)
        while size > 0x7F:
            found += bytes([size & 0x7F | 0x80])
            size >>= 7
        found += bytes([size]) + payload
    return found


def zstd(data):
    """One zstd frame."""
    return zstandard.ZstdCompressor().compress(data)


FORMS = {
    "json lines": json_lines,
    "json lines, last without newline": lambda *spans: json_lines(*spans).rstrip(b"\n"),
    "json lines, blank lines and CRLF": lambda *spans: b"\n\r\n" + json_lines(*spans).replace(b"\n", b"\r\n\r\n"),
    "json lines after a byte order mark": lambda *spans: b"\xef\xbb\xbf" + json_lines(*spans),
    "one json line": lambda *spans: json.dumps(json_request(*spans)).encode(),
    "json list on a line": lambda *spans: json.dumps([json_request(span) for span in spans]).encode(),
    "json document": lambda *spans: json.dumps(json_request(*spans), indent=2).encode(),
    "json document, a list": lambda *spans: json.dumps([json_request(s) for s in spans], indent=4).encode(),
    "json list, one request per line": lambda *spans: (
        b"[\n" + b",\n".join(json.dumps(json_request(s)).encode() for s in spans) + b"\n]\n"
    ),
    "json documents, one after the other": lambda *spans: b"\n".join(
        json.dumps(json_request(span), indent=2).encode() for span in spans
    ),
    "one protobuf request": protobuf_request,
    "protobuf, big-endian lengths": lambda *spans: framed([protobuf_request(s) for s in spans], "big"),
    "protobuf, little-endian lengths": lambda *spans: framed([protobuf_request(s) for s in spans], "little"),
    "protobuf, varint lengths": lambda *spans: varint_framed([protobuf_request(s) for s in spans]),
    "zstd protobuf, big-endian lengths": lambda *spans: framed([zstd(protobuf_request(s)) for s in spans], "big"),
    "zstd json, big-endian lengths": lambda *spans: framed(
        [zstd(json.dumps(json_request(s)).encode()) for s in spans], "big"
    ),
}


def halves(data):
    """The data in two parts, the first a good deal shorter."""
    return data[: len(data) // 3], data[len(data) // 3 :]


PACKINGS = {
    "plain": lambda data: data,
    "gzip": gzip.compress,
    "gzip of two members": lambda data: b"".join(map(gzip.compress, halves(data))),
    "gzip with padding": lambda data: gzip.compress(data, mtime=0) + b"\0" * 512,
    "zstd": zstd,
    "zstd of two frames": lambda data: b"".join(map(zstd, halves(data))),
}
