"""Order and durations: what causes, one clock or two clocks apart prove, and what they don't."""

from typing import Literal

import pytest

from verifier.binding import BoundFlow, Occurrence, PointOf
from verifier.clock import INFINITY_NS, At, Clocks, Interval, Jump
from verifier.flows import Flow
from verifier.jumps import jumps_of
from verifier.shape import AttributeName, Correlation, Shape, duration_ns
from verifier.sketch import ORIGIN_NS, parse
from verifier.spans import Observation

MS = 1_000_000
S = 1_000 * MS


class Picture:
    """The clocks of a sketch, and its points by name: `one`, `end of one`, `t` (a record), `moved` (an event)."""

    def __init__(self, text: str, *, complete: bool = False, jumps: tuple[Jump, ...] = ()) -> None:
        sketch = parse(text)
        self.rows = (*sketch.spans, *sketch.records)
        self.clocks = Clocks(rows=self.rows, records_complete=lambda _: complete, jumps=jumps)
        self.named: dict[str, Observation] = {}
        for row in self.rows:
            o = Observation(row=row)
            self.named.setdefault(o.name if o.name not in self.named else f"{o.name}'", o)
        for span in sketch.spans:
            for n, event in enumerate(span.events):
                self.named[event.name] = Observation(row=span, event=event, index=n)

    def at(self, point: str) -> At:
        edge: Literal["start", "end"] = "end" if point.startswith("end of ") else "start"
        return At(of=self.named[point.removeprefix("end of ")], edge=edge)

    def before(self, p: str, q: str) -> tuple[str, str]:
        order = self.clocks.before(self.at(p), self.at(q))
        return order.answer, order.basis

    def took(self, p: str, q: str, *, business: bool = False) -> Interval:
        return self.clocks.took(self.at(p), self.at(q), business=business)


# ---- causes


@pytest.mark.parametrize(
    "text",
    [
        "a : one @ 9..12ms\n  b : two @ 5..6ms",
        "&s a : one @ 9..12ms\nb : two @ 5..6ms\n  ~> s",
        "a : one @ 9..12ms $kind=producer event_id=e\nb : two @ 5..6ms $kind=consumer event_id=e",
        "a : one @ 9..12ms\n  [t 0:0] @ 0..13ms event_id=e\nb : two @ 5..6ms $kind=consumer event_id=e",
    ],
)
def test_a_path_of_parents_links_and_messages_orders_starts_whatever_the_clocks_say(text: str) -> None:
    """A cause starts before its effect starts, and so before the effect ends."""
    picture = Picture(text)
    assert picture.before("one", "two") == ("yes", "causal")
    assert picture.before("one", "end of two") == ("yes", "causal")
    assert picture.before("two", "one") == ("no", "causal")
    assert picture.before("end of two", "one") == ("no", "causal")


def test_a_cause_need_not_end_before_its_effect() -> None:
    """A consumer may start before its producer's handler ends: causality says nothing of ends."""
    picture = Picture("a : one @ 0..12ms\n  b : two @ 10..30ms")
    assert picture.before("end of one", "two")[0] == "unknown"
    assert picture.before("end of one", "end of two") == ("yes", "clocks apart")


def test_an_event_of_a_cause_need_not_come_first() -> None:
    """It may have happened after the effect was started."""
    assert Picture("a : one @ 0..12ms\n  * moved @ 11ms\n  b : two @ 10..30ms").before("moved", "two")[0] == "unknown"


def test_causes_that_lead_in_a_circle_prove_nothing() -> None:
    """A handler that names the message it sends, not the one it took, seems to follow from its own child."""
    picture = Picture("a : one @ 0..9ms $kind=consumer event_id=e\n  a : two @ 2..3ms $kind=producer event_id=e")
    assert picture.before("one", "two") == ("yes", "one clock")
    assert picture.before("two", "one") == ("no", "one clock")


def test_a_consumer_that_took_one_of_two_records_of_a_partition_follows_the_first() -> None:
    """Whichever it took, the first had been published by then; where another may be lost, nothing is known."""
    text = "[t 0:0] @ 0..50ms\n[t 0:1] @ 0..50ms\nb : two @ 20..21ms $kind=consumer messaging.destination.name=t"
    picture = Picture(text, complete=True)
    assert picture.before("t", "two") == ("yes", "causal")
    assert picture.before("end of two", "t")[0] == "no"
    assert picture.before("t'", "two")[0] == "unknown"
    assert Picture(text).before("t", "two")[0] == "unknown"


