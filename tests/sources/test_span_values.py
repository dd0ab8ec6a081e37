"""What OTLP/JSON may write, and what a span is made of it."""

import io
import json
import math

import pytest
from otlp_writing import SECOND, json_request, json_span, make_span

from verifier.sources import read_spans


def read_json(*requests):
    """The reading of these requests, one per line."""
    return read_spans("-", stdin=io.BytesIO(b"\n".join(json.dumps(request).encode() for request in requests)))


def read_one(resource=None, **changes):
    """The reading of one span with these raw fields changed."""
    raw = json_span(make_span(1)) | changes
    resource = {"service.name": "orders"} if resource is None else resource
    pairs = [
        {"key": key, "value": {"stringValue": value} if isinstance(value, str) else {"intValue": value}}
        for key, value in resource.items()
    ]
    return read_json({"resourceSpans": [{"resource": {"attributes": pairs}, "scopeSpans": [{"spans": [raw]}]}]})


def only(reading):
    """Its one span; nothing was lost."""
    assert reading.losses == ()
    (span,) = reading.spans
    return span


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        ({"stringValue": "null"}, "null"),
        ({"stringValue": ""}, ""),
        ({"intValue": "12"}, 12),
        ({"intValue": 12}, 12),
        ({"intValue": str(-(1 << 63))}, -(1 << 63)),
        ({"doubleValue": 2}, 2.0),
        ({"doubleValue": "Infinity"}, math.inf),
        ({"doubleValue": "-Infinity"}, -math.inf),
        ({"boolValue": False}, False),
        ({"bytesValue": "AP8="}, b"\x00\xff"),
        ({"bytesValue": "_-8"}, b"\xff\xef"),
        ({"arrayValue": {}}, ()),
        ({"arrayValue": {"values": [{"intValue": 1}, {}, None]}}, (1, None, None)),
        ({"kvlistValue": {"values": [{"key": "a", "value": {"kvlistValue": {}}}]}}, {"a": {}}),
        ({"stringValue": None}, None),
        ({}, None),
        (None, None),
    ],
)
def test_every_kind_of_attribute_value(raw, value):
    """Numbers may be strings, null is not set."""
    found = only(read_one(attributes=[{"key": "k", "value": raw}])).attributes
    assert found == {"k": value}
    assert type(found["k"]) is type(value)


def test_not_a_number_is_a_number():
    """NaN comes as a string in JSON."""
    assert math.isnan(only(read_one(attributes=[{"key": "k", "value": {"doubleValue": "NaN"}}])).attributes["k"])


@pytest.mark.parametrize(
    ("raw", "kind"),
    [(2, "server"), ("2", "server"), ("SPAN_KIND_CONSUMER", "consumer"), (None, "unspecified"), (77, "unspecified")],
)
def test_kinds_come_as_numbers_or_names(raw, kind):
    """A number that we don't know may be newer than we are."""
    assert only(read_one(kind=raw)).kind == kind


@pytest.mark.parametrize(
    ("raw", "status"),
    [
        ({}, "unset"),
        (None, "unset"),
        ({"code": 1}, "ok"),
        ({"code": "STATUS_CODE_ERROR"}, "error"),
        ({"code": 9}, "unset"),
    ],
)
def test_statuses_come_as_numbers_or_names(raw, status):
    """The same for the status."""
    assert only(read_one(status=raw)).status == status


def test_ids_are_lower_case():
    """Hex of any case is one id."""
    span = only(read_one(traceId="AB" * 16, spanId="CD" * 8, parentSpanId="Ef" * 8))
    assert (span.trace_id, span.span_id, span.parent_span_id) == ("ab" * 16, "cd" * 8, "ef" * 8)


@pytest.mark.parametrize("parent", ["", None, "0" * 16])
def test_no_parent(parent):
    """Empty, null and zeros all mean a root."""
    assert only(read_one(parentSpanId=parent)).parent is None


def test_times_may_be_numbers():
    """64-bit numbers are strings in protobuf's JSON; some write them bare."""
    span = only(read_one(startTimeUnixNano=5, endTimeUnixNano=1 << 63))
    assert (span.start_ns, span.end_ns) == (5, 1 << 63)


@pytest.mark.parametrize(
    "name", ["attributes", "events", "links", "status", "name", "traceState", "droppedEventsCount"]
)
def test_null_is_not_set(name):
    """Any field may be null."""
    assert only(read_one(**{name: None})).id == make_span(1).id


def test_unknown_fields_are_ignored():
    """OTLP says so: newer senders must not break older readers."""
    assert only(read_one(flags=256, somethingNew={"deep": [1, {"x": None}]})).id == make_span(1).id


