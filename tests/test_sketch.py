"""The sketch language: what a picture means, what is wrong with a picture, and that both ways are one."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import verifier.sketch
from verifier.errors import SpecError
from verifier.sketch import ORIGIN_NS, Sketch, parse, render
from verifier.spans import Event, Link, Record, Span, Value

MS = 1_000_000
laws = settings(deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow])

FULL = """\
batch_orchestrator_service : POST /v1/batches/register @ 0..12ms batch_id=b1
  * state.changed @ 3ms from=new to=ready
  [huleedu.batch.essays.registered.v1 0:17] @ 13ms data.course_code=ENG5 event_id=e1
  &a batch_orchestrator_service : publish @ 10..11.5ms $kind=producer
  essay_lifecycle_service#2 : consume ! @ 40..55ms "no such course" final=false retry=1
    ~> a
    ~> ? lost=true
  batch_orchestrator_service : second root @ 3s $root=true
^ spell_checker : check + @ 1s..? ids=["a", "b"] text="two words"
  spell_checker : ask @ 2..1s
  ^ spell_checker : check again @ 2s
[closed 0:3] @ ..4s $key=b1
^ [closed 0:4] @ 4..4.5s $sampled=false
"""


def span(text: str) -> Span:
    """The only span of a one-row sketch."""
    (only,) = parse(text).spans
    return only


def record(text: str) -> Record:
    """The only record of a sketch."""
    (only,) = parse(text).records
    return only


def problems(text: str) -> tuple[str, ...]:
    """What is wrong with a text."""
    with pytest.raises(SpecError) as caught:
        parse(text)
    return caught.value.problems


# ---- what a row means


def test_a_row_is_a_span() -> None:
    """Service, name, both times and attributes are where the picture has them; all else is as nothing says so."""
    assert span("svc : GET /a b @ 1..12ms key=value") == Span(
        trace_id=f"{1:032x}",
        span_id=f"{1:016x}",
        service="svc",
        instance="svc",
        name="GET /a b",
        start_ns=ORIGIN_NS + MS,
        end_ns=ORIGIN_NS + 12 * MS,
        attributes={"key": "value"},
    )


def test_deeper_is_a_child_and_column_zero_a_new_trace() -> None:
    """Parents follow the indent; ids count over the sketch, traces by root."""
    rows = parse("a : 1 @ 0\n     a : 2 @ 0\n       a : 3 @ 0\n  a : 4 @ 0\na : 5 @ 0\n  a : 6 @ 0").spans
    assert [row.parent_span_id and int(row.parent_span_id, 16) for row in rows] == [None, 1, 2, 1, None, 5]
    assert [int(row.trace_id, 16) for row in rows] == [1, 1, 1, 1, 2, 2]
    assert [int(row.span_id, 16) for row in rows] == [1, 2, 3, 4, 5, 6]


def test_a_margin_is_taken_off() -> None:
    """A sketch may stand indented in a program; comments and blank lines do not count."""
    assert parse("\n# note\n    a : 1 @ 0\r\n\n      b : 2 @ 0\n    # note\n") == parse("a : 1 @ 0\n  b : 2 @ 0")


@pytest.mark.parametrize(
    ("text", "start_ns", "end_ns"),
    [
        ("0..12ms", 0, 12 * MS),
        ("1s..1.5s", 1000 * MS, 1500 * MS),
        ("500us..1.5s", MS // 2, 1500 * MS),
        ("5..3ms", 5 * MS, 3 * MS),
        ("-2..1ms", -2 * MS, MS),
        ("-2ms..0", -2 * MS, 0),
        ("1ms..3", MS, 3 * MS),
        ("0", 0, 0),
        ("7ns", 7, 7),
        ("1.000000001s", 1_000_000_001, 1_000_000_001),
        ("0.1s..0.3s", 100 * MS, 300 * MS),
        ("1m..2h", 60_000 * MS, 7_200_000 * MS),
        ("1.5d", 129_600_000 * MS, 129_600_000 * MS),
        ("9007199254740993ns", 9007199254740993, 9007199254740993),
    ],
)
def test_times_are_exact(text: str, start_ns: int, end_ns: int) -> None:
    """Each form of time means whole nanoseconds after the origin."""
    row = span(f"a : b @ {text}")
    assert (row.start_ns - ORIGIN_NS, row.end_ns - ORIGIN_NS) == (start_ns, end_ns)


def test_a_question_mark_is_no_end() -> None:
    """An end that is not known is 0, as everywhere."""
    assert span("a : b @ 5ms..?").end_ns == 0


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("true", True),
        ("false", False),
        ("null", None),
        ("12", 12),
        ("-0", 0),
        ("1.5", 1.5),
        ("-1e-07", -1e-07),
        ("007", "007"),
        ("12e4", "12e4"),
        ("a=b", "a=b"),
        ("1ms", "1ms"),
        ('"12"', "12"),
        ('"two words"', "two words"),
        ('["a", 1, [null]]', ("a", 1, (None,))),
        ('{"a": {"b": [1.5]}}', {"a": {"b": (1.5,)}}),
        ('{"$hex": "00ff"}', b"\x00\xff"),
    ],
)
def test_values_have_types(text: str, value: Value) -> None:
    """A value is what it looks like, and what looks like nothing is a string."""
    found = span(f"a : b @ 0 k={text} last=1").attributes
    assert found == {"k": value, "last": 1}
    assert type(found["k"]) is type(value)


def test_status_and_message() -> None:
    """! is error, + is ok, nothing is unset; the message stands behind the times."""
    rows = parse('a : b ! @ 0 "no \\"luck\\"" k=1\na : b + @ 0 "odd name"=1\na : b! @ 0').spans
    assert [(row.name, row.status, row.status_message) for row in rows] == [
        ("b", "error", 'no "luck"'),
        ("b", "ok", ""),
        ("b!", "unset", ""),
    ]
    assert rows[1].attributes == {"odd name": 1}


def test_instances() -> None:
    """Spans of one service share a process unless the picture names another, or says that none is known."""
    text = 'a : b @ 0\na#2 : b @ 0\na : b @ 0 $instance=host:7\na : b @ 0 $instance=null\n"a b"#x : b @ 0'
    assert [row.instance for row in parse(text).spans] == ["a", "a#2", "host:7", None, "a b#x"]


def test_fields_are_no_attributes() -> None:
    """Kind and trace state are written like attributes with a $, a quoted name keeps the $."""
    row = span('a : b @ 0 $kind=consumer $state=ot=th:8 "$kind"=x')
    assert (row.kind, row.trace_state, row.attributes) == ("consumer", "ot=th:8", {"$kind": "x"})


def test_events_belong_to_the_span_above() -> None:
    """An event below a child's row, but indented less than the child's, is of the parent."""
    one, two = parse("a : 1 @ 0\n  b : 2 @ 0\n    * x y @ 1ms k=1\n  * z @ 2ms").spans
    assert one.events == (Event(name="z", time_ns=ORIGIN_NS + 2 * MS),)
    assert two.events == (Event(name="x y", time_ns=ORIGIN_NS + MS, attributes={"k": 1}),)


def test_links_lead_to_labels() -> None:
    """A label may come later; ? is a span and a trace that are not in the sketch."""
    one, two = parse("a : 1 @ 0\n  ~> x k=1\n  ~> ?\n  ~> ?\n&x b : 2 @ 0").spans
    known, *lost = one.links
    assert known == Link(trace_id=two.trace_id, span_id=two.span_id, attributes={"k": 1})
    assert len({(link.trace_id, link.span_id) for link in one.links}) == 3
    assert not {link.trace_id for link in lost} & {one.trace_id, two.trace_id}


def test_orphans_have_a_parent_that_is_not_there() -> None:
    """At column 0 an orphan begins a trace; indented it is of the trace above; no two share a parent."""
    one, two, three = parse("^ a : 1 @ 0\n  &x ^ a : 2 @ 0\n    a : 3 @ 0").spans
    assert one.trace_id == two.trace_id == three.trace_id
    assert three.parent == two.id
    assert len({one.parent, two.parent, None, one.id, two.id, three.id}) == 6


def test_a_second_root_of_a_trace() -> None:
    """$root=true stands in the trace of the span above, without a parent."""
    one, two = parse("a : 1 @ 0\n  a : 2 @ 0 $root=true").spans
    assert (two.trace_id, two.parent) == (one.trace_id, None)


def test_a_record() -> None:
    """Dotted paths are the envelope; at column 0 nothing says who published it."""
    assert record('[t.v1 2:17] @ 13ms $key=7 data.a.b=x data.c={"d": 1} data.c.e=2 "f.g"=3') == Record(
        topic="t.v1",
        partition=2,
        offset=17,
        key="7",
        made_ns=ORIGIN_NS + 13 * MS,
        seen_ns=ORIGIN_NS + 13 * MS,
        value={"data": {"a": {"b": "x"}, "c": {"d": 1, "e": 2}}, "f.g": 3},
    )


@pytest.mark.parametrize(
    ("text", "made_ns", "seen_ns"), [("13..20ms", 13 * MS, 20 * MS), ("..20ms", None, 20 * MS), ("0", 0, 0)]
)
def test_when_a_record_was_made(text: str, made_ns: int | None, seen_ns: int) -> None:
    """Made and seen are two times unless the broker knows."""
    row = record(f"[t 0:1] @ {text}")
    assert (None if row.made_ns is None else row.made_ns - ORIGIN_NS, row.seen_ns - ORIGIN_NS) == (made_ns, seen_ns)


def test_a_record_below_a_span_was_published_by_it() -> None:
    """Its envelope says so, beside what else its metadata says."""
    sketch = parse("a : 1 @ 0\n  a : 2 @ 0\n    [t 0:1] @ 0 metadata.x=1\n  [t 0:2] @ 0 $sampled=false")
    one, two = sketch.records
    assert one.value == {"metadata": {"x": 1, "traceparent": f"00-{1:032x}-{2:016x}-01"}}
    assert (one.parent, one.parent_sampled) == (sketch.spans[1].id, True)
    assert (two.parent, two.parent_sampled) == (sketch.spans[0].id, False)


def test_an_envelope_without_room_for_a_traceparent() -> None:
    """The publisher is then named in the headers, and the envelope stays as drawn."""
    sketch = parse("a : 1 @ 0\n  [t 0:1] @ 0 metadata=5\n  [t 0:2] @ 0 metadata.traceparent=null")
    assert [row.parent for row in sketch.records] == [sketch.spans[0].id] * 2
    assert [row.value for row in sketch.records] == [{"metadata": 5}, {"metadata": {"traceparent": None}}]


def test_a_record_of_a_lost_span() -> None:
    """^ names a publisher that is not in the sketch: of another trace, or below a span of its trace."""
    sketch = parse("a : 1 @ 0\n  ^ [t 0:1] @ 0\n^ [t 0:2] @ 0")
    (one,), (near, far) = sketch.spans, [row.parent for row in sketch.records]
    assert near is not None
    assert far is not None
    assert near[0] == one.trace_id != far[0]
    assert near != one.id


def test_quoted_names_may_hold_anything() -> None:
    """Service, span, event, topic and attribute names as JSON strings."""
    sketch = parse(
        '"a : b" : "x @ 1ms !" ! @ 0 "k = v"=1\n  * "e @ \\u001b" @ 0\n  ["t ]" 0:1] @ 0 "$key"=1\n"" : "" @ 0'
    )
    one, two = sketch.spans
    assert (one.service, one.name, one.status, one.attributes) == ("a : b", "x @ 1ms !", "error", {"k = v": 1})
    assert (one.events[0].name, sketch.records[0].topic) == ("e @ \x1b", "t ]")
    assert sketch.records[0].value["$key"] == 1
    assert (two.service, two.name) == ("", "")


# ---- what is wrong with a text


@pytest.mark.parametrize(
    ("text", "where", "what"),
    [
        ("svc: name @ 0", "1:1", "expected ' : ' between service and span name"),
        ("svc : name 0..1ms", "1:7", "expected ' @ ' and the times"),
        ("svc : ! @ 0", "1:7", "expected a name"),
        ('svc : "x" y @ 0', "1:7", "expected ' @ ' behind the quoted name, not 'y'"),
        ('svc : "x @ 0', "1:7", "expected valid JSON"),
        ("a : b @ soon", "1:9", "expected a time such as"),
        ("a : b @ 1..", "1:9", "expected a time such as"),
        ("a : b @ ..1ms", "1:9", "expected the time when the span started"),
        ("a : b @ 0..5", "1:12", "expected a time with one of the units ns, us, ms, s, m, h, d"),
        ("a : b @ 5..?", "1:9", "expected a time with one of the units"),
        ("a : b @ 5weeks", "1:9", "expected a time with one of the units"),
        ("a : b @ 0.5ns", "1:9", "whole nanoseconds"),
        ("a : b @ 99999999999d", "1:9", "3,000 years"),
        ("a : b @ 0 k", "1:12", "expected '=' and a value"),
        ("a : b @ 0 k= v", "1:13", 'an empty one is written ""'),
        ("a : b @ 0 k=[x]", "1:14", "quote a string that only looks like it"),
        ("a : b @ 0 k=" + "[" * 70 + "]" * 70, "1:13", "expected JSON of at most 64 levels"),
        ("a : b @ 0 k=" + "[" * 99_999, "1:13", "expected JSON of at most 64 levels"),
        ('a : b @ 0 k=["a"]b', "1:13", "expected a blank behind the value"),
        ('a : b @ 0 "m"k=1', "1:14", "expected a blank behind the quoted message"),
        ("a : b @ 0 k=1 k=2", "1:15", "'k' already has a value"),
        ("a : b @ 0 $kind=x", "1:11", "with unspecified or internal or server or client or producer or consumer"),
        ("a : b @ 0 $state=x $state=y", "1:20", "'$state' already has a value"),
        ("a : b @ 0 $knd=x", "1:11", "expected one of $kind, $instance, $state, $root"),
        ("a : b @ 0 $root=true", "1:1", "only on an indented span"),
        ("&x a : b @ 0\n&x a : b @ 0", "2:4", "expected each label once"),
        ("a : b @ 0\n  ~> x", "2:3", "no span has '&x'"),
        ("a : b @ 0\n  ~> !", "2:6", "the label of a span, or '?'"),
        ("~> ?", "1:1", "expected the link indented below the span"),
        ("* e @ 0", "1:1", "expected the event indented below the span"),
        ("a : b @ 0\n  * e @ 0..1ms", "2:9", "expected one time"),
        ("a : b @ 0\n  * e @ 0 $kind=x", "2:11", "expected none on this row"),
        ("a : b @ 0\n c : d @ 0", "2:2", "expected an indent of two blanks or more"),
        ("  a : b @ 0\nc : d @ 0", "1:3", "expected a row at column 0"),
        ("\ta : b @ 0", "1:1", "expected blanks, not a tab"),
        ("[t] @ 0", "1:3", "expected partition:offset"),
        ("[t 0:1 @ 0", "1:8", "expected '] @ '"),
        ("[t 0:1] @ 1ms..?", "1:11", "expected the time when the record was seen"),
        ("[t 0:1] @ 0 a=1 a.b=2", "1:17", "'a.b' already has a value"),
        ("[t 0:1] @ 0 a" + ".a" * 64 + "=1", "1:143", "expected a path of at most 64 parts"),
        ("[t 0:1] @ 0 $sampled=false", "1:2", "only on a record that a span published"),
        ("a : b @ 0\n  [t 0:1] @ 0 metadata.traceparent=x", "2:4", "expected no metadata.traceparent"),
        ("&x [t 0:1] @ 0", "1:1", "only in front of a span"),
    ],
)
def test_a_problem_says_where_and_what_was_expected(text: str, where: str, what: str) -> None:
    """Line and column count from 1 in the text as given; the sentence says what belongs there."""
    (problem,) = problems(text)
    assert problem.startswith(f"sketch:{where}: ")
    assert what in problem
    assert problem.endswith(".")


def test_all_problems_at_once() -> None:
    """Every bad row is named once, in order; rows below a bad row are not wrong because of it."""
    text = "# x\na : b\n  ~> nowhere\n  a : c @ 0\n    * e @ 1\n&x a : @ 0\n  ~> x\n  a : d @ 0 k=\n"
    assert [problem.split(": ")[0] for problem in problems(text)] == [
        f"sketch:{place}" for place in ("2:5", "3:3", "5:11", "6:8", "8:15")
    ]


def test_a_problem_shows_no_control_characters() -> None:
    """What a text holds cannot steer the terminal that shows what is wrong with it."""
    (problem,) = problems("a : b @ 0 k\x1b[2J")
    assert problem.isprintable()
    assert "\\u001b" in problem


# ---- drawing


def test_a_full_picture_is_drawn_as_it_was_written() -> None:
    """Every kind of row, in the order and form that render chooses."""
    sketch = parse(FULL)
    assert render(sketch.spans, sketch.records) == FULL


def test_the_page_shows_a_picture_that_parses() -> None:
    """The picture of the reference page is a sketch and means what the page says."""
    page = (verifier.sketch.__doc__ or "").split("\n\n")
    sketch = parse(page[2])
    assert [len(sketch.spans), len(sketch.records)] == [4, 2]
    assert sketch.records[0].parent == sketch.spans[0].id
    assert sketch.spans[2].links[0].span_id == sketch.spans[1].span_id
    assert meaning(sketch.spans, sketch.records, by_name=True) == meaning(
        *pair(parse(render(sketch.spans, sketch.records))), by_name=True
    )


@pytest.mark.parametrize(
    "times",
    [
        *(
            "0",
            "5ms",
            "0..12ms",
            "40..55ms",
            "250us",
            "1.234567ms",
            "1s",
            "1..1.5s",
            "990ms..1.01s",
            "5..3ms",
            "-2..1ms",
        ),
        *("-2ms..0", "5ms..?", "0..?", "1m", "90s", "1..2h", "1m..61.5s", "7d", "999ns", "1..2ns", "-1.5..-1s"),
    ],
)
def test_times_are_short(times: str) -> None:
    """Each row has the unit that reads best, and one unit for both sides where it can."""
    text = f"a : b @ {times}\n"
    assert render(parse(text).spans) == text


def test_order_does_not_depend_on_the_input() -> None:
    """Traces and children by their start, whatever comes first; also with two bodies under one id."""
    sketch = parse(FULL)
    twin = replace(sketch.spans[0], name="other body")
    spans, records = [*sketch.spans, twin], list(sketch.records)
    assert render(spans, records) == render(spans[::-1], records[::-1])
    assert "other body" in render(spans)


def test_attributes_are_drawn_by_name() -> None:
    """The order in which a program set attributes does not show, at any depth; a name with a $ is quoted."""
    one = span('a : b @ 0 b=1 "$kind"=2 a={"d": 1, "c": 2}')
    two = span('a : b @ 0 a={"c": 2, "d": 1} "$kind"=2 b=1')
    assert render([one]) == render([two]) == 'a : b @ 0 "$kind"=2 a={"c": 2, "d": 1} b=1\n'


def test_the_true_root_stands_at_column_zero() -> None:
    """Also where an orphan of its trace began before it."""
    text = "a : root @ 5ms\n  a : child @ 6ms\n  ^ a : orphan @ 1ms\n"
    assert render(parse(text).spans) == text


def test_halves_of_a_sign_are_drawn_as_one() -> None:
    """Two surrogates side by side would else be read back as one sign, and drawn differently."""
    row = replace(span("a : b @ 0"), name="\ud83d\ude00 \ud83d\n")
    text = render([row])
    assert text == 'a : "😀 \\ud83d\\n" @ 0\n'
    assert render(parse(text).spans) == text


def test_traces_by_first_start_and_children_by_theirs() -> None:
    """A record that nobody published stands among the traces by its time."""
    sketch = parse("[t 0:1] @ 4ms\nb : late @ 5ms\na : root @ 2ms\n  a : second @ 3ms\n  a : first @ 1ms\nc : old @ 0")
    assert render(sketch.spans, sketch.records) == (
        "c : old @ 0\na : root @ 2ms\n  a : first @ 1ms\n  a : second @ 3ms\n[t 0:1] @ 4ms\nb : late @ 5ms\n"
    )


def test_marks_stand_below_their_row_and_are_comments() -> None:
    """A picture with marks parses to the same sketch."""
    sketch = parse("a : one @ 0\n  b : two @ 1ms\n    * e @ 1ms\n  [t 0:1] @ 1ms")
    marks: dict[tuple[str, str] | tuple[str, int, int], str] = {}
    marks |= {sketch.spans[1].id: "handled\ntwice \x1b[2J", ("t", 0, 1): "never read", ("t", 9, 9): "not here"}
    text = render(sketch.spans, sketch.records, marks=marks)
    assert text == (
        "a : one @ 0\n  [t 0:1] @ 1ms\n  # ^ never read\n"
        "  b : two @ 1ms\n  # ^ handled\n  #   twice \\u001b[2J\n    * e @ 1ms\n"
    )
    assert parse(text) == parse(render(sketch.spans, sketch.records))


def test_real_spans_count_from_the_first_start() -> None:
    """Random ids and a clock of today read as easily as a sketch; `origin_ns` says otherwise."""
    real = Span(
        trace_id="ab" * 16, span_id="cd" * 8, service="a", instance="a", name="b", start_ns=5 * MS, end_ns=6 * MS
    )
    assert render([real]) == "a : b @ 0..1ms\n"
    assert render([real], origin_ns=4 * MS) == "a : b @ 1..2ms\n"
    assert render([], [Record(topic="t", partition=0, offset=1, seen_ns=7)]) == "[t 0:1] @ ..0\n"
    assert render([]) == ""


def test_a_circle_of_parents_is_cut_at_the_smallest_id() -> None:
    """Neither a circle nor a span that is its own parent hangs or hides a span."""

    def body(number: int, parent: int) -> Span:
        (row,) = parse(f"a : {number} @ 0").spans
        return replace(row, span_id=f"{number:016x}", parent_span_id=f"{parent:016x}")

    rows = [body(4, 3), body(3, 2), body(2, 3), body(5, 5)]
    assert render(rows) == "^ a : 2 @ 0\n  a : 3 @ 0\n    a : 4 @ 0\n  ^ a : 5 @ 0\n"


def test_a_thousand_levels() -> None:
    """Depth is not bounded by the interpreter's stack, neither way."""
    text = "".join(f"{'  ' * depth}a : b @ {depth}ns\n" if depth else "a : b @ 0\n" for depth in range(1000))
    sketch = parse(text)
    assert all(child.parent == parent.id for parent, child in pairwise(sketch.spans))
    assert render(sketch.spans) == text