def test_a_consumer_that_does_not_say_which_of_two_records_it_took_follows_neither() -> None:
    """Each alone is not its cause; both together are: an occurrence of both came before it."""
    text = "[t 0:0] @ 0..50ms\n[t 1:0] @ 0..50ms\nb : two @ 20..21ms $kind=consumer messaging.destination.name=t"
    picture = Picture(text, complete=True)
    assert picture.before("t", "two")[0] == picture.before("t'", "two")[0] == "unknown"
    both = Occurrence(step="t", of=picture.named["t"], again=(picture.named["t'"],))
    two = Occurrence(step="two", of=picture.named["two"])
    flow = bound(picture)
    assert flow.before(PointOf(both), PointOf(two)).answer == "yes"
    twice = Occurrence(step="two", of=picture.named["two"], again=(picture.named["t'"],))
    assert flow.before(PointOf(both), PointOf(twice)).answer != "yes"


@pytest.mark.parametrize(("complete", "answer"), [(True, "yes"), (False, "unknown")])
def test_the_only_record_of_a_complete_topic_is_what_its_consumer_took(complete: bool, answer: str) -> None:
    """Where a record may be missing, it may have been that one."""
    text = "[t 0:0] @ 0..50ms\nb : two @ 20..21ms $kind=consumer messaging.destination.name=t"
    assert Picture(text, complete=complete).before("t", "two")[0] == answer


# ---- one clock


@pytest.mark.parametrize(
    ("text", "p", "q", "answer"),
    [
        ("a : one @ 0..1ms\na : two @ 2..3ms", "one", "two", "yes"),
        ("a : one @ 0..1ms\na : two @ 2..3ms", "two", "one", "no"),
        ("a : one @ 2..4ms\na : two @ 2..3ms", "one", "two", "unknown"),
        ("a : one @ 0..2ms\na : two @ 2..3ms", "end of one", "two", "yes"),
        ("a : one @ 0..2ms\na : two @ 2..3ms", "two", "end of one", "no"),
        ("a : one @ 0..2ms\na : two @ 1..2ms", "end of one", "end of two", "unknown"),
        ("a : one @ 0..2ms\na : two @ 1.999999..3ms", "end of one", "two", "no"),
        ("a : one @ 0..9ms\n  * moved @ 3ms\na : two @ 3..4ms", "moved", "two", "unknown"),
        ("a : one @ 0..9ms\n  * moved @ 2ms\na : two @ 3..4ms", "moved", "two", "yes"),
    ],
)
def test_one_clock_orders_what_is_not_equal(text: str, p: str, q: str, answer: str) -> None:
    """Equal points are unknown, but an end equal to a start is before it."""
    assert Picture(text).before(p, q)[0] == answer


@pytest.mark.parametrize("end", ["5..3ms", "5ms..?"])
def test_an_end_that_is_not_known_is_some_time_after_the_start(end: str) -> None:
    """Clocks are set back, and spans are never ended: neither proves an order."""
    picture = Picture(f"a : one @ {end}\na : two @ 9..10ms\na : zero @ 1..2ms")
    assert picture.before("end of one", "two")[0] == "unknown"
    assert picture.before("end of one", "zero")[0] == "no"
    assert picture.clocks.when(picture.at("end of one")).hi >= INFINITY_NS


# ---- clocks apart


@pytest.mark.parametrize(("start", "answer"), [("5ms", "unknown"), ("5.000001ms", "yes"), ("1ms", "unknown")])
def test_two_clocks_order_what_is_further_apart_than_their_uncertainty(start: str, answer: str) -> None:
    """Exactly 5 ms is not further than 5 ms; 1 ns more is."""
    picture = Picture(f"a : one @ 0\nb : two @ {start}")
    assert picture.before("one", "two")[0] == answer
    assert picture.before("two", "one")[0] == {"yes": "no", "unknown": "unknown"}[answer]


def test_processes_that_nothing_names_have_each_their_own_clock() -> None:
    """The same service without an instance may be two processes."""
    assert (
        Picture("a : one @ 0..1ms $instance=null\na : two @ 2..3ms $instance=null").before("one", "two")[0] == "unknown"
    )


