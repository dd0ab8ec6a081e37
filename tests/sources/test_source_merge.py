"""The same thing told twice, within a source and across sources."""

import io
import itertools
import math

from otlp_writing import SECOND, json_lines, make_span

from verifier.sources import merge, read_spans
from verifier.spans import Loss, Reading, Record


def losses_of(*spans):
    """The reading of these spans, one request each."""
    return read_spans("-", stdin=io.BytesIO(json_lines(*spans)))


def make_record(offset=0, **changes):
    """A record whose offset counts."""
    return Record(**({"topic": "t", "partition": 0, "offset": offset, "seen_ns": SECOND} | changes))


def test_a_span_delivered_twice_is_one():
    """A retry: the same to the letter, counted but no reason for doubt."""
    reading = losses_of(make_span(1), make_span(2), make_span(1), make_span(1))
    assert reading.spans == (make_span(1), make_span(2))
    (loss,) = reading.losses
    assert (loss.kind, loss.count, loss.service, loss.demotes) == ("repeated_span", 2, None, False)


def test_the_order_of_attributes_is_no_difference():
    """Neither is not-a-number, which no comparison calls equal."""
    one, two = {"a": math.nan, "b": {"x": 1, "y": 2}}, {"b": {"y": 2, "x": 1}, "a": math.nan}
    assert [loss.kind for loss in losses_of(make_span(1, attributes=one), make_span(1, attributes=two)).losses] == [
        "repeated_span"
    ]


def test_true_is_not_one():
    """Python calls them equal; evidence does not."""
    reading = losses_of(*[make_span(1, attributes={"a": value}) for value in (1, True, 1.0, "1")])
    assert [(loss.kind, loss.count) for loss in reading.losses] == [("conflicting_span", 3)]


def test_two_spans_under_one_id_are_a_conflict():
    """The one that ends last is kept, whatever the order."""
    spans = [make_span(1), make_span(1, end_ns=9 * SECOND), make_span(1, name="other"), make_span(1)]
    seen = {str(losses_of(*order)) for order in itertools.permutations(spans)}
    assert len(seen) == 1
    reading = losses_of(*spans)
    assert [span.end_ns for span in reading.spans] == [9 * SECOND]
    conflict, repeated = reading.losses
    assert (conflict.kind, conflict.count, conflict.service) == ("conflicting_span", 2, "orders")
    assert make_span(1).trace_id in conflict.what
    assert make_span(1).span_id in conflict.what
    assert (repeated.kind, repeated.count) == ("repeated_span", 1)


def test_a_conflict_between_services_touches_both():
    """Either may have lost its span."""
    reading = losses_of(make_span(1), make_span(1, service="billing", resource={"service.name": "billing"}))
    assert [(loss.kind, loss.service) for loss in reading.losses] == [
        ("conflicting_span", "billing"),
        ("conflicting_span", "orders"),
    ]


def test_the_same_span_id_in_another_trace_is_another_span():
    """Span ids alone repeat."""
    other = make_span(1, trace_id=f"{2:032x}")
    assert losses_of(make_span(1), other).spans == (make_span(1), other)


def test_spans_are_sorted_by_start_then_id():
    """The order of the input is of no account."""
    spans = [make_span(3), make_span(2, start_ns=SECOND), make_span(1), make_span(1, trace_id=f"{2:032x}")]
    assert [(span.trace_id[-1], span.span_id[-1]) for span in losses_of(*spans).spans] == [
        ("1", "1"),
        ("1", "2"),
        ("2", "1"),
        ("1", "3"),
    ]


def test_merge_of_sources_counts_what_both_have():
    """The loss names both places, sorted."""
    one = Reading(url="b", spans=(make_span(1), make_span(2)), records=(make_record(1),))
    two = Reading(url="a", spans=(make_span(2), make_span(3)), records=(make_record(1), make_record(0)))
    spans, records, losses = merge([one, two])
    assert spans == tuple(make_span(n) for n in (1, 2, 3))
    assert records == (make_record(0), make_record(1))
    assert [(loss.kind, loss.where, loss.count) for loss in losses] == [
        ("repeated_record", "a + b", 1),
        ("repeated_span", "a + b", 1),
    ]
    assert merge([two, one]) == (spans, records, losses)


def test_merge_of_nothing_is_nothing():
    """No sources, no rows."""
    assert merge([]) == ((), (), ())


def test_equal_losses_are_added_up():
    """The same kind, place, service and topic: counts added, the first sentence kept, the earliest time."""
    losses = [
        Loss(kind="sampled", where="w", count=2, what="b", service="s", since_ns=9),
        Loss(kind="sampled", where="w", count=3, what="a", service="s", since_ns=5),
        Loss(kind="sampled", where="w", count=1, what="a", service="other", since_ns=7),
        Loss(kind="sampled", where="w", count=1, what="a", since_ns=7),
        Loss(kind="sampled", where="w", count=1, what="c"),
    ]
    found = {merge([Reading(url="u", losses=tuple(order))])[2] for order in itertools.permutations(losses)}
    assert found == {
        (
            Loss(kind="sampled", where="w", count=2, what="a", since_ns=None),
            Loss(kind="sampled", where="w", count=1, what="a", service="other", since_ns=7),
            Loss(kind="sampled", where="w", count=5, what="a", service="s", since_ns=5),
        )
    }


def test_the_earlier_sight_of_a_record_is_kept_across_sources():
    """A broker that says when is better than a reader that saw it at the same time."""
    late, early = make_record(seen_ns=9), make_record(seen_ns=5, made_ns=None)
    exact = make_record(seen_ns=5, made_ns=5)
    readings = [Reading(url=url, records=(record,)) for url, record in (("a", late), ("b", early), ("c", exact))]
    assert {merge(order)[1] == (exact,) for order in itertools.permutations(readings)} == {True}
