"""One run: what is asked for, what is assumed, as of when."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

import verifier
from verifier.errors import SourceError, UsageError
from verifier.run import check, parse_at, parse_expect, parse_jump, read
from verifier.shape import Shape
from verifier.sketch import ORIGIN_NS, parse
from verifier.spans import Reading
from verifier.specfile import loads
from verifier.verdict import Report, Verdict

DATA = Path(__file__).parent / "data" / "huleedu"
NS = 10**9

ORDER = """
shape: order
params: {hop: 5s}
attributes: {order_id: [order_id, data.order_id]}
flow:
  key: order_id
  aliases: [correlation_id]
  ends: {steps: [shipped]}
  gives_up: 1h
facts:
  country: [{attribute: country}]
when: {country: {in: [SE, NO]}}
steps:
  ordered: {service: shop, span: order}
  shipped: {service: store, span: ship}
assertions:
  - leads_to: {step: ordered, then: shipped, within: hop}
"""
GOOD = (
    "shop : order @ 0..1ms order_id=o1 country=SE correlation_id=c1\nstore : ship @ 2..3s order_id=o1 correlation_id=c2"
)


def judged(text: str, *, shapes: Sequence[Shape] = (), **options: object) -> Report:
    """The report on a sketch."""
    sketch = parse(text)
    reading = Reading(url="sketch", spans=sketch.spans, records=sketch.records)
    return check(shapes or [loads(ORDER)], spans=reading, **options)  # type: ignore[arg-type]


def test_good_flow_is_satisfied() -> None:
    """A flow that keeps its rules is satisfied, with its facts, ids and traces."""
    report = judged(GOOD)
    (flow,) = report.flows
    assert (report.verdict, report.exit_code, flow.facts) == (Verdict.SATISFIED, 0, {"country": "SE"})
    assert (flow.key, flow.aliases, len(flow.traces)) == ("o1", {"correlation_id": ("c1", "c2")}, 2)


def test_flow_of_another_kind_is_not_judged() -> None:
    """Where every guard is false the flow is listed without a verdict, and a run without any is inconclusive."""
    report = judged(GOOD.replace("SE", "DE"))
    (flow,) = report.flows
    assert (flow.shape, flow.verdict, report.verdict, report.exit_code) == (None, None, Verdict.INCONCLUSIVE, 3)
    assert report.totals["not_applicable"] == 1
    assert "no shape applies" in (report.reason or "")


def test_unknown_guard_is_judged_and_inconclusive() -> None:
    """Without the fact that the guard asks for, the rules are judged all the same, and the reason names the fact."""
    (flow,) = judged(GOOD.replace("country=SE ", "")).flows
    assert flow.verdict is Verdict.INCONCLUSIVE
    assert "country" in (flow.reason or "")
    assert flow.assertions[0].verdict is Verdict.SATISFIED


def test_contradictory_guard_names_both_answers() -> None:
    """Two answers for one fact: inconclusive, with both."""
    (flow,) = judged(GOOD + " country=NO").flows
    assert flow.verdict is Verdict.INCONCLUSIVE
    assert "SE" in (flow.reason or "")
    assert "NO" in (flow.reason or "")


def test_nothing_seen_is_never_a_pass() -> None:
    """An input without spans is inconclusive and says so."""
    report = judged("")
    assert (report.verdict, report.flows) == (Verdict.INCONCLUSIVE, ())
    assert report.reason == "no span and no record was read: nothing seen is never a pass"


def test_only_strays_is_inconclusive() -> None:
    """Spans that lead to no flow are no pass either."""
    report = judged("shop : order @ 0..1ms")
    assert report.verdict is Verdict.INCONCLUSIVE
    assert report.totals["strays"] == 1


@pytest.mark.parametrize(
    ("at", "verdict"),
    [("+2.999s", "pending"), ("+5.004s", "pending"), ("+5.005s", "violated"), ("+2h", "violated")],
)
def test_missing_step_is_pending_until_it_is_due(at: str, verdict: str) -> None:
    """Due 5 s after its trigger, and 5 ms later by another clock."""
    report = judged("shop : order @ 0..0ms order_id=o1 country=SE", at=at)
    assert report.verdict == verdict


def test_flow_that_had_not_begun_is_left_out() -> None:
    """As of a moment before a flow began, it isn't there."""
    report = judged(GOOD, at="2025-12-31T23:59:59Z")
    assert report.flows == ()