def test_a_causal_pair_in_the_wrong_order_disqualifies_its_two_clocks() -> None:
    """Effect 6 ms before cause: these clocks prove nothing any more; those of others do."""
    picture = Picture(
        "a : one @ 6..7ms\n  b : two @ 0..1ms\na : three @ 900..901ms\nb : four @ 950..951ms\nc : five @ 1..2s"
    )
    assert picture.before("three", "four") == ("unknown", "clocks that contradict a causal pair")
    assert picture.took("three", "four") == Interval(-INFINITY_NS, INFINITY_NS)
    assert picture.before("three", "five") == ("yes", "clocks apart")


def test_a_causal_pair_within_the_uncertainty_disqualifies_nothing() -> None:
    """5 ms in the wrong direction is what two clocks may be apart."""
    picture = Picture("a : one @ 5..7ms\n  b : two @ 0..1ms\na : three @ 900..901ms\nb : four @ 950..951ms")
    assert picture.before("three", "four")[0] == "yes"


def test_a_record_made_after_it_was_handled_disqualifies_the_clock_of_its_maker() -> None:
    """The envelope's time is a time of its producer's clock, too."""
    picture = Picture(
        "a : send @ 100..101ms\n  [t 0:0] @ 100..120ms event_id=e\nb : two @ 0..1ms $kind=consumer event_id=e\n"
        "a : three @ 900..901ms\nb : four @ 950..951ms"
    )
    assert picture.before("three", "four")[0] == "unknown"


# ---- records


def test_a_record_was_published_between_when_it_was_made_and_when_it_was_seen() -> None:
    """A reader lags; only what lies outside of the interval is ordered."""
    picture = Picture("[t 0:0] @ 10..100ms\nb : early @ 1..2ms\nb : mid @ 50..51ms\nb : late @ 106..107ms")
    assert [picture.before(q, "t")[0] for q in ("early", "mid", "late")] == ["yes", "unknown", "no"]
    assert picture.took("early", "t") == Interval(9 * MS - 5 * MS, 99 * MS + 5 * MS)


def test_a_record_without_a_time_was_published_after_its_producer_started() -> None:
    """Its producer's start is the earliest; without a producer nothing is."""
    picture = Picture("a : send @ 40..50ms\n  [t 0:0] @ ..100ms\n[u 0:0] @ ..100ms")
    assert picture.clocks.when(picture.at("t")) == Interval(ORIGIN_NS + 40 * MS, ORIGIN_NS + 100 * MS)
    assert picture.clocks.when(picture.at("u")) == Interval(-INFINITY_NS, ORIGIN_NS + 100 * MS)


def test_a_record_seen_long_before_it_was_made_has_no_earliest_time() -> None:
    """The clock that made it is wrong: its time says nothing."""
    picture = Picture("[t 0:0] @ 500..100ms\n[u 0:0] @ 104..100ms")
    assert picture.clocks.when(picture.at("t")).lo == -INFINITY_NS
    assert picture.clocks.when(picture.at("u")) == Interval(ORIGIN_NS + 100 * MS, ORIGIN_NS + 100 * MS)


def test_exact_records_are_all_on_the_broker_s_clock() -> None:
    """Where the broker says when, two topics are ordered to the nanosecond."""
    assert Picture("[t 0:0] @ 10ms\n[u 0:0] @ 10.000001ms").before("t", "u") == ("yes", "one clock")


@pytest.mark.parametrize(("place", "basis"), [("0:1", "one partition"), ("1:1", "clocks too close")])
def test_a_partition_orders_by_offset(place: str, basis: str) -> None:
    """Whatever their times say; another partition doesn't."""
    assert Picture(f"[t 0:0] @ 10..100ms\n[t {place}] @ 5..100ms").before("t", "t'")[1] == basis


def test_a_record_begins_when_it_was_made_where_that_is_asked() -> None:
    """Made in one process: its question was made before its answer, though it was seen after."""
    picture = Picture("a : send @ 0..30ms\n  [t 0:0] @ 10..100ms\n  [u 0:0] @ 20..50ms")
    assert picture.clocks.before(picture.at("t"), picture.at("u")).answer == "unknown"
    assert picture.clocks.made_before(picture.at("t"), picture.at("u")).answer == "yes"
    assert picture.clocks.made_before(picture.at("u"), picture.at("t")).answer == "no"