def test_labels_go_on_after_z() -> None:
    """The 27th label is aa."""
    text = "".join(f"&x{number} a : b @ {number}ns\n" for number in range(1, 29))
    text += "a : c @ 1s\n" + "".join(f"  ~> x{number}\n" for number in range(1, 29))
    sketch = parse(text)
    drawn = render(sketch.spans)
    assert "&z a : b @ 26ns\n&aa a : b @ 27ns\n&ab a : b @ 28ns\n" in drawn
    assert len(parse(drawn).spans[-1].links) == 28


# ---- laws

odd = st.text(
    alphabet=st.sampled_from('ab01 @!+:"=\\#^&*~>?[]{}$.,-\n\t\r\x00\x1b\x7f\x9b\u202e\u2028\u200dé中😀\U000e0001'),
    max_size=8,
)
names = st.one_of(
    odd, st.text(max_size=6), st.sampled_from(["true", "12", "1.5", "null", "NaN", "x !", "@", " @ ", "!"])
)
values: st.SearchStrategy[Any] = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-(2**63), 2**64), st.floats(), names, st.binary(max_size=3)),
    lambda inner: st.one_of(st.lists(inner, max_size=3).map(tuple), st.dictionaries(names, inner, max_size=3)),
    max_leaves=5,
)
bags = st.dictionaries(names, values, max_size=3)
times = st.integers(-(10**13), 10**13).map(lambda ns: ORIGIN_NS + ns)
hexes = st.integers(1, 2**64 - 1)


