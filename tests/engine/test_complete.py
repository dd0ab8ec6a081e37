"""When "it never came" may be said: complete, not yet, lost, or not to be seen by any source that was given."""

from dataclasses import replace
from typing import Any

import pytest

from tests.judging import judge_example
from verifier.assertions import Example, kinds
from verifier.engine.complete import Sight, odd_times, parse_assume, sampled, silent_gaps
from verifier.errors import UsageError
from verifier.run import check
from verifier.shape import AttributeName, Begins, Correlation, Ends, Shape, Step, StepName
from verifier.sketch import ORIGIN_NS, parse
from verifier.spans import Loss, Reading, Span
from verifier.verdict import FlowVerdict, Unproven

MS = 1_000_000
STEPS = {
    "one": Step(service="a", span="one"),
    "two": Step(service="b", span="two"),
    "sent": Step(record="t"),
    "told": Step(record="u"),
    "any": Step(record="t*"),
}


def judged(
    text: str,
    kind: str,
    *,
    losses: tuple[Loss, ...] = (),
    of_records: tuple[Loss, ...] = (),
    at: str = "end",
    assume: str = "complete",
    topics: Any = None,
    spans: bool = True,
    records: bool = True,
    key: str = "b1",
    dropped: str = "",
    **parameters: Any,
) -> FlowVerdict:
    """The verdict of one rule on flow b1 of a sketch; `dropped` attributes of the spans of that name are."""
    sketch = parse(text)
    rows = tuple(replace(s, dropped_attributes=1) if s.name == dropped else s for s in sketch.spans)
    shape = Shape(
        shape="s",
        flow=Correlation(key=AttributeName("k"), aliases=(AttributeName("cid"),)),
        steps=STEPS,
        assertions=(kinds()[kind](**parameters),),
    )
    report = check(
        [shape],
        spans=Reading(url="s", spans=rows, losses=losses) if spans else (),
        records=Reading(url="r", records=sketch.records, topics=topics, losses=of_records) if records else (),
        at=at,
        assume=assume,
    )
    return report.flow(key)


def said(*args: Any, **how: Any) -> str:
    """Only the word."""
    return str(judged(*args, **how).verdict)


ONE = "a : one @ 0..1ms k=b1"


# ---- not yet


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        ("2026-01-01T00:00:01.004999999Z", "pending"),
        ("2026-01-01T00:00:01.005Z", "violated"),
        ("+2s", "violated"),
        ("end", "pending"),
    ],
)
def test_a_bound_has_passed_when_no_clock_can_say_otherwise(at: str, expected: str) -> None:
    """1 s after `one` at 0, on another service's clock: due at 1 s 5 ms, pending up to 1 ns before."""
    flow = judged(ONE, "leads_to", step="one", then="two", within="1s", at=at)
    assert flow.verdict == expected
    assert flow.due_ns == (ORIGIN_NS + 1_005 * MS if expected == "pending" else None)


def test_what_came_in_time_is_not_pending_once_the_flow_is_over() -> None:
    """A claim without a bound is proven when the input is closed."""
    assert said(ONE + "\nb : two @ 9..10ms k=b1", "leads_to", step="one", then="two", within="1s") == "satisfied"


@pytest.mark.parametrize(("gives_up", "at", "expected"), [("1h", "+30m", "pending"), ("1h", "+2h", "violated")])
def test_a_flow_that_is_not_over_is_pending_until_it_is_given_up(gives_up: str, at: str, expected: str) -> None:
    """Then it is judged as it is."""
    example = Example(
        verdict="",
        sketch="a : one @ 0..1ms",
        parameters={"step": "two", "times": 1},
        ends=("end",),
        gives_up=gives_up,
        at=at,
    )
    assert judge_example("occurs", example).verdict == expected