def test_a_record_without_a_time_was_made_nobody_knows_when() -> None:
    """Then the whole interval counts."""
    picture = Picture("[t 0:0] @ ..100ms\n[u 0:0] @ 20..50ms")
    assert picture.clocks.made_before(picture.at("t"), picture.at("u")).answer == "unknown"


# ---- groups of equals


def bound(picture: Picture) -> BoundFlow:
    shape = Shape(shape="s", flow=Correlation(key=AttributeName("k")), assertions=())
    return BoundFlow(shape=shape, flow=Flow(name="k", key="1"), clocks=picture.clocks, opened_ns=ORIGIN_NS)


@pytest.mark.parametrize(
    ("ps", "qs", "answer"),
    [
        (("p1", "p5"), ("q3",), "yes"),
        (("p5", "p1"), ("q3",), "yes"),
        (("p5",), ("q3", "q9"), "no"),
        (("p1",), ("q9", "q3"), "yes"),
        (("p3", "p5"), ("q3",), "unknown"),
        (("p1",), ("q1", "q9"), "unknown"),
        (("p5", "p9"), ("q3", "q9"), "no"),
    ],
)
def test_what_counts_once_stands_for_the_first_of_its_equals(
    ps: tuple[str, ...], qs: tuple[str, ...], answer: str
) -> None:
    """Redelivered or repeated, it happened when it first happened; p3 is p at 3 ms."""
    picture = Picture("\n".join(f"a : {n}{t} @ {t}..{t}ms" for n in "pq" for t in (1, 3, 5, 9)))
    p, q = (
        Occurrence(step=x[0], of=picture.named[x[0]], again=tuple(picture.named[n] for n in x[1:])) for x in (ps, qs)
    )
    assert bound(picture).before(PointOf(p), PointOf(q)).answer == answer


# ---- durations


def test_a_duration_between_two_clocks_is_uncertain_by_as_much() -> None:
    """On one clock it is exact."""
    picture = Picture("a : one @ 0..1ms\na : two @ 20..21ms\nb : three @ 20..21ms")
    assert picture.took("one", "two") == Interval(20 * MS, 20 * MS)
    assert picture.took("one", "three") == Interval(15 * MS, 25 * MS)


def test_an_effect_takes_no_negative_time() -> None:
    """Where the clocks leave it open, causality bounds it."""
    assert Picture("a : one @ 3..9ms\n  b : two @ 0..1ms").took("one", "two") == Interval(0, 2 * MS)


def jump(at_ns: int, by_ns: int) -> Jump:
    return Jump(id="j", at=Interval(ORIGIN_NS + at_ns, ORIGIN_NS + at_ns), by=Interval(by_ns, by_ns))


@pytest.mark.parametrize(
    ("at_ns", "gained"),
    [
        (5 * S, Interval(3600 * S, 3600 * S)),
        (0, Interval(0, 3600 * S)),
        (10 * S, Interval(0, 3600 * S)),
        (-1 * S, Interval(0, 0)),
        (11 * S, Interval(0, 0)),
    ],
)
def test_business_time_counts_the_jumps_between_two_points(at_ns: int, gained: Interval) -> None:
    """Between: surely; exactly on a point: perhaps; outside: not. Plain time counts none."""
    picture = Picture("a : one @ 0..1ms\na : two @ 10..11s", jumps=(jump(at_ns, 3600 * S),))
    assert picture.took("one", "two", business=True) == Interval(10 * S, 10 * S) + gained
    assert picture.took("one", "two") == Interval(10 * S, 10 * S)


def test_one_jump_counts_once_however_many_report_it() -> None:
    """Two services report it, at two moments; another id is another jump, none is each its own."""
    spans = parse(
        "a : x @ 0..9s\n  * clock.advanced @ 5s jump_id=j by=25h\n  * clock.advanced @ 8s jump_id=k by=60\n"
        "b : y @ 0..9s\n  * clock.advanced @ 6s jump_id=j by=25h\n  * clock.advanced @ 7s by=1h"
    ).spans
    found = {
        j.id: (j.at.lo - ORIGIN_NS, j.at.hi - ORIGIN_NS, j.by.lo, j.by.hi) for j in jumps_of(spans, parse=duration_ns)
    }
    assert found.pop("j") == (5 * S, 6 * S, 25 * 3600 * S, 25 * 3600 * S)
    assert found.pop("k") == (8 * S, 8 * S, 60 * S, 60 * S)
    assert list(found.values()) == [(7 * S, 7 * S, 3600 * S, 3600 * S)]