@st.composite
def scenes(draw: st.DrawFn) -> tuple[list[Span], list[Record]]:
    """Spans and records as telemetry may have them: odd names, lost parents, many roots, but no circles, no twins."""
    number = draw(st.integers(0, 6))
    span_ids = draw(st.lists(hexes, min_size=number + 3, max_size=number + 3, unique=True))
    traces = [f"{draw(hexes):032x}" for _ in range(2)]
    spans: list[Span] = []
    for index in range(number):
        trace_id = draw(st.sampled_from(traces))
        before = [row.span_id for row in spans if row.trace_id == trace_id]
        parent = draw(st.sampled_from([None, f"{span_ids[-1]:016x}", *before]))
        service = draw(names)
        spans.append(
            Span(
                trace_id=trace_id,
                span_id=f"{span_ids[index]:016x}",
                parent_span_id=parent,
                service=service,
                instance=draw(st.one_of(st.none(), names, st.just(service), names.map(f"{service}#".__add__))),
                name=draw(names),
                kind=draw(st.sampled_from(["unspecified", "consumer", "producer"])),
                start_ns=draw(times),
                end_ns=draw(st.one_of(st.just(0), times)),
                status=draw(st.sampled_from(["unset", "ok", "error"])),
                status_message=draw(names),
                attributes={**draw(bags), "n": index},
                events=tuple(
                    Event(name=draw(names), time_ns=draw(times), attributes=draw(bags))
                    for _ in range(draw(st.integers(0, 2)))
                ),
                links=tuple(
                    Link(
                        trace_id=draw(st.sampled_from(traces)),
                        span_id=f"{draw(st.sampled_from(span_ids)):016x}",
                        attributes=draw(bags),
                    )
                    for _ in range(draw(st.integers(0, 2)))
                ),
                trace_state=draw(names),
            )
        )
    records: list[Record] = []
    for offset in range(draw(st.integers(0, 3))):
        value: dict[str, Any] = draw(bags)
        headers: tuple[tuple[str, str], ...] = ()
        publisher = draw(st.sampled_from([None, *((trace, row) for trace in [*traces, "f" * 32] for row in span_ids)]))
        if publisher:
            text = f"00-{publisher[0]}-{publisher[1]:016x}-{draw(st.sampled_from(['00', '01']))}"
            if draw(st.booleans()):
                value["metadata"] = {**draw(bags), "traceparent": text}
            else:
                headers = (("traceparent", text),)
                value["metadata"] = draw(st.one_of(values, bags, st.just({})))
        seen_ns = draw(times)
        records.append(
            Record(
                topic=draw(names),
                partition=0,
                offset=offset,
                key=draw(st.one_of(st.none(), names)),
                headers=headers,
                made_ns=draw(st.one_of(st.none(), st.just(seen_ns), times)),
                seen_ns=seen_ns,
                value=value,
            )
        )
    return spans, records