def test_dropped_attributes_of_events_and_links_count():
    """What an event lost is evidence that the span lost."""
    event = {"timeUnixNano": "7", "name": "e", "droppedAttributesCount": 2}
    link = {"traceId": "1" * 32, "spanId": "2" * 16, "droppedAttributesCount": 4}
    assert only(read_one(events=[event], links=[link], droppedAttributesCount=1)).dropped_attributes == 7


@pytest.mark.parametrize(
    ("resource", "service", "instance"),
    [
        ({}, "unknown_service", None),
        ({"service.name": ""}, "unknown_service", None),
        ({"service.name": "a", "service.instance.id": "i"}, "a", "i"),
        ({"service.name": "a", "service.instance.id": "i", "host.name": "h", "process.pid": 7}, "a", "i"),
        ({"service.name": "a", "host.name": "h", "process.pid": 7}, "a", "h/7"),
        ({"service.name": "a", "host.id": "x", "host.name": "h", "process.pid": 7}, "a", "x/7"),
        ({"service.name": "a", "host.name": "h"}, "a", None),
        ({"service.name": "a", "process.pid": 7}, "a", None),
    ],
)
def test_service_and_instance_come_from_the_resource(resource, service, instance):
    """The instance is the process whose clock stamped the span."""
    span = only(read_one(resource=resource))
    assert (span.service, span.instance) == (service, instance)


@pytest.mark.parametrize(("end", "kept"), [("0", 0), (None, 0), (str(SECOND - 1), SECOND - 1)])
def test_a_span_with_a_bad_end_is_kept_and_counted(end, kept):
    """It happened; only how long it took is not known."""
    reading = read_one(endTimeUnixNano=end)
    (span,), (loss,) = reading.spans, reading.losses
    assert span.end_ns == kept
    assert (loss.kind, loss.where, loss.service, loss.count) == ("bad_end", "standard input:1", "orders", 1)
    assert loss.what.endswith(
        "has no end; its end was set aside, the rest of it counts"
        if not kept
        else "ends 1ns before it starts; its end was set aside, the rest of it counts"
    )


def test_an_event_without_a_time_is_set_aside():
    """It could only be put in a wrong place; the span stays."""
    reading = read_one(events=[{"name": "e"}, {"name": "f", "timeUnixNano": "9"}])
    assert [event.name for event in reading.spans[0].events] == ["f"]
    assert [(loss.kind, loss.service) for loss in reading.losses] == [("dropped_events", "orders")]


def test_a_link_to_nowhere_is_set_aside():
    """The same for links."""
    reading = read_one(links=[{"traceId": "x", "spanId": "2" * 16}, {"traceId": "1" * 32, "spanId": "2" * 16}])
    assert [link.trace_id for link in reading.spans[0].links] == ["1" * 32]
    assert [(loss.kind, loss.service) for loss in reading.losses] == [("dropped_links", "orders")]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"traceId": "abc"}, "traceId: saw 'abc', expected 32 hex digits"),
        ({"traceId": "g" * 32}, "traceId: saw"),
        ({"traceId": "ab " * 10 + "cd"}, "traceId: saw"),
        ({"traceId": "0" * 32}, "traceId: saw only zeros"),
        ({"traceId": None}, "traceId: saw nothing"),
        ({"traceId": "W47/95gDgQPSabYzgT/GDA=="}, "base64"),
        ({"traceId": 7}, "traceId: saw 7, expected a string"),
        ({"spanId": ""}, "spanId: saw nothing, expected 16 hex digits"),
        ({"parentSpanId": "12"}, "parentSpanId: saw '12', expected 16 hex digits"),
        ({"startTimeUnixNano": None}, "startTimeUnixNano: saw nothing"),
        ({"startTimeUnixNano": "0"}, "startTimeUnixNano: saw nothing"),
        ({"startTimeUnixNano": -1}, "startTimeUnixNano: saw -1"),
        ({"startTimeUnixNano": (1 << 63) + 1}, "startTimeUnixNano: saw 9223372036854775809"),
        ({"startTimeUnixNano": "soon"}, "startTimeUnixNano: saw 'soon', expected a whole number"),
        ({"endTimeUnixNano": -1}, "endTimeUnixNano: saw -1"),
        ({"kind": "SERVER"}, "kind: saw 'SERVER', expected a number from 0 to 5 or a name like SPAN_KIND_SERVER"),
        ({"kind": True}, "kind: saw true, expected a whole number or a string"),
        ({"status": {"code": "bad"}}, "status.code: saw 'bad'"),
        ({"attributes": [{"key": "k", "value": {"stringValue": 5}}]}, "attributes[0].value.stringValue: saw 5"),
        ({"attributes": [{"key": "k", "value": {"intValue": str(1 << 63)}}]}, "intValue: saw 9223372036854775808"),
        ({"attributes": [{"key": "k", "value": {"bytesValue": "?"}}]}, "bytesValue: saw '?', expected base64"),
        ({"attributes": {"k": "v"}}, "attributes: saw an object with 'k', expected a list"),
    ],
)
def test_a_bad_span_costs_only_itself(changes, said):
    """Its neighbours in the request are kept; the loss says which field, what was seen, what was expected."""
    request = json_request(make_span(1), make_span(2), make_span(3))
    request["resourceSpans"][1]["scopeSpans"][0]["spans"][0].update(changes)
    reading = read_json(json_request(make_span(4)), request)
    assert [span.span_id for span in reading.spans] == [make_span(n).span_id for n in (1, 3, 4)]
    (loss,) = reading.losses
    assert (loss.kind, loss.where, loss.count) == ("bad_span", "standard input:2", 1)
    assert loss.what.startswith("resourceSpans[1].scopeSpans[0].spans[0].")
    assert said in loss.what
    assert loss.demotes