def test_as_of_a_moment_sees_only_what_had_ended() -> None:
    """As of one second the shipping had not been seen."""
    (flow,) = judged(GOOD, at="2026-01-01T00:00:01Z").flows
    assert (flow.verdict, flow.spans) == (Verdict.PENDING, 1)


def test_expected_flow_is_missed() -> None:
    """A flow that must be there is judged even if nothing of it was ever seen."""
    report = judged(GOOD, expect=["order_id=o2,country=NO"], at="+2h")
    assert {f.key: f.verdict for f in report.flows} == {"o1": Verdict.SATISFIED, "o2": Verdict.INCONCLUSIVE}


def test_expected_fact_answers_the_guard() -> None:
    """A fact told from outside is an answer like any other."""
    (flow,) = judged(GOOD.replace("country=SE ", ""), expect=["order_id=o1,country=NO"]).flows
    assert (flow.verdict, flow.facts) == (Verdict.SATISFIED, {"country": "NO"})


def test_flow_that_does_not_exist_is_named() -> None:
    """A key that isn't there: inconclusive, with the nearest."""
    report = judged(GOOD.replace("o1", "order-0001"), flows=["order-0002"])
    assert (report.verdict, report.exit_code) == (Verdict.INCONCLUSIVE, 3)
    assert "did you mean order-0001?" in (report.reason or "")


def test_key_that_is_an_alias_says_what_to_ask() -> None:
    """A correlation id given as a key is recognised."""
    report = judged(GOOD, flows=["c1"])
    assert "--correlation-id c1" in (report.reason or "")


def test_correlation_id_leads_to_its_flow() -> None:
    """One id finds the traces that don't carry it."""
    (flow,) = judged(GOOD, correlation_ids=["c1"]).flows
    assert (flow.key, flow.spans) == ("o1", 2)


def test_correlation_id_of_several_flows_gives_them_all() -> None:
    """An id that leads to several keys gives several flows, and says so."""
    report = judged(GOOD + "\nshop : order @ 0..1ms order_id=o2 country=SE correlation_id=c1", correlation_ids=["c1"])
    assert [f.key for f in report.flows] == ["o1", "o2"]
    assert report.notes == ("c1 leads to 2 flows: o1, o2",)


def test_correlation_id_that_leads_nowhere_is_named() -> None:
    """An id that leads to nothing is inconclusive."""
    report = judged(GOOD, correlation_ids=["c9"])
    assert report.reason == "no observation with correlation_id=c9 leads to any order_id"


def test_lossy_premise_leaves_a_missing_step_open() -> None:
    """Under lossy nothing that is missing is a violation."""
    report = judged("shop : order @ 0..1ms order_id=o1 country=SE", at="+2h", assume="lossy")
    assert report.verdict is Verdict.INCONCLUSIVE


def test_source_that_broke_off_is_never_a_verdict() -> None:
    """Half the evidence: the findings are listed, the run is inconclusive."""
    sketch = parse(GOOD)
    reading = Reading(url="sketch", spans=sketch.spans, failed="the compressed data ends early")
    report = check([loads(ORDER)], spans=reading)
    assert (report.verdict, report.exit_code) == (Verdict.INCONCLUSIVE, 3)
    assert "ends early" in (report.reason or "")


def test_unmatched_step_and_strict() -> None:
    """A step that matches nothing anywhere is reported; `strict` makes it exit code 3."""
    shape = ORDER.replace("span: ship}", "span: ship}\n  packed: {service: store, span: pack}").replace(
        "  - leads_to", "  - precedes: {first: ordered, then: packed}\n  - leads_to"
    )
    report = judged(GOOD, shapes=[loads(shape)])
    assert (report.unmatched_steps, report.unfired) == (("order:packed",), ("order:precedes-1",))
    assert (report.verdict, report.exit_code) == (Verdict.SATISFIED, 0)
    assert judged(GOOD, shapes=[loads(shape)], strict=True).exit_code == 3