@pytest.mark.parametrize(("cause_ms", "expected"), [(0, "violated"), (30, "inconclusive")])
def test_by_clocks_that_contradict_each_other_nothing_is_ever_due(cause_ms: int, expected: str) -> None:
    """A cause of b's clock began 20 ms after its effect by a's: what b does in time may have any stamp."""
    text = f"b : zero @ {cause_ms}..31ms k=b1\n  a : one @ 10..11ms k=b1"
    flow = judged(text, "leads_to", step="one", then="two", within="1s", at="+1h")
    assert flow.verdict == expected
    if expected == "inconclusive":
        (finding,) = flow.assertions[0].findings
        assert "when it is due can't be told: a cause and its effect contradict the clocks" in str(finding)


# ---- not to be seen


def test_without_records_a_step_of_records_can_not_be_missed() -> None:
    """Not missing: nobody was asked."""
    flow = judged(ONE, "occurs", step="sent", times=1, records=False)
    assert flow.verdict == "inconclusive"
    assert flow.assertions[0].findings[0].settled_by == "records of t (--records)"


def test_a_topic_that_the_records_file_does_not_cover_can_not_be_missed() -> None:
    """Its first line says what was read."""
    text = ONE + "\n[t 0:0] @ 1ms k=b1"
    topics = {"t": {0: (0, 1)}}
    assert said(text, "occurs", step="sent", times=2, topics=topics) == "violated"
    assert said(text, "occurs", step="told", times=1, topics=topics) == "inconclusive"


def test_without_spans_a_step_of_spans_can_not_be_missed() -> None:
    """Only records were given."""
    assert said("[t 0:0] @ 1ms k=b1", "occurs", step="one", times=1, spans=False) == "inconclusive"


# ---- lost


@pytest.mark.parametrize(
    ("assume", "span", "record"),
    [
        ("complete", "violated", "violated"),
        ("lossy", "inconclusive", "inconclusive"),
        ("spans=lossy", "inconclusive", "violated"),
        ("records=lossy", "violated", "inconclusive"),
        ("spans=complete,records=lossy", "violated", "inconclusive"),
    ],
)
def test_what_is_assumed_lossy_is_not_missed(assume: str, span: str, record: str) -> None:
    """Spans and records apart."""
    assert said(ONE, "occurs", step="two", times=1, assume=assume) == span
    assert said(ONE, "occurs", step="sent", times=1, assume=assume) == record


@pytest.mark.parametrize("text", ["never", "spans", "lossy=spans", "spans=half", ""])
def test_a_premise_that_is_none_is_refused(text: str) -> None:
    """With what is expected."""
    with pytest.raises(UsageError, match="complete, lossy, spans=lossy"):
        parse_assume(text)


def test_an_orphan_demotes_its_own_flow_and_no_other() -> None:
    """Its parent is a span of this flow, of a service that nobody knows."""
    text = "^ a : one @ 0..1ms k=b1\na : one @ 0..1ms k=b2"
    assert said(text, "occurs", step="two", times=1) == "inconclusive"
    assert said(text, "occurs", step="two", times=1, key="b2") == "violated"
    assert said(text, "occurs", step="sent", times=1) == "violated"


def test_what_was_seen_stays_sure_in_a_flow_with_an_orphan() -> None:
    """Only absences are demoted."""
    assert said("^ a : one @ 0..1ms k=b1", "never", step="one") == "violated"


def test_dropped_attributes_demote_their_service() -> None:
    """A step's condition, or the key itself, may have been among them."""
    text = "b : x @ 0..1ms k=b1\na : y @ 0..1ms k=b1"
    assert said(text, "occurs", step="two", times=1, dropped="x") == "inconclusive"
    assert said(text, "occurs", step="one", times=1, dropped="x") == "violated"


def test_dropped_attributes_of_a_stray_demote_its_service_in_every_flow() -> None:
    """Its key may have been among them."""
    text = "b : x @ 0..1ms\na : y @ 0..1ms k=b1"
    assert said(text, "occurs", step="two", times=1, dropped="x") == "inconclusive"
    assert said(text, "occurs", step="one", times=1, dropped="x") == "violated"


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        ("ot=th:8", "inconclusive"),
        ("ot=th:0", "violated"),
        ("x=th:8", "violated"),
        ("a=b,ot=rv:1;th:c", "inconclusive"),
    ],
)
def test_sampled_traces_may_hide_others(state: str, expected: str) -> None:
    """A threshold above zero; `th:0` keeps everything."""
    assert said(f"a : one @ 0..1ms $state={state} k=b1", "occurs", step="two", times=1) == expected
    assert bool(sampled(parse(f"a : one @ 0..1ms $state={state}").spans)) == (expected == "inconclusive")