def pair(sketch: Sketch) -> tuple[Sequence[Span], Sequence[Record]]:
    """Both parts of a sketch."""
    return sketch.spans, sketch.records


def plain(value: Any) -> Any:
    """A value as text that tells types apart and not the order of names."""
    if isinstance(value, Mapping):
        return "{" + ",".join(f"{name!r}:{plain(value[name])}" for name in sorted(value)) + "}"
    if isinstance(value, tuple):
        return "(" + ",".join(plain(item) for item in value) + ")"
    return repr(value)


def meaning(spans: Iterable[Span], records: Iterable[Record], *, by_name: bool = False) -> dict[Any, Any]:
    """Everything a picture has, ids replaced by the attribute `n` (or the name) of the span they name."""
    spans = list(spans)
    known = {row.id: row.name if by_name else row.attributes["n"] for row in spans}
    traces: dict[str, Any] = {}
    for row in sorted(spans, key=lambda row: str(known[row.id])):
        traces.setdefault(row.trace_id, known[row.id])

    def who(trace_id: str, span_id: str) -> Any:
        return known.get((trace_id, span_id), "lost")

    found: dict[Any, Any] = {}
    for row in spans:
        found["span", known[row.id]] = (
            traces[row.trace_id],
            who(*row.parent) if row.parent else None,
            (row.service, row.instance, row.name, row.kind, row.start_ns, row.end_ns, row.trace_state),
            (row.status, row.status_message, plain(row.attributes)),
            [(event.name, event.time_ns, plain(event.attributes)) for event in row.events],
            [(who(link.trace_id, link.span_id), plain(link.attributes)) for link in row.links],
        )
    for record in records:
        value = dict(record.value)
        metadata = value.get("metadata")
        if record.parent and isinstance(metadata, Mapping):
            said = metadata.get("traceparent")
            rest = {name: item for name, item in metadata.items() if name != "traceparent" or not isinstance(said, str)}
            value["metadata"] = rest
        if record.parent and not value.get("metadata", 1) and isinstance(value["metadata"], Mapping):
            del value["metadata"]
        found["record", record.id] = (
            (who(*record.parent), traces.get(record.parent[0], "lost")) if record.parent else None,
            (record.key, record.made_ns, record.seen_ns, record.parent_sampled, plain(value)),
        )
    assert len(found) == len(spans) + len({row.id for row in records}) if not by_name else True
    return found


