"""OTLP/JSON: one text with one request (or a list of them) to spans.

In: the bytes of a line or document. Out: spans and losses in a `Basket`. A text that fits the types is decoded in
one go; one that doesn't is taken apart span by span, so that a bad span costs only itself.
Ids are hex, whole numbers are numbers or strings, enums numbers or names, fields that we don't know are ignored.
"""

import base64
from collections.abc import Mapping
from sys import intern

import msgspec
from msgspec import UNSET, Struct, UnsetType

from verifier.sources.assemble import (
    MAX_DEPTH,
    BadSpan,
    Basket,
    Resource,
    Spoilt,
    check_times,
    distinct,
    hex_id,
    kind_of,
    resource,
    status_of,
)
from verifier.sources.otlp_json_odd import instead_of, known, known_pairs, worded
from verifier.sources.sniff import described, snippet, unreadable
from verifier.spans import Event, Link, Span, Value

# null means "not set" everywhere, as in every JSON of protobuf.
_Int = int | None
_Text = str | None


# A value of a kind that we don't know must be noticed: it fails here, and is looked at by itself.
class _Any(Struct, rename="camel", gc=False, forbid_unknown_fields=True):
    string_value: _Text = None
    int_value: _Int = None
    double_value: float | None = None
    bool_value: bool | None = None
    bytes_value: _Text = None
    array_value: "_Array | None" = None
    kvlist_value: "_Pairs | None" = None


class _Array(Struct, gc=False):
    values: list[_Any | None] | None = None


class _Pair(Struct, gc=False):
    key: _Text = None
    value: _Any | None = None


class _Pairs(Struct, gc=False):
    values: list[_Pair] | None = None


class _Event(Struct, rename="camel", gc=False):
    time_unix_nano: _Int = None
    name: _Text = None
    attributes: list[_Pair] | None = None
    dropped_attributes_count: _Int = None


class _Link(Struct, rename="camel", gc=False):
    trace_id: _Text = None
    span_id: _Text = None
    attributes: list[_Pair] | None = None
    dropped_attributes_count: _Int = None


class _Status(Struct, gc=False):
    code: int | str | None = None
    message: _Text = None


class _Span(Struct, rename="camel", gc=False):
    trace_id: _Text = None
    span_id: _Text = None
    parent_span_id: _Text = None
    name: _Text = None
    kind: int | str | None = None
    start_time_unix_nano: _Int = None
    end_time_unix_nano: _Int = None
    status: _Status | None = None
    attributes: list[_Pair] | None = None
    events: list[_Event] | None = None
    links: list[_Link] | None = None
    trace_state: _Text = None
    dropped_attributes_count: _Int = None
    dropped_events_count: _Int = None
    dropped_links_count: _Int = None


class _Scope(Struct, gc=False):
    spans: list[_Span] | None = None


class _Resource(Struct, gc=False):
    attributes: list[_Pair] | None = None


class _ResourceSpans(Struct, rename="camel", gc=False):
    # Undecoded: the same resource comes with every request, so it is decoded once.
    resource: msgspec.Raw = msgspec.Raw()
    scope_spans: list[_Scope] | None = None


class _Request(Struct, rename="camel", gc=False):
    resource_spans: list[_ResourceSpans] | UnsetType | None = UNSET


