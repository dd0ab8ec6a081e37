"""A flow laid against a shape: which observation is which step, what counts once, and what a value is."""

from dataclasses import replace
from typing import Any

import pytest

from verifier.binding import BoundFlow
from verifier.clock import Clocks
from verifier.flows import Flow, Member, sort_key
from verifier.occurrences import bind
from verifier.shape import AttributeName, Condition, Correlation, Except, Shape, Step
from verifier.sketch import ORIGIN_NS, parse
from verifier.spans import Observation, Record, Span


def bound(
    text: str,
    step: Step | None = None,
    *,
    shared: str = "",
    complete: bool = True,
    attributes: Any = None,
    spans: dict[str, Any] | None = None,
) -> BoundFlow:
    """The rows of a sketch bound to one step, `x`; `shared` names rows that other flows share."""
    sketch = parse(text)
    rows = sorted((*(replace(s, **(spans or {})) for s in sketch.spans), *sketch.records), key=sort_key)
    mine = [r for r in rows if not (isinstance(r, Span) and r.name == shared)]
    others = [r for r in rows if r not in mine]
    shape = Shape(
        shape="s",
        flow=Correlation(key=AttributeName("k")),
        steps={"x": step or Step(span="one")},
        attributes=attributes or {},
        assertions=(),
    )
    flow = Flow(
        name="k",
        key="1",
        members=tuple(Member(row=r, why="own") for r in mine),
        shared=tuple(Member(row=r, why="shared") for r in others),
    )
    clocks = Clocks(rows=rows, records_complete=lambda _: complete)
    return bind(BoundFlow(shape=shape, flow=flow, clocks=clocks, opened_ns=ORIGIN_NS))


def count(*args: Any, **how: Any) -> tuple[int, int]:
    """(occurrences, what may be one)."""
    flow = bound(*args, **how)
    return len(flow.occurrences["x"]), len(flow.maybes["x"])


# ---- what matches


@pytest.mark.parametrize(
    ("step", "matched"),
    [
        (Step(span="one"), 1),
        (Step(span="on*"), 2),
        (Step(span=("one", "only")), 2),
        (Step(span="one", service="a"), 1),
        (Step(span="one", service="b"), 0),
        (Step(span="only", status="any"), 2),
        (Step(span="only", status="error"), 1),
        (Step(span="o*", kind="server"), 1),
        (Step(event="o*"), 1),
        (Step(event="on", service="b"), 0),
        (Step(record="one"), 1),
        (Step(record="one", service="a"), 1),
        (Step(record="one", service="b"), 0),
        (Step(span="ONE"), 0),
        (Step(span="on"), 0),
    ],
)
def test_a_step_matches_by_sort_name_service_kind_and_status(step: Step, matched: int) -> None:
    """A span with status ERROR is an attempt, not an occurrence; a span is no event, and neither is a record."""
    text = (
        "a : one @ 0..9ms\n  * on @ 1ms\na : only @ 10..11ms $kind=server\nb : only ! @ 20..21ms\n"
        "[one 0:0] @ 30ms source_service=a"
    )
    assert count(text, step) == (matched, 0)


def test_an_event_of_a_failed_span_happened() -> None:
    """It is a fact of its own."""
    assert count("a : one ! @ 0..9ms\n  * on @ 1ms", Step(event="on")) == (1, 0)


def test_a_shared_row_is_an_occurrence_only_where_the_step_says_so() -> None:
    """A cycle of the monitor is context."""
    assert count("a : one @ 0..1ms", Step(span="one"), shared="one") == (0, 0)
    assert count("a : one @ 0..1ms", Step(span="one", shared=True), shared="one") == (1, 0)


@pytest.mark.parametrize(
    ("said", "expected"),
    [("n=2", (1, 0)), ('n="2"', (1, 0)), ("n=3", (0, 0)), ("n=many", (0, 1)), ("", (0, 0)), ('n=""', (0, 0))],
)
def test_a_condition_that_can_not_be_answered_makes_it_a_maybe(said: str, expected: tuple[int, int]) -> None:
    """Neither an occurrence nor none; what is absent is no number below 3."""
    assert count(f"a : one @ 0..1ms {said}", Step(span="one", where={"n": Condition(lt=3)})) == expected


def test_a_condition_that_is_false_settles_what_another_leaves_open() -> None:
    """All of them are required."""
    step = Step(span="one", where={"n": Condition(lt=3), "m": 1})
    assert count("a : one @ 0..1ms n=many m=2", step) == (0, 0)
    assert count("a : one @ 0..1ms n=many m=1", step) == (0, 1)


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        ("done @ 1ms applied=false", (0, 0)),
        ('done @ 1ms applied="False"', (0, 0)),
        ("done @ 1ms applied=true", (1, 0)),
        ("done @ 1ms applied=perhaps", (0, 1)),
        ("other @ 1ms applied=false", (1, 0)),
    ],
)
def test_an_exception_takes_out_what_has_such_an_event(event: str, expected: tuple[int, int]) -> None:
    """A refused duplicate is no effect."""
    step = Step(span="one", except_=Except(event="done", where={"applied": False}))
    assert count(f"a : one @ 0..9ms\n  * {event}", step) == expected


def test_dropped_events_may_have_been_the_exception() -> None:
    """Whether it was refused can't be told."""
    step = Step(span="one", except_=Except(event="done"))
    assert count("a : one @ 0..9ms", step, spans={"dropped_events": 1}) == (0, 1)