def test_a_record_whose_publisher_was_not_sampled_demotes_the_spans_of_its_flow() -> None:
    """There is a span of this flow that was not kept."""
    text = "a : one @ 0..1ms k=b1\n  [t 0:0] @ 1ms $sampled=false k=b1"
    assert said(text, "occurs", step="two", times=1) == "inconclusive"
    assert said(text, "occurs", step="sent", times=2) == "violated"


@pytest.mark.parametrize("kind", ["bad_line", "long_line", "truncated"])
def test_a_line_that_can_not_be_read_hides_what_its_file_held(kind: str) -> None:
    """A line of a records file was a record of any topic, a line of a spans file spans of any service."""
    loss = (Loss(kind=kind, where="f:3"),)
    assert said(ONE, "occurs", step="two", times=1, losses=loss) == "inconclusive"
    assert said(ONE, "occurs", step="sent", times=1, losses=loss) == "violated"
    assert said(ONE, "occurs", step="two", times=1, of_records=loss) == "violated"
    assert said(ONE, "occurs", step="sent", times=1, of_records=loss) == "inconclusive"


@pytest.mark.parametrize("kind", ["bad_record", "conflicting_record"])
def test_a_record_that_can_not_be_read_hides_records_of_its_topic_and_no_span(kind: str) -> None:
    """Nor records of another topic; without a topic it may be of any."""
    of_topic = (Loss(kind=kind, where="r:3", topic="t"),)
    assert said(ONE, "occurs", step="sent", times=1, of_records=of_topic) == "inconclusive"
    assert said(ONE, "occurs", step="told", times=1, of_records=of_topic) == "violated"
    assert said(ONE, "occurs", step="two", times=1, of_records=of_topic) == "violated"
    anywhere = (Loss(kind=kind, where="r:3"),)
    assert said(ONE, "occurs", step="told", times=1, of_records=anywhere) == "inconclusive"
    assert said(ONE, "occurs", step="two", times=1, of_records=anywhere) == "violated"


def test_a_pattern_of_topics_is_lossy_where_one_of_them_is() -> None:
    """What is missing of a topic that the step means is missing of the step."""
    assert said(ONE, "occurs", step="any", times=1) == "violated"
    loss = Loss(kind="truncated", where="r", topic="t2")
    assert said(ONE, "occurs", step="any", times=1, of_records=(loss,)) == "inconclusive"
    assert said(ONE, "occurs", step="any", times=1, of_records=(replace(loss, topic="u2"),)) == "violated"


@pytest.mark.parametrize(
    ("topics", "expected"),
    [
        (("t*",), "violated"),
        (("u", "*"), "violated"),
        (("t1", "t2"), "inconclusive"),  # and t3?
        (("t?",), "inconclusive"),
        (("t2*",), "inconclusive"),
        (("[t]*",), "inconclusive"),
        (("u2",), "inconclusive"),
    ],
)
def test_a_pattern_of_topics_needs_a_source_that_speaks_of_all_of_them(topics: tuple[str, ...], expected: str) -> None:
    """One that read some of them can't say that there was nothing in the others."""
    assert said(ONE, "occurs", step="any", times=1, topics={t: {} for t in topics}) == expected


@pytest.mark.parametrize(
    ("topics", "expected"), [(("t*",), "violated"), (("*",), "violated"), (("u*",), "inconclusive")]
)
def test_a_source_may_speak_of_a_pattern_of_topics(topics: tuple[str, ...], expected: str) -> None:
    """Then it speaks of each of them."""
    assert said(ONE, "occurs", step="sent", times=1, topics={t: {} for t in topics}) == expected