@laws
@given(scenes())
def test_law_what_is_drawn_parses_to_the_same(scene: tuple[list[Span], list[Record]]) -> None:
    """parse(render(x)) is x up to ids, and its picture is the same to the letter, one printable line a row."""
    text = render(*scene)
    again = parse(text)
    assert meaning(*pair(again)) == meaning(*scene)
    assert render(*pair(again)) == text
    assert all(line.isprintable() for line in text.split("\n"))


@laws
@given(scenes(), st.randoms(use_true_random=False))
def test_law_a_picture_does_not_depend_on_order(scene: tuple[list[Span], list[Record]], random: Any) -> None:
    """Any order of spans and records draws the same."""
    spans, records = list(scene[0]), list(scene[1])
    random.shuffle(spans)
    random.shuffle(records)
    assert render(spans, records) == render(*scene)


@laws
@given(st.integers(1, 8).flatmap(lambda n: st.lists(st.tuples(st.integers(1, n), st.integers(0, n)), max_size=12)))
def test_law_any_parents_are_drawn(edges: list[tuple[int, int]]) -> None:
    """Circles, twins and lost parents: every span has one row, and the picture parses."""
    spans = [
        Span(
            trace_id=f"{1:032x}",
            span_id=f"{own:016x}",
            parent_span_id=f"{parent:016x}" if parent else None,
            service="a",
            name=f"n{number}",
            start_ns=ORIGIN_NS + number,
            end_ns=0,
        )
        for number, (own, parent) in enumerate(edges)
    ]
    text = render(spans)
    again = parse(text).spans
    assert sorted(row.name for row in again) == sorted(row.name for row in spans)
    assert len({row.trace_id for row in again}) == min(len(spans), 1)
    assert render(again) == text


