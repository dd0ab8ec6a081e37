"""Any span, written as JSON or protobuf in any form and order, is read back as it was."""

import io

from hypothesis import given, settings
from hypothesis import strategies as st
from otlp_writing import FORMS, KINDS, PACKINGS, STATUSES, make_span

from verifier.sources import read_spans
from verifier.spans import Event, Link

TEXT = st.text(max_size=30)
TIME = st.integers(1, 1 << 62)
COUNT = st.integers(0, (1 << 32) - 1)
VALUE = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(1 << 63), (1 << 63) - 1)
    | st.floats(allow_nan=False)
    | TEXT
    | st.binary(),
    lambda inner: st.lists(inner, max_size=3).map(tuple) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)
ATTRIBUTES = st.dictionaries(TEXT, VALUE, max_size=4)
TRACE = st.integers(1, (1 << 128) - 1).map("{:032x}".format)
SPAN = st.integers(1, (1 << 64) - 1).map("{:016x}".format)


@st.composite
def spans(draw, number):
    """A span with its own id and anything else."""
    service = draw(st.text(min_size=1, max_size=9))
    start = draw(TIME)
    return make_span(
        number,
        trace_id=draw(TRACE),
        parent_span_id=draw(st.none() | SPAN),
        service=service,
        resource=draw(ATTRIBUTES.map(lambda found: {k: v for k, v in found.items() if "." not in k}))
        | {"service.name": service},
        name=draw(TEXT),
        kind=draw(st.sampled_from(KINDS)),
        start_ns=start,
        end_ns=start + draw(st.integers(0, 1 << 62)),
        status=draw(st.sampled_from(STATUSES)),
        status_message=draw(TEXT),
        attributes=draw(ATTRIBUTES),
        events=tuple(draw(st.lists(st.builds(Event, name=TEXT, time_ns=TIME, attributes=ATTRIBUTES), max_size=2))),
        links=tuple(draw(st.lists(st.builds(Link, trace_id=TRACE, span_id=SPAN, attributes=ATTRIBUTES), max_size=2))),
        trace_state=draw(TEXT),
        dropped_attributes=draw(COUNT),
        dropped_events=draw(COUNT),
        dropped_links=draw(COUNT),
    )


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_what_is_written_is_read(data):
    """The same spans, sorted, with nothing lost."""
    written = [data.draw(spans(number)) for number in range(1, data.draw(st.integers(2, 4)))]
    form = FORMS[data.draw(st.sampled_from(sorted(FORMS)))]
    pack = PACKINGS[data.draw(st.sampled_from(sorted(PACKINGS)))]
    reading = read_spans("-", stdin=io.BytesIO(pack(form(*written))))
    assert reading.losses == ()
    assert list(reading.spans) == sorted(written, key=lambda span: (span.start_ns, *span.id))


@settings(max_examples=50, deadline=None)
@given(st.data())
def test_the_order_of_the_requests_decides_nothing(data):
    """Copies, conflicts and all: a shuffled file is the same reading."""
    few = [data.draw(spans(number)) for number in (1, 1, 2)]
    few = [*few, few[0], make_span(1, trace_id=few[0].trace_id)]
    form = FORMS[data.draw(st.sampled_from(["json lines", "one protobuf request"]))]
    one, two = (read_spans("-", stdin=io.BytesIO(form(*order))) for order in (few, data.draw(st.permutations(few))))
    assert (one.spans, one.losses) == (two.spans, two.losses)