def test_bad_spans_fold_to_one_loss_per_service():
    """A file of a thousand bad spans is one row: the first place and the count."""
    bad = [json_request(make_span(n, trace_id="1")) for n in range(1, 4)]
    other = json_request(make_span(9, service="billing", trace_id="1"))
    losses = read_json(json_request(make_span(1)), *bad, other).losses
    assert [(loss.service, loss.where, loss.count) for loss in losses] == [
        ("orders", "standard input:2", 3),
        ("billing", "standard input:5", 1),
    ]


@pytest.mark.parametrize(
    "resource", [5, {"attributes": "x"}, {"attributes": [{"key": "k", "value": {"intValue": str(1 << 70)}}]}]
)
def test_spans_of_an_unreadable_resource_are_set_aside(resource):
    """Whose they are can't be said; each is counted."""
    request = json_request(make_span(1))
    request["resourceSpans"][0]["resource"] = resource
    reading = read_json(json_request(make_span(2)), request)
    assert [span.span_id for span in reading.spans] == [make_span(2).span_id]
    assert [(loss.kind, loss.service, loss.count) for loss in reading.losses] == [("bad_span", None, 1)]
    assert reading.losses[0].what.startswith("resourceSpans[0].resource")


@pytest.mark.parametrize("groups", [[7], [{"scopeSpans": 7}], [{"scopeSpans": [7]}], [{"scopeSpans": [{"spans": {}}]}]])
def test_a_broken_group_costs_only_itself(groups):
    """Whatever stands where a list of spans should be is counted."""
    request = json_request(make_span(1))
    request["resourceSpans"] += groups
    reading = read_json(request)
    assert [span.span_id for span in reading.spans] == [make_span(1).span_id]
    assert [(loss.kind, loss.count) for loss in reading.losses] == [("bad_span", 1)]


def test_attributes_that_nest_too_deep_are_a_bad_span():
    """Bounded as in protobuf, so that nobody chokes on it later."""

    def nested(depth):
        value = {"intValue": 1}
        for _ in range(depth):
            value = {"arrayValue": {"values": [value]}}
        return {"attributes": [{"key": "k", "value": value}]}

    assert only(read_one(**nested(100))).attributes["k"] != ()
    request = json_request(make_span(1), make_span(2))
    request["resourceSpans"][0]["scopeSpans"][0]["spans"][0].update(nested(101))
    (loss,) = read_json(request).losses
    assert loss.kind == "bad_span"
    assert "nested more than 100 deep" in loss.what


def pairs(*given):
    """Attributes as OTLP/JSON has them."""
    return [{"key": key, "value": value} for key, value in given]


EUR, SEK, ODD = {"stringValue": "EUR"}, {"stringValue": "SEK"}, {"stringvalue": "USD"}


def test_a_key_that_says_two_things_counts_as_dropped():
    """Which of them is right can't be told, so neither counts; the same twice is no harm."""
    reading = read_one(attributes=pairs(("a", EUR), ("b", EUR), ("a", EUR), ("b", SEK)))
    (span,), (loss,) = reading.spans, reading.losses
    assert (span.attributes, span.dropped_attributes) == ({"a": "EUR"}, 1)
    assert (loss.kind, loss.where, loss.service, loss.count) == ("bad_attribute", "standard input:1", "orders", 1)
    assert loss.what == (
        "attribute 'b' of span 0000000000000001: saw it with 'EUR' and 'SEK', expected it once; "
        "the attribute was set aside"
    )