def test_a_pattern_of_which_only_some_topics_were_read_says_which() -> None:
    """So that one knows what to add."""
    (finding,) = judged(ONE, "occurs", step="any", times=1, topics={"t1": {}, "t2": {}, "u": {}}).assertions[0].findings
    assert finding.settled_by == "records of t* (--records)"
    assert "of t* only records of t1, t2 were given" in str(finding)


def test_a_loss_counts_from_when_it_began() -> None:
    """What should have come before is not excused."""
    text = ONE + "\nb : two @ 50..51ms k=b1"
    late = (Loss(kind="truncated", where="s", since_ns=ORIGIN_NS + 60 * MS),)
    early = (Loss(kind="truncated", where="s", since_ns=ORIGIN_NS + 10 * MS),)
    bare = text.replace("a : one @ 0..1ms", "c : other @ 0..1ms")
    assert said(bare, "precedes", first="one", then="two", losses=late) == "violated"
    assert said(bare, "precedes", first="one", then="two", losses=early) == "inconclusive"


@pytest.mark.parametrize(
    ("begins", "until_ms", "verdict"),
    [(True, -10, "violated"), (True, 1, "inconclusive"), (True, None, "inconclusive"), (False, -10, "inconclusive")],
)
def test_records_that_a_broker_deleted_excuse_flows_that_may_be_as_old(
    begins: bool, until_ms: int | None, verdict: str
) -> None:
    """One that surely began later than all that was deleted lacks nothing of it; one that may be as old may."""
    until_ns = None if until_ms is None else ORIGIN_NS + until_ms * MS
    gone = Loss(kind="deleted_records", where="kafka://h/t", topic="t", until_ns=until_ns)
    shape = Shape(
        shape="s",
        flow=Correlation(key=AttributeName("k"), begins=Begins(steps=(StepName("one"),)) if begins else None),
        steps=STEPS,
        assertions=(kinds()["occurs"](step="sent", times=">=1"),),
    )
    readings = Reading(url="s", spans=parse(ONE).spans), Reading(url="r", topics={"t": {0: (5, 5)}}, losses=(gone,))
    assert str(check([shape], spans=readings[0], records=readings[1]).verdict) == verdict


@pytest.mark.parametrize("kind", ["repeated_span", "other_signal", "skipped_file", "bad_end"])
def test_what_was_only_set_aside_hides_nothing(kind: str) -> None:
    """Counted, but nothing is missing because of it."""
    assert said(ONE, "occurs", step="two", times=1, losses=(Loss(kind=kind, where="s"),)) == "violated"


def test_an_unproven_claim_names_the_loss_and_what_would_settle_it() -> None:
    """Inconclusive is never silent."""
    (found,) = judged(ONE, "never", step="two", assume="spans=lossy").assertions[0].findings
    assert isinstance(found.finding, Unproven)
    assert found.reason == "spans of b are assumed lossy"
    assert found.settled_by == "spans of b of this flow, complete"


# ---- a process that was killed


GAP = "b#1 : x @ 0..100ms k=b0\nb#2 : x @ 900..999ms k=b0\n"


def test_a_gap_is_from_the_last_span_of_a_process_to_the_first_of_the_next() -> None:
    """One that took over at once, or ran beside it, leaves none."""
    spans = parse(GAP).spans
    (gap,) = silent_gaps(spans)["b"]
    assert (gap.lo - ORIGIN_NS, gap.hi - ORIGIN_NS) == (100 * MS, 900 * MS)
    assert silent_gaps(parse(GAP.replace("900", "100")).spans) == {}
    assert silent_gaps(parse(GAP.replace("b#1", "b").replace("b#2", "b")).spans) == {}
    assert silent_gaps(parse(GAP.replace("b#2", "c#2")).spans) == {}


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [
        (10, 20, "violated"),  # over before the process fell silent
        (50, 500, "inconclusive"),
        (300, 400, "inconclusive"),
        (300, 950, "inconclusive"),
        (901, 950, "violated"),  # began when the next one was there
    ],
)
def test_a_process_that_fell_silent_excuses_what_it_may_have_done(start: int, end: int, expected: str) -> None:
    """Only in flows that were under way then, and only of its service."""
    sketch = parse(GAP + f"a : one @ {start}..{start}ms k=b1\nc : mark @ {end}..{end}ms k=b1")
    shape = Shape(
        shape="s",
        flow=Correlation(key=AttributeName("k")),
        steps={**STEPS, "mark": Step(service="c", span="mark")},
        assertions=(
            kinds()["precedes"](first="two", then="mark"),
            kinds()["precedes"](first="one", then="mark", count=2),
        ),
    )
    flow = check([shape], spans=Reading(url="s", spans=sketch.spans)).flow("b1")
    assert [str(rule.verdict) for rule in flow.assertions] == [expected, "violated"]