def test_record_step_without_records_is_not_unmatched() -> None:
    """A topic that no source covers is unobservable, not a renamed step."""
    shape = ORDER.replace("span: ship}", "span: ship}\n  paid: {record: payments}").replace(
        "  - leads_to", "  - leads_to: {step: ordered, then: paid, within: hop}\n  - leads_to"
    )
    report = judged(GOOD, shapes=[loads(shape)])
    assert report.unmatched_steps == ()
    assert report.verdict is Verdict.INCONCLUSIVE
    assert report.flows[0].assertions[0].findings[0].reason == "no records of payments were given"


def test_clock_jump_counts_for_business_bounds() -> None:
    """A jump told from outside lets a business bound pass, a plain one not."""
    rule = "  - leads_to: {step: ordered, then: shipped, not_before: 24h, clock: business}\n"
    shape = loads(ORDER.replace("  - leads_to", rule + "  - leads_to"))
    jumped = judged(GOOD, shapes=[shape], clock_jumps=["25h@2026-01-01T00:00:01Z"])
    assert jumped.verdict is Verdict.SATISFIED
    assert judged(GOOD, shapes=[shape], at="+2h").verdict is Verdict.VIOLATED


def test_params_are_set_from_outside() -> None:
    """A tighter bound breaks the same flow; a param that no shape has is refused."""
    assert judged(GOOD, params={"hop": "1s"}, at="+1h").verdict is Verdict.VIOLATED
    with pytest.raises(UsageError, match="did you mean 'hop'"):
        judged(GOOD, params={"hopp": "1s"})


def test_public_door_judges_files() -> None:
    """The functions of the package are the same run."""
    evidence = verifier.read(DATA / "guest.otlp.jsonl", DATA / "guest.events.jsonl")
    assert (len(evidence.spans) > 50, len(evidence.records) > 20) == (True, True)
    report = verifier.check(
        [verifier.load_shape("phase1-guest")], spans=DATA / "guest.otlp.jsonl", records=DATA / "guest.events.jsonl"
    )
    assert report.verdict == "satisfied"
    assert report.violated == ()
    assert "satisfied" in report.flow(report.flows[0].key).explain()
    with pytest.raises(KeyError):
        report.flow("nobody")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"at": "soon"}, "--at soon: expected end, \\+26h, or a time like"),
        ({"at": "+soon"}, "--at: 'soon' is no duration"),
        ({"assume": "perfect"}, "'perfect' is no premise"),
        ({"expect": ["nonsense"]}, "expected KEY=VALUE"),
        ({"expect": ["batch=b1"]}, "no shape's key is batch; it is order_id"),
        ({"expect": ["order_id=o1,county=SE"]}, "did you mean country"),
        ({"clock_jumps": ["25h"]}, "expected HOW_FAR@WHEN"),
        ({"clock_jumps": ["25h@soon"]}, "'soon' is no time"),
        ({"uncertainty": "much"}, "clocks. uncertainty: .much. is no duration"),
    ],
)
def test_wrong_options_are_refused(options: dict[str, object], message: str) -> None:
    """Each says what was given, and what was expected."""
    with pytest.raises(UsageError, match=message):
        judged(GOOD, **options)


def test_nothing_to_read_is_refused() -> None:
    """No shape, or no source, is a wrong call."""
    with pytest.raises(UsageError, match="no shape was given"):
        check([], spans="x")
    with pytest.raises(UsageError, match="nothing to read was given"):
        check([loads(ORDER)])
    with pytest.raises(SourceError):
        read("nowhere.jsonl")


def test_times_keep_their_nanoseconds() -> None:
    """Moments and jumps are read to the nanosecond, in any zone."""
    assert parse_at("2026-01-01T01:00:00.000000001+01:00", 0) == ORIGIN_NS + 1
    assert parse_at("2026-01-01T00:00:00", 0) == ORIGIN_NS
    assert parse_at("+1.5s", 7) == 7 + 3 * NS // 2
    assert parse_jump("25h@2026-01-01T00:00:00Z").by.lo == 25 * 3600 * NS
    assert parse_expect("batch_id=b1, class_type=GUEST").facts == {"class_type": "GUEST"}


