"""Binary OTLP: one request, or requests each behind its length, to spans.

In: the bytes of a whole input. Out: spans and losses in a `Basket`; False if the bytes are no such thing.

    one request      0A len resource-spans  0A len resource-spans …
    big / little     4 bytes length, request, 4 bytes length, request …   (big: the collector's file exporter)
    varint           varint length, request …
A request behind its length may be zstd-compressed by itself, and may be JSON: the collector writes that as well.
"""

from collections.abc import Callable, Iterator
from sys import intern
from typing import TYPE_CHECKING, NamedTuple

from verifier.errors import SourceError
from verifier.sources import stream
from verifier.sources.assemble import (
    A_VALUE,
    MAX_DEPTH,
    BadSpan,
    Basket,
    Resource,
    Spoilt,
    check_times,
    distinct,
    kind_of,
    raw_id,
    resource,
    status_of,
)
from verifier.sources.otlp_json import take as take_json
from verifier.sources.sniff import OPENINGS, varint
from verifier.sources.stream import ZSTD
from verifier.spans import Event, Link, Span, Value

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from opentelemetry.proto.common.v1 import common_pb2 as common
    from opentelemetry.proto.trace.v1 import trace_pb2 as trace


class Frame(NamedTuple):
    """Where one request lies in the input; `stop` beyond the input's end: it was cut off."""

    start: int
    stop: int


Framing = Callable[[bytes, int], Frame | None]
"""The frame that begins at an offset; None if nothing of the kind does."""

Decode = Callable[[bytes], "Iterable[trace.ResourceSpans] | None"]


def take(data: bytes, basket: Basket) -> bool:
    """Put the spans of a binary input into the basket, whichever framing fits; False if none does."""
    framing = choose(data)
    if framing is None:
        return False
    decode = _decoder(basket.file)
    for number, frame in enumerate(frames(data, framing), 1):
        if frame is None:
            what = f"at frame {number} begins something that is no request; it and what follows was set aside"
            basket.bad("bad_line", what, number)
        elif frame.stop > len(data):
            basket.bad("truncated", f"the input ends in the middle of frame {number}", number)
        elif frame.stop > frame.start:
            _take_frame(data[frame.start : frame.stop], number, decode, basket)
        else:
            basket.good += 1  # an empty request is a legal one
    return True


def take_request(data: bytes, basket: Basket) -> None:
    """Put the spans of one request into the basket; what can't be read is counted there."""
    _take_frame(data, 1, _decoder(basket.file), basket)


def known_fields(data: bytes) -> bytes:
    """A request that can be read, without the fields that this version doesn't know."""
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

    request = ExportTraceServiceRequest.FromString(data)
    request.DiscardUnknownFields()
    return request.SerializeToString()


def choose(data: bytes) -> Framing | None:
    """The framing that fits: one that consumes the input, else the one with the most whole frames."""
    best: Framing | None = None
    most = 0
    for framing in FRAMINGS:
        found = list(frames(data, framing))
        whole = sum(frame is not None and frame.start < frame.stop <= len(data) for frame in found)
        if whole and found[-1] is not None and found[-1].stop == len(data):
            return framing
        if whole > most:
            best, most = framing, whole
    return best


def frames(data: bytes, framing: Framing) -> Iterator[Frame | None]:
    """The frames in turn; the last one may be cut off, or None where the chain breaks."""
    at = 0
    while at < len(data):
        frame = framing(data, at)
        yield frame
        if frame is None:
            return
        at = frame.stop


def _single(data: bytes, at: int) -> Frame | None:
    # Each resource-spans field, with its tag, is a request by itself: so a cut input loses only its tail.
    if data[at] != 0x0A:
        return None
    size, start = varint(data, at + 1)
    return Frame(at, start + size if start is not None else len(data) + 1)


def _big(data: bytes, at: int) -> Frame | None:
    return _framed(data, at + 4, int.from_bytes(data[at : at + 4], "big"))


def _little(data: bytes, at: int) -> Frame | None:
    return _framed(data, at + 4, int.from_bytes(data[at : at + 4], "little"))


def _varint(data: bytes, at: int) -> Frame | None:
    size, start = varint(data, at)
    if start is None:
        return Frame(at, len(data) + 1) if len(data) - at < 10 else None
    return _framed(data, start, size)


def _framed(data: bytes, start: int, size: int) -> Frame | None:
    head = data[start : start + 4]
    # A cut input may end within the mark.
    if size and not any(head.startswith(mark) or mark.startswith(head) for mark in OPENINGS):
        return None
    return Frame(start, start + size)


FRAMINGS: tuple[Framing, ...] = (_single, _big, _varint, _little)


def _decoder(file: str) -> Decode:
    """Bytes to a request's resource groups; protobuf is loaded here, nowhere else."""
    try:
        from google.protobuf.message import DecodeError
        from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
    except ImportError:
        raise SourceError(
            f"{file}: is binary OTLP, which needs the extra: pip install 'flow-verifier[protobuf]'"
        ) from None

    def decode(data: bytes) -> "Iterable[trace.ResourceSpans] | None":
        try:
            return ExportTraceServiceRequest.FromString(data).resource_spans
        except DecodeError:
            return None

    return decode