# ---- rows by an alias only


@pytest.mark.parametrize(("assume", "expected"), [("complete", "violated"), ("lossy", "inconclusive")])
@pytest.mark.parametrize(
    "text",
    [
        "a : one @ 0..1ms cid=c\nc : other @ 0..1ms cid=c k=b1",
        "a : one @ 0..9ms\n  c : other @ 1..2ms k=b1",
        "a : one @ 0..9ms\n  ~> s\n&s c : other @ 1..2ms k=b1",
    ],
)
def test_what_belongs_here_only_as_far_as_was_seen_supports_nothing_where_rows_may_be_lost(
    text: str, assume: str, expected: str
) -> None:
    """By an alias, by what it led to, or by a link: a lost row of another flow could show that it is that one's."""
    flow = judged(text, "never", step="one", assume=assume)
    assert flow.verdict == expected
    if assume == "lossy":
        assert "belongs to this flow only by" in str(flow.assertions[0].findings[0].reason)


def test_nor_does_it_satisfy_there() -> None:
    """A chain that was seen is final only if it is this flow's chain."""
    text = "a : one @ 0..1ms cid=c\nc : other @ 0..1ms cid=c k=b1"
    assert said(text, "sequence", steps=("one",)) == "satisfied"
    assert said(text, "sequence", steps=("one",), assume="lossy") == "inconclusive"


def test_ends_is_only_what_was_seen() -> None:
    """A flow without its end is not over, and what is missing in it is pending."""
    shape = Shape(
        shape="s",
        flow=Correlation(key=AttributeName("k"), ends=Ends(steps=(StepName("two"),))),
        steps=STEPS,
        assertions=(kinds()["occurs"](step="sent", times=1),),
    )
    for text, expected in ((ONE, "pending"), (ONE + "\nb : two @ 9..10ms k=b1", "violated")):
        sketch = parse(text)
        found = check([shape], spans=Reading(url="s", spans=sketch.spans), records=Reading(url="r"))
        assert found.verdict == expected


@pytest.mark.parametrize(
    ("start_ns", "said"),
    [
        (1_796_115_600, "seconds"),
        (1_796_115_600_060, "milliseconds"),
        (1_796_115_600_060_000, "microseconds"),
    ],
)
def test_times_in_another_unit_are_named(start_ns: int, said: str) -> None:
    """The unit that puts the span into our days is the one that it is in."""
    span = Span(trace_id="1" * 32, span_id="2" * 16, service="a", name="b", start_ns=start_ns, end_ns=start_ns)
    (loss,) = odd_times([span])
    assert loss.what.endswith(f": its times look like {said}; OTLP wants nanoseconds")
    (loss,) = odd_times([replace(span, start_ns=5)])
    assert loss.what.endswith("are its times in nanoseconds, as OTLP wants them?")


@pytest.mark.parametrize("kind", ["bad_record", "opaque_record", "bad_span", "bad_line"])
def test_a_reason_that_quotes_a_loss_says_where_it_is(kind: str) -> None:
    """The sentence alone doesn't say in which file and line."""
    loss = Loss(kind=kind, where="run.events.jsonl:7", what="offset: saw 'x'", records=True)
    sight = Sight(at_ns=1, from_ns=0, losses=(loss,))
    assert sight.records_complete("t") is False
    assert sight._loss_of_records("t", 1) == "run.events.jsonl:7: offset: saw 'x'"