def test_lost_records_leave_spans_alone(tmp_path: Path) -> None:
    """A line of the records file that can't be read hides records, not spans."""
    records = tmp_path / "run.events.jsonl"
    good = '{"topic": "t", "partition": 0, "offset": 1, "seen_unix": 1767225600, "value": {}}\n'
    records.write_text(good + "{oops}\n" + good.replace(": 1,", ": 2,"))
    assert judged(GOOD, records=str(records)).verdict is Verdict.SATISFIED
    shape = ORDER.replace("span: ship}", "span: ship}\n  paid: {record: payments}").replace(
        "  - leads_to", "  - never: {step: paid}\n  - leads_to"
    )
    (flow,) = judged(GOOD, shapes=[loads(shape)], records=str(records)).flows
    assert flow.assertions[0].verdict is Verdict.INCONCLUSIVE


def test_lost_spans_leave_what_was_seen_alone(tmp_path: Path) -> None:
    """A line of the spans file that can't be read makes every absence of spans unproven; what was seen stays."""
    spans = tmp_path / "run.otlp.jsonl"
    text = (DATA / "guest.otlp.jsonl").read_text().splitlines(keepends=True)
    spans.write_text("".join(["{oops}\n", *text]))
    report = verifier.check([verifier.load_shape("phase1-guest")], spans=spans, records=DATA / "guest.events.jsonl")
    (rule, *_) = report.flows[0].assertions
    assert (report.verdict, rule.kind, rule.verdict) == (Verdict.INCONCLUSIVE, "sequence", Verdict.SATISFIED)


def test_asked_for_flow_that_is_missing_is_never_a_pass() -> None:
    """One of two flows is there and good: the run is inconclusive all the same."""
    report = judged(GOOD, flows=["o1", "nope"])
    assert (report.verdict, report.exit_code) == (Verdict.INCONCLUSIVE, 3)
    assert "nope" in (report.reason or "")


def test_beginning_of_a_key_is_enough() -> None:
    """Where only one flow's key begins so, that one is meant."""
    assert [f.key for f in judged(GOOD.replace("o1", "85e4cdbd-0001"), flows=["85e4"]).flows] == ["85e4cdbd-0001"]


def test_service_that_nobody_heard_is_named() -> None:
    """A service of the shape from which no span came is told, with the nearest that there is."""
    report = judged(GOOD, shapes=[loads(ORDER.replace("service: store", "service: stoer"))], at="+1h")
    assert "no span of service stoer was read; did you mean store?" in report.notes


def test_key_that_nobody_carries_is_named() -> None:
    """A typo in the key: the reason names it, and what is like it."""
    report = judged(GOOD, shapes=[loads(ORDER.replace("order_id", "orderid"))])
    assert report.reason is not None
    assert "none carries the key orderid" in report.reason
    assert "order_id" in report.reason