@pytest.mark.parametrize("by", ["", ' by="a day"', " by=null"])
def test_a_jump_that_can_not_be_read_may_be_any(by: str) -> None:
    """It decides nothing; it is not nothing."""
    (found,) = jumps_of(parse(f"a : x @ 0..9s\n  * clock.advanced @ 5s jump_id=j{by}").spans, parse=duration_ns)
    assert (found.by.lo, found.by.hi >= INFINITY_NS) == (0, True)


# ---- a clock that is off


def test_a_clock_that_contradicts_a_cause_may_be_off_to_any_other_clock_by_as_much() -> None:
    """`two` began an hour before its cause: whose clock is off nobody knows, so c may be far from b."""
    off = Picture("a : one @ 3600s..3601s\n  b : two @ 0..1s\nc : three @ 1200s..1201s")
    assert off.before("two", "three") == ("unknown", "clocks too close")
    assert off.took("two", "three").lo < 0
    honest = Picture("a : one @ 0..1s\n  b : two @ 1..2s\nc : three @ 1200s..1201s")
    assert honest.before("two", "three") == ("yes", "clocks apart")


def test_a_clock_that_contradicts_a_cause_by_little_still_orders_what_is_far_apart() -> None:
    """20 ms off are 20 ms more of uncertainty, not all of time."""
    picture = Picture("a : one @ 30..31ms\n  b : two @ 10..11ms\nc : three @ 1200s..1201s")
    assert picture.before("two", "three") == ("yes", "clocks apart")


def test_a_record_seen_long_before_it_was_made_tells_nothing_of_its_makers_clock() -> None:
    """The clock of its maker is off, or that of its reader: their order is unknown, the maker's own one is not."""
    text = "a : one @ 1000..1010ms\n[t 0:0] @ 1005..100ms source_service=a"
    picture = Picture(text)
    assert picture.before("one", "t")[0] == "unknown"
    assert picture.clocks.made_before(picture.at("one"), picture.at("t")).answer == "yes"


def test_a_record_with_a_brokers_time_alone_was_not_stamped_by_its_maker() -> None:
    """1 ms before the end of its producer by the broker's clock, which may be 5 ms behind."""
    picture = Picture("a : one @ 1..2ms\n  [t 0:0] @ 1..1ms")
    assert picture.clocks.made_before(picture.at("end of one"), picture.at("t")).answer == "unknown"
    by_its_maker = Picture("a : one @ 1..2ms\n  [t 0:0] @ 1..3ms")
    assert by_its_maker.clocks.made_before(by_its_maker.at("end of one"), by_its_maker.at("t")).answer == "no"


# ---- due times


@pytest.mark.parametrize(("other", "slack"), [(True, 5 * MS), (False, 0)])
def test_a_limit_has_passed_when_it_surely_has(other: bool, slack: int) -> None:
    """By another clock as much later as clocks may be apart; after a record when it was seen."""
    picture = Picture("a : one @ 0..1ms\n[t 0:0] @ 10..100ms")
    assert picture.clocks.due_ns(picture.at("one"), S, other_clock=other) == ORIGIN_NS + S + slack
    assert picture.clocks.due_ns(picture.at("t"), S, other_clock=other) == ORIGIN_NS + 100 * MS + S + slack


@pytest.mark.parametrize(
    ("jumps", "due_ns"),
    [
        ((), 3600 * S),
        ((jump(10 * S, 1800 * S),), 1800 * S),
        ((jump(10 * S, 7200 * S),), 10 * S),
        ((jump(-10 * S, 1800 * S),), 3600 * S),
        ((jump(3601 * S, 1800 * S),), 3600 * S),
        ((jump(10 * S, 1800 * S), jump(1795 * S, 600 * S)), 1795 * S),
        ((jump(10 * S, 1800 * S), jump(1805 * S, 600 * S)), 1800 * S),
    ],
)
def test_a_business_limit_passes_sooner_by_the_jumps_within_it(jumps: tuple[Jump, ...], due_ns: int) -> None:
    """A jump takes off what it advances, at most all that is left; before and after the limit it counts nothing."""
    picture = Picture("a : one @ 0..1ms", jumps=jumps)
    due = picture.clocks.due_ns(picture.at("one"), 3600 * S, business=True, other_clock=False)
    assert due == ORIGIN_NS + due_ns