_ONE = msgspec.json.Decoder(_Request, strict=False)
_MANY = msgspec.json.Decoder(list[_Request], strict=False)
_RESOURCE = msgspec.json.Decoder(_Resource | None, strict=False)
_RESOURCES_KEPT = 10_000
UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What decoding foreign JSON may raise."""


def take(text: bytes, line: int, basket: Basket, *, ended: bool = True) -> None:
    """Put the spans of one JSON text into the basket; what can't be read is counted there.

    `ended` False: nothing follows, so that a text which doesn't parse was perhaps cut off.
    """
    try:
        requests = _MANY.decode(text) if text.lstrip()[:1] == b"[" else [_ONE.decode(text)]
    except msgspec.ValidationError:
        _take_apart(text, line, basket, ended)
        return
    except UNREADABLE as problem:
        basket.bad(*unreadable(problem, text, ended), line)
        return
    if not requests or not all(map(_full, requests)):
        _take_apart(text, line, basket, ended)
        return
    for request in requests:
        basket.good += 1
        for i, group in enumerate(request.resource_spans or ()):
            _take_group(group, f"resourceSpans[{i}]", line, basket)


def _full(request: _Request) -> bool:
    """Whether a request is one, and each group of it holds spans; else it is worth a closer look."""
    groups = request.resource_spans
    return groups is not UNSET and all(
        group.scope_spans and all(scope.spans for scope in group.scope_spans) for group in groups or ()
    )


def _take_group(group: _ResourceSpans, path: str, line: int, basket: Basket) -> None:
    unowned, source = "", None
    try:
        source = _known_resource(bytes(group.resource), basket.resources)
    except (*UNREADABLE, BadSpan) as problem:
        unowned = worded(problem, f"{path}.resource", _generic(bytes(group.resource)))
    for j, scope in enumerate(group.scope_spans or ()):
        for k, span in enumerate(scope.spans or ()):
            try:
                if source is None:
                    # Whose spans these are can't be said.
                    basket.bad_span(unowned, line, None)
                else:
                    basket.keep(_span(span, source, basket, line), line)
            except BadSpan as problem:
                basket.bad_span(f"{path}.scopeSpans[{j}].spans[{k}].{problem}", line, source)


def _known_resource(text: bytes, known: dict[bytes, Resource]) -> Resource:
    if (source := known.get(text)) is None:
        try:
            source = _resource(_RESOURCE.decode(text) if text else None, [])
        except msgspec.ValidationError:
            source = _resource_apart(_generic(text))
        if len(known) < _RESOURCES_KEPT:
            known[text] = source
    return source


def _resource(raw: _Resource | None, spoilt: list[Spoilt]) -> Resource:
    return resource(_attributes(raw.attributes, spoilt) if raw and raw.attributes else {}, spoilt)


def _resource_apart(value: object) -> Resource:
    spoilt: list[Spoilt] = []
    if isinstance(value, dict):
        value = value | {"attributes": known_pairs(value.get("attributes"), spoilt)}
    return _resource(msgspec.convert(value, _Resource | None, strict=False), spoilt)


def _generic(text: bytes) -> object:
    try:
        return msgspec.json.decode(text)
    except UNREADABLE:
        return text


def _span(raw: _Span, source: Resource, basket: Basket, line: int) -> Span:
    trace_id = basket.trace_ids.get(raw.trace_id or "")
    if trace_id is None:
        trace_id = hex_id(raw.trace_id, 32, "traceId")
        basket.trace_ids[raw.trace_id or ""] = trace_id
    span_id = hex_id(raw.span_id, 16, "spanId")
    parent, status = raw.parent_span_id, raw.status
    dropped, spoilt = raw.dropped_attributes_count or 0, basket.spoilt
    events: tuple[Event, ...] = ()
    if raw.events:
        found = [_event(event, spoilt) for event in raw.events]
        events = tuple([event for event in found if basket.timed(event, span_id, line, source)])
        dropped += sum([event.dropped_attributes_count or 0 for event in raw.events])
    links: tuple[Link, ...] = ()
    if raw.links:
        links = tuple([link for each in raw.links if (link := _link(each, span_id, source, basket, line))])
        dropped += sum([link.dropped_attributes_count or 0 for link in raw.links])
    start_ns, end_ns = raw.start_time_unix_nano or 0, raw.end_time_unix_nano or 0
    check_times(start_ns, end_ns)
    attributes = _attributes(raw.attributes, spoilt) if raw.attributes else {}
    if spoilt or source.spoilt:
        dropped += basket.settle(span_id, line, source)
    return Span(
        trace_id=trace_id,
        span_id=span_id,
        parent_span_id=hex_id(parent, 16, "parentSpanId") if parent and parent != "0" * 16 else None,
        name=intern(raw.name) if raw.name else "",
        kind=kind_of(raw.kind),
        start_ns=start_ns,
        end_ns=end_ns,
        resource=source.attributes,
        service=source.service,
        instance=source.instance,
        status=status_of(status.code) if status else "unset",
        status_message=status.message or "" if status else "",
        attributes=attributes,
        events=events,
        links=links,
        trace_state=raw.trace_state or "",
        dropped_attributes=dropped,
        dropped_events=raw.dropped_events_count or 0,
        dropped_links=raw.dropped_links_count or 0,
    )


def _event(raw: _Event, spoilt: list[Spoilt]) -> Event:
    return Event(
        name=intern(raw.name) if raw.name else "",
        time_ns=raw.time_unix_nano or 0,
        attributes=_attributes(raw.attributes, spoilt) if raw.attributes else {},
    )


def _link(raw: _Link, span_id: str, source: Resource, basket: Basket, line: int) -> Link | None:
    try:
        trace_id, other = hex_id(raw.trace_id, 32, "traceId"), hex_id(raw.span_id, 16, "spanId")
    except BadSpan as problem:
        basket.pointless(problem, span_id, line, source)
        return None
    attributes = _attributes(raw.attributes, basket.spoilt) if raw.attributes else {}
    return Link(trace_id=trace_id, span_id=other, attributes=attributes)


def _attributes(pairs: list[_Pair], spoilt: list[Spoilt], depth: int = 0) -> dict[str, Value]:
    before = len(spoilt)
    found: dict[str, Value] = {}
    for pair in pairs:
        # Keys repeat by the million, short values often: one string for all of them.
        key, value = intern(pair.key) if pair.key else "", pair.value
        text = value.string_value if value is not None else None
        if text is None:
            found[key] = _value(value, spoilt, depth)
        else:
            found[key] = intern(text) if len(text) < 24 else text
    if len(found) < len(pairs):
        del spoilt[before:]
        return distinct([(pair.key or "", _value(pair.value, spoilt, depth)) for pair in pairs], spoilt)
    return found


def _value(raw: _Any | None, spoilt: list[Spoilt], depth: int) -> Value:
    if raw is None:
        return None
    if raw.string_value is not None:
        return raw.string_value
    if raw.int_value is not None:
        if not -(1 << 63) <= raw.int_value < 1 << 63:
            raise BadSpan("attributes: intValue", snippet(raw.int_value), "a whole number of 64 bits")
        return raw.int_value
    if raw.bool_value is not None:
        return raw.bool_value
    if raw.double_value is not None:
        return raw.double_value
    if raw.bytes_value is not None:
        return _bytes(raw.bytes_value)
    if depth >= MAX_DEPTH:
        raise BadSpan("attributes", f"values nested more than {MAX_DEPTH} deep", "less")
    if raw.array_value is not None:
        return tuple([_value(value, spoilt, depth + 1) for value in raw.array_value.values or ()])
    if raw.kvlist_value is not None:
        return _attributes(raw.kvlist_value.values or [], spoilt, depth + 1)
    return None


def _bytes(text: str) -> bytes:
    try:
        # Both alphabets and missing padding are legal in protobuf's JSON.
        plain = text.replace("-", "+").replace("_", "/").rstrip("=")
        return base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True)
    except ValueError:
        raise BadSpan("attributes: bytesValue", snippet(text), "base64") from None


def _take_apart(text: bytes, line: int, basket: Basket, ended: bool) -> None:
    """The slow way: everything is looked at by itself."""
    try:
        value = msgspec.json.decode(text)
    except UNREADABLE as problem:
        basket.bad(*unreadable(problem, text, ended), line)
        return
    for request in value if isinstance(value, list) and value else [value]:
        groups = request.get("resourceSpans", UNSET) if isinstance(request, dict) else UNSET
        if groups is None or isinstance(groups, list):
            basket.good += 1
            for i, group in enumerate(groups or ()):
                _group_apart(group, f"resourceSpans[{i}]", line, basket)
        elif isinstance(request, dict) and groups is UNSET and request.keys() & {"resourceMetrics", "resourceLogs"}:
            basket.bad("other_signal", "holds metrics or logs, which say nothing about spans", line)
        elif isinstance(request, dict) and request.keys() == {"refused"}:  # what a receiver's journal says of it
            basket.bad("refused", str(request["refused"]), line)
        else:
            what = f"'resourceSpans' with {described(groups)}" if groups is not UNSET else described(request)
            basket.bad("bad_line", f"saw {what}, expected an object with a list 'resourceSpans'", line)


def _group_apart(group: object, path: str, line: int, basket: Basket) -> None:
    if not isinstance(group, dict):
        basket.bad_span(f"{path}: saw {described(group)}, expected an object with 'scopeSpans'", line, None)
        return
    unowned, source = "", None
    try:
        source = _resource_apart(group.get("resource"))
    except (msgspec.ValidationError, RecursionError, BadSpan) as problem:
        unowned = worded(problem, f"{path}.resource", group.get("resource"))
    before = len(basket.spans), basket.tally.total()
    for j, scope in enumerate(_list(group, "scopeSpans", path, line, basket)):
        inner = f"{path}.scopeSpans[{j}]"
        if not isinstance(scope, dict):
            basket.bad_span(f"{inner}: saw {described(scope)}, expected an object with 'spans'", line, source)
            continue
        if instead := instead_of(scope, "spans"):
            basket.bad("bad_line", f"{inner} has no 'spans', expected a list of them{instead}", line)
        for k, span in enumerate(_list(scope, "spans", inner, line, basket)):
            if source is None:
                basket.bad_span(unowned, line, None)
                continue
            try:
                converted = msgspec.convert(known(span, basket.spoilt), _Span, strict=False)
                basket.keep(_span(converted, source, basket, line), line)
            except (msgspec.ValidationError, RecursionError, BadSpan) as problem:
                basket.bad_span(worded(problem, f"{inner}.spans[{k}]", span), line, source)
    if (len(basket.spans), basket.tally.total()) == before:
        what = f"{path} holds no spans, expected 'scopeSpans' with a list 'spans'"
        basket.bad("bad_line", f"{what}{instead_of(group, 'scopeSpans')}", line)


def _list(parent: Mapping[str, object], name: str, path: str, line: int, basket: Basket) -> list[object]:
    value = parent.get(name)
    if value is None or isinstance(value, list):
        return value or []
    basket.bad_span(f"{path}.{name}: saw {described(value)}, expected a list", line, None)
    return []