@pytest.mark.parametrize("value", [ODD, {"wrongValue": 1}, {"stringValue": None, "wrongValue": 1}])
def test_a_value_of_an_unknown_kind_counts_as_dropped(value):
    """It is not the same as no value."""
    reading = read_one(attributes=pairs(("a", EUR), ("b", value)))
    (span,), (loss,) = reading.spans, reading.losses
    assert (span.attributes["a"], span.attributes["b"], span.dropped_attributes) == ("EUR", None, 1)
    assert (loss.kind, loss.count) == ("bad_attribute", 1)
    assert "attribute 'b' of span 0000000000000001: saw an object with" in loss.what
    assert "expected one of stringValue, intValue" in loss.what


def test_what_else_a_value_says_is_ignored():
    """As OTLP wants it of fields that a reader doesn't know."""
    assert only(read_one(attributes=pairs(("a", EUR | {"later": 1})), later={"a": 1})).attributes == {"a": "EUR"}


@pytest.mark.parametrize(
    "changes",
    [
        {"attributes": pairs(("l", {"arrayValue": {"values": [EUR, ODD]}}))},
        {"attributes": pairs(("m", {"kvlistValue": {"values": pairs(("a", ODD))}}))},
        {"attributes": pairs(("m", {"kvlistValue": {"values": pairs(("a", EUR), ("a", SEK))}}))},
        {"events": [{"timeUnixNano": "5", "name": "e", "attributes": pairs(("a", ODD))}]},
        {"events": [{"timeUnixNano": "5", "name": "e", "attributes": pairs(("a", EUR), ("a", SEK))}]},
        {"links": [{"traceId": "1" * 32, "spanId": "2" * 16, "attributes": pairs(("a", EUR), ("a", SEK))}]},
    ],
)
def test_spoilt_attributes_are_counted_wherever_they_are(changes):
    """In lists, in maps, on events, on links."""
    reading = read_one(**changes)
    assert [(loss.kind, loss.count) for loss in reading.losses] == [("bad_attribute", 1)]
    assert reading.spans[0].dropped_attributes == 1


def test_spoilt_attributes_of_a_resource_count_on_each_span():
    """Its service is another matter: whose spans these are can't be said."""
    request = json_request(make_span(1), make_span(2))
    request["resourceSpans"][0]["resource"]["attributes"] += pairs(("zone", EUR), ("zone", SEK))
    reading = read_json(request)
    assert sorted(span.dropped_attributes for span in reading.spans) == [0, 1]
    request["resourceSpans"][0]["resource"]["attributes"] += pairs(("service.name", ODD))
    assert [(loss.kind, loss.count) for loss in read_json(request).losses] == [("bad_span", 1)]


def test_spoilt_attributes_of_a_bad_span_are_not_the_next_ones():
    """It takes them with it."""
    request = json_request(make_span(1), make_span(2))
    first = request["resourceSpans"][0]["scopeSpans"][0]["spans"][0]
    first.update(attributes=pairs(("a", EUR), ("a", SEK)), kind="odd", traceId="7")
    first["events"] = [{"timeUnixNano": "5", "attributes": pairs(("a", ODD))}]
    reading = read_json(request)
    assert [loss.kind for loss in reading.losses] == ["bad_span"]
    assert [span.dropped_attributes for span in reading.spans] == [0]


def test_protobuf_says_the_same_of_spoilt_attributes():
    """A key twice, and a field of a value that is not known here."""
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

    request = ExportTraceServiceRequest()
    group = request.resource_spans.add()
    group.resource.attributes.add(key="service.name").value.string_value = "orders"
    span = group.scope_spans.add().spans.add(trace_id=b"1" * 16, span_id=b"2" * 8, start_time_unix_nano=5)
    span.end_time_unix_nano = 6
    for key, text in (("a", "EUR"), ("a", "SEK"), ("b", "EUR"), ("b", "EUR")):
        span.attributes.add(key=key).value.string_value = text
    span.attributes.add(key="c").value.MergeFromString(b"\xfa\x01\x01x")  # field 31
    reading = read_spans("-", stdin=io.BytesIO(request.SerializeToString()))
    assert [(loss.kind, loss.count) for loss in reading.losses] == [("bad_attribute", 2)]
    assert (reading.spans[0].attributes, reading.spans[0].dropped_attributes) == ({"b": "EUR", "c": None}, 2)