def _take_frame(data: bytes, number: int, decode: Decode, basket: Basket) -> None:
    if data.startswith(ZSTD):
        try:
            plain = stream.bounded(stream.unzstd([data], basket.file))
        except stream.Broken as problem:
            basket.bad("bad_line", f"frame {number}: {problem}", number)
            return
        if plain is None:
            basket.bad("long_line", f"frame {number} is more than {stream.MAX_LINE >> 20} MiB long", number)
            return
        data = plain
    if data.startswith(b"{"):
        take_json(data, number, basket)
        return
    groups = decode(data)
    if groups is None:
        basket.bad("bad_line", f"frame {number} is no ExportTraceServiceRequest in protobuf", number)
        return
    basket.good += 1
    for i, group in enumerate(groups):
        _take_group(group, f"frame {number}: resourceSpans[{i}]", number, basket)


def _take_group(group: "trace.ResourceSpans", path: str, number: int, basket: Basket) -> None:
    unowned, source = "", None
    try:
        spoilt: list[Spoilt] = []
        source = resource(_attributes(group.resource.attributes, spoilt), spoilt)
    except BadSpan as problem:
        unowned = f"{path}.resource.{problem}"
    for j, scope in enumerate(group.scope_spans):
        for k, raw in enumerate(scope.spans):
            try:
                if source is None:
                    basket.bad_span(unowned, number, None)
                else:
                    basket.keep(_span(raw, source, basket, number), number)
            except BadSpan as problem:
                basket.bad_span(f"{path}.scopeSpans[{j}].spans[{k}].{problem}", number, source)


def _span(raw: "trace.Span", source: Resource, basket: Basket, number: int) -> Span:
    parent, status = raw.parent_span_id, raw.status
    span_id = raw_id(raw.span_id, 8, "spanId")
    dropped, spoilt = raw.dropped_attributes_count, basket.spoilt
    events: tuple[Event, ...] = ()
    if raw.events:
        found = [_event(event, spoilt) for event in raw.events]
        events = tuple([event for event in found if basket.timed(event, span_id, number, source)])
        dropped += sum([event.dropped_attributes_count for event in raw.events])
    links: tuple[Link, ...] = ()
    if raw.links:
        links = tuple([link for each in raw.links if (link := _link(each, span_id, source, basket, number))])
        dropped += sum([link.dropped_attributes_count for link in raw.links])
    start_ns, end_ns = raw.start_time_unix_nano, raw.end_time_unix_nano
    check_times(start_ns, end_ns)
    attributes = _attributes(raw.attributes, spoilt)
    if spoilt or source.spoilt:
        dropped += basket.settle(span_id, number, source)
    return Span(
        trace_id=raw_id(raw.trace_id, 16, "traceId"),
        span_id=span_id,
        parent_span_id=raw_id(parent, 8, "parentSpanId") if parent.strip(b"\0") or len(parent) not in (0, 8) else None,
        name=intern(raw.name),
        kind=kind_of(raw.kind),
        start_ns=start_ns,
        end_ns=end_ns,
        resource=source.attributes,
        service=source.service,
        instance=source.instance,
        status=status_of(status.code),
        status_message=status.message,
        attributes=attributes,
        events=events,
        links=links,
        trace_state=raw.trace_state,
        dropped_attributes=dropped,
        dropped_events=raw.dropped_events_count,
        dropped_links=raw.dropped_links_count,
    )


def _event(raw: "trace.Span.Event", spoilt: list[Spoilt]) -> Event:
    return Event(name=intern(raw.name), time_ns=raw.time_unix_nano, attributes=_attributes(raw.attributes, spoilt))


def _link(raw: "trace.Span.Link", span_id: str, source: Resource, basket: Basket, number: int) -> Link | None:
    try:
        trace_id, other = raw_id(raw.trace_id, 16, "traceId"), raw_id(raw.span_id, 8, "spanId")
    except BadSpan as problem:
        basket.pointless(problem, span_id, number, source)
        return None
    return Link(trace_id=trace_id, span_id=other, attributes=_attributes(raw.attributes, basket.spoilt))


def _attributes(pairs: "Sequence[common.KeyValue]", spoilt: list[Spoilt], depth: int = 0) -> dict[str, Value]:
    before = len(spoilt)
    found: dict[str, Value] = {}
    for pair in pairs:
        value = pair.value
        found[intern(pair.key)] = value.string_value or _value(value, pair.key, spoilt, depth)
    if len(found) < len(pairs):
        del spoilt[before:]
        return distinct([(pair.key, _value(pair.value, pair.key, spoilt, depth)) for pair in pairs], spoilt)
    return found


def _value(raw: "common.AnyValue", key: str, spoilt: list[Spoilt], depth: int) -> Value:
    which = raw.WhichOneof("value")
    if which == "string_value":
        return raw.string_value
    if which == "int_value":
        return raw.int_value
    if which == "bool_value":
        return raw.bool_value
    if which == "double_value":
        return raw.double_value
    if which == "bytes_value":
        return raw.bytes_value
    if depth >= MAX_DEPTH:
        raise BadSpan("attributes", f"values nested more than {MAX_DEPTH} deep", "less")
    if which == "array_value":
        return tuple([_value(value, key, spoilt, depth + 1) for value in raw.array_value.values])
    if which == "kvlist_value":
        return _attributes(raw.kvlist_value.values, spoilt, depth + 1)
    if raw.ByteSize():  # protobuf keeps what it doesn't know
        spoilt.append(Spoilt(key, "a value of a kind that is not known here", A_VALUE))
    return None