def test_times_in_seconds_prove_nothing() -> None:
    """Spans of 1970 are in another unit: what rests on their absence is inconclusive."""
    sketch = parse(GOOD)
    small = tuple(replace(s, start_ns=s.start_ns // NS, end_ns=s.end_ns // NS) for s in sketch.spans)
    report = check([loads(ORDER)], spans=Reading(url="sketch", spans=small), at="+1h")
    assert report.verdict is Verdict.INCONCLUSIVE


def test_attempt_that_failed_is_shown_where_a_step_is_missing() -> None:
    """The step is missing because its handler failed: the finding says so."""
    text = GOOD.replace("store : ship @ 2..3s", 'store : ship ! @ 2..3s "no stock"')
    (flow,) = judged(text, at="+1h").flows
    assert flow.verdict is Verdict.VIOLATED
    assert "store failed at ship: no stock" in " ".join(flow.explain().split())


def test_a_shape_that_finds_no_flow_is_never_a_pass() -> None:
    """One wrong key must not switch off a whole shape: inconclusive, naming the shape and the nearest name."""
    other = loads(ORDER.replace("shape: order", "shape: typo").replace("key: order_id", "key: order_idd"))
    report = judged(GOOD, shapes=[loads(ORDER), other])
    assert (report.flow("o1").verdict, report.verdict, report.exit_code) == (Verdict.SATISFIED, Verdict.INCONCLUSIVE, 3)
    assert "shape typo judged no flow" in (report.reason or "")
    assert "did you mean order_id?" in (report.reason or "")


def test_a_shape_that_finds_no_flow_hides_no_violation() -> None:
    """What is broken is broken, whatever another shape was spared."""
    other = loads(ORDER.replace("shape: order", "shape: typo").replace("key: order_id", "key: order_idd"))
    report = judged("shop : order @ 0..1ms order_id=o1 country=SE", shapes=[loads(ORDER), other], at="+2h")
    assert report.verdict is Verdict.VIOLATED
    assert any("shape typo judged no flow" in note for note in report.notes)


def test_an_expected_flow_that_no_shape_judges_is_never_a_pass() -> None:
    """It must be there: a fact that no guard wants makes the run inconclusive, naming the fact and what is wanted."""
    report = judged(GOOD, expect=["order_id=o2,country=DE"])
    assert (report.verdict, report.exit_code) == (Verdict.INCONCLUSIVE, 3)
    assert "order_id=o2 was expected, but no shape applies: country is DE; order wants one of SE, NO" in report.reason


def test_why_no_shape_applies() -> None:
    """A flow that no shape judges names the fact, what it is and what each shape wants."""
    (flow,) = judged(GOOD.replace("SE", "DE")).flows
    assert flow.reason == "no shape applies: country is DE; order wants one of SE, NO"


def test_a_topic_spelled_like_one_that_was_read_is_pointed_out() -> None:
    """A `never` over a misspelled topic would hold for ever."""
    text = ORDER.replace("  shipped: {", "  bad: {record: order.cancelledd}\n  shipped: {") + "  - never: {step: bad}\n"
    report = judged(GOOD + "\n[order.cancelled 0:1] @ 5ms order_id=o1", shapes=[loads(text)])
    assert "no record of topic order.cancelledd was read; did you mean order.cancelled?" in report.notes


def test_a_flow_that_can_never_end_is_pointed_out() -> None:
    """Without `gives_up` a flow whose end is lost would be awaited for ever: a note says so."""
    text = ORDER.replace("  gives_up: 1h\n", "")
    report = judged("shop : order @ 0..1ms order_id=o1 country=SE", shapes=[loads(text)])
    assert report.verdict is Verdict.PENDING
    assert any("order has no `gives_up`" in note for note in report.notes)


def test_shapes_are_taken_by_name_by_path_and_as_they_are() -> None:
    """As the command takes them; one or several."""
    shape = loads(ORDER)
    by_name = verifier.check("phase1-regular", spans=Reading(url="none"))
    assert by_name.shapes == ("phase1-regular",)
    by_path = verifier.check(Path("docs/example/order.yaml"), spans=Reading(url="none"))
    assert by_path.shapes == ("order",)
    assert verifier.check([shape, "phase1-guest"], spans=Reading(url="none")).shapes == (shape.shape, "phase1-guest")
    with pytest.raises(verifier.UsageError, match="phase1-regula"):
        verifier.check("phase1-regula", spans=Reading(url="none"))


def test_a_shape_without_ends_says_what_that_means_for_flows_under_way() -> None:
    """Else a flow that was only young is a false alarm that nobody can explain."""
    endless = ORDER.replace("  ends: {steps: [shipped]}\n  gives_up: 1h\n", "").replace(", within: hop", "")
    endless = endless.replace("params: {hop: 5s}\n", "")
    late = "shop : order @ 0..1ms order_id=o1 country=SE"
    notes = judged(late, shapes=[loads(endless)]).notes
    assert [n for n in notes if "has no `ends`" in n], notes
    assert not [n for n in judged(GOOD, shapes=[loads(endless)]).notes if "has no `ends`" in n]