PIECES = r"""a|b#2|"q"|"| : | @ | ! | + |0|1|5ms|..|..?|1.5s|-2| |  |    |*|~> |?|&x |x|^ |[t 0:1]|[|]| k=v| k=|#|null|=
| d.e=1| $key=k| $kind=client| $root=true| $sampled=false|"m"|{"a":1}|[1]
|a : b @ 0..1ms|a : b @ 7d| metadata.traceparent=x"""
pieces = st.sampled_from(
    [*PIECES.replace("\n", "").split("|"), "\n", "\n  ", "\n    ", "\t", "\r", "\x1b", "\na : b @ 2ms"]
)


def bodies(sketch: Sketch) -> list[str]:
    """What each span says of itself; when, only if a span tells that the times are a sketch's."""
    return [
        plain((row.service, row.instance, row.name, row.status, row.kind, row.start_ns, row.end_ns, row.attributes))
        for row in sketch.spans
    ] + [plain((row.id, row.key, row.seen_ns if sketch.spans else None, row.value.get("d"))) for row in sketch.records]


@settings(laws, max_examples=500)
@given(st.one_of(st.text(), st.lists(pieces, max_size=14).map("".join)))
def test_law_any_text_is_a_sketch_or_a_spec_error(text: str) -> None:
    """Nothing but SpecError is raised, each problem with its place; a sketch is drawn and read again alike."""
    try:
        sketch, found = parse(text), None
    except SpecError as error:
        sketch, found = None, error.problems
    if sketch is None:
        assert found
        assert all(problem.startswith("sketch:") and problem.isprintable() for problem in found)
        return
    drawn = render(*pair(sketch))
    assert render(*pair(parse(drawn))) == drawn
    assert sorted(bodies(parse(drawn))) == sorted(bodies(sketch))