def test_dropped_attributes_may_have_fulfilled_the_condition() -> None:
    """Whether it matches can't be told."""
    step = Step(span="one", where={"n": 1})
    assert count("a : one @ 0..9ms", step, spans={"dropped_attributes": 1}) == (0, 1)
    assert count("a : one @ 0..9ms n=2", step, spans={"dropped_attributes": 1}) == (0, 0)


# ---- what counts once


@pytest.mark.parametrize(
    ("ids", "expected"),
    [
        ("e e", (1, 1)),
        ("e f", (2, 2)),
        ("007 7", (2, 2)),
        ("e -", (1, 2)),
        ("- -", (1, 2)),
        ("-", (1, 1)),
        ("e f -", (2, 3)),
    ],
)
def test_what_is_equal_in_its_identity_counts_once(ids: str, expected: tuple[int, int]) -> None:
    """One whose identity is not there may be one of the others, or one more: the count is an interval."""
    text = "\n".join(
        f"a : one @ {n}..{n}ms{'' if i == '-' else f' id={i}'}" for n, i in enumerate(ids.split())
    ).replace("id=007", 'id="007"')
    flow = bound(text, Step(span="one", identity=(AttributeName("id"),)))
    assert flow.count(flow.occurrences["x"]) == expected


def test_an_identity_of_several_attributes_is_all_of_them() -> None:
    """And no separator within one makes two out of it."""
    step = Step(span="one", identity=(AttributeName("p"), AttributeName("q")))
    text = "a : one @ 0 p=a q=b\na : one @ 1ms p=a q=c\na : one @ 2ms p=a q=b"
    assert count(text, step) == (2, 0)
    flow = bound(text, step)
    assert [len(o.again) for o in flow.occurrences["x"]] == [1, 0]


# ---- values


def value(text: str, attribute: str = "v", *, names: Any = None, of: str = "one", **how: Any) -> tuple[str, Any]:
    """(state, value) of an attribute at the row, or event, of that name."""
    flow = bound(text, attributes=names, **how)
    for member in flow.flow.members:
        row = member.row
        events = row.events if isinstance(row, Span) else ()
        for n, event in enumerate(events):
            if event.name == of:
                seen = flow.value(Observation(row=row, event=event, index=n), attribute)
                return seen.state, seen.value
        if (row.topic if isinstance(row, Record) else row.name) == of:
            seen = flow.value(Observation(row=row), attribute)
            return seen.state, seen.value
    raise AssertionError(of)


CONSUMER = "b : one @ 5..6ms $kind=consumer"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a : one @ 0..1ms v=1", ("known", 1)),
        ("a : one @ 0..1ms", ("absent", None)),
        ('a : one @ 0..1ms v=""', ("absent", None)),
        ("a : one @ 0..9ms\n  * said @ 1ms v=1", ("absent", None)),  # an event may speak of the outgoing message
        (f"[t 0:0] @ 1ms event_id=e v=1\n{CONSUMER} event_id=e", ("known", 1)),
        (f"[t 0:0] @ 1ms event_id=e v=1\n{CONSUMER} event_id=e v=2", ("known", 2)),
        (f"[t 0:0] @ 1ms event_id=e\n{CONSUMER} event_id=e", ("absent", None)),
        (f"[t 0:0] @ 1ms event_id=e v=1\n{CONSUMER} event_id=f", ("unreadable", None)),
        (f"[t 0:0] @ 1ms v=1\n{CONSUMER} messaging.destination=t", ("known", 1)),
        (f"[t 0:0] @ 1ms v=1\n[t 0:1] @ 2ms v=1\n{CONSUMER} messaging.destination=t", ("known", 1)),
        (f"[t 0:0] @ 1ms v=1\n[t 0:1] @ 2ms v=2\n{CONSUMER} messaging.destination=t", ("unreadable", None)),
        (f"[t 0:0] @ 1ms v=1\n[t 0:1] @ 2ms\n{CONSUMER} messaging.destination=t", ("unreadable", None)),
        (f"[u 0:0] @ 1ms v=1\n{CONSUMER} messaging.destination=t", ("unreadable", None)),
        (CONSUMER, ("unreadable", None)),
    ],
)
def test_a_value_is_the_span_s_own_else_that_of_its_message(text: str, expected: tuple[str, Any]) -> None:
    """Absent only where the message's record lacks it too; a record that wasn't seen may have it."""
    assert value(text) == expected


def test_an_event_has_its_own_value_else_its_span_s() -> None:
    """What the span says holds for what happened in it."""
    assert value("a : one @ 0..9ms v=1\n  * said @ 1ms v=2", of="said") == ("known", 2)
    assert value("a : one @ 0..9ms v=1\n  * said @ 1ms", of="said") == ("known", 1)


def test_a_record_says_all_that_it_says() -> None:
    """What it lacks is surely absent."""
    assert value("[one 0:0] @ 1ms data.v=1", names={"v": ("v", "data.v")}) == ("known", 1)
    assert value("[one 0:0] @ 1ms data.w=1", names={"v": ("v", "data.v")}) == ("absent", None)


def test_a_topic_that_may_lack_a_record_answers_for_nobody() -> None:
    """The consumer may have handled the one that is missing."""
    text = f"[t 0:0] @ 1ms v=1\n{CONSUMER} messaging.destination=t"
    assert value(text, complete=False) == ("unreadable", None)


def test_dropped_attributes_make_a_value_unreadable() -> None:
    """It may have been among them."""
    assert value("a : one @ 0..1ms", spans={"dropped_attributes": 1}) == ("unreadable", None)
    assert value("a : one @ 0..1ms v=1", spans={"dropped_attributes": 1}) == ("known", 1)