@laws
@given(st.integers(-(10**19), 10**19), st.integers(-(10**19), 10**19))
def test_law_times_are_exact(start: int, end: int) -> None:
    """Any nanosecond that 64 bits can hold survives the picture."""
    row = Span(trace_id="1" * 32, span_id="1" * 16, service="a", name="b", start_ns=start, end_ns=end)
    (again,) = parse(render([row], origin_ns=ORIGIN_NS)).spans
    assert (again.start_ns, again.end_ns) == (start, end)


@laws
@given(names)
def test_law_a_json_string_is_a_name_anywhere(name: str) -> None:
    """Whatever a name holds, quoted it is itself, as service, span, event, attribute, value and topic."""
    quoted = json.dumps(name)
    sketch = parse(f"{quoted} : {quoted} @ 0 {quoted}={quoted}\n  * {quoted} @ 0\n  [{quoted} 0:1] @ 0 $key={quoted}")
    row, record = sketch.spans[0], sketch.records[0]
    assert (row.service, row.name, row.events[0].name, record.topic, record.key) == (name,) * 5
    assert row.attributes == {name: name}


@pytest.mark.parametrize("width", [24, 40, 74])
def test_long_rows_go_on_in_the_next_line(width: int) -> None:
    """At single blanks, inside a word only if it is longer than a line; what is parsed is the same."""
    text = (
        'shop : POST /orders/{id}/lines @ 0..12ms "no  such \\\\ order" $kind=server path=\\x a="b  c" z=\\\n'
        "  * moved @ 3ms from=new to=very/long/name/without/any/blank/in/it/that/is/longer/than/a/line/of/a/terminal\n"
        '[orders.placed 0:17] @ 13ms data.text="# no comment, and a long text that has to be broken"\n'
    )
    sketch = parse(text)
    drawn = render(sketch.spans, sketch.records, width=width)
    assert parse(drawn) == sketch
    assert max(map(len, drawn.splitlines())) <= width
