"""One flow by one shape: guards, facts, the merge of its rules, broken rules, what matched and what was activated."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar

import pytest

from tests.laws.made import rows_of
from verifier.assertions import kinds
from verifier.binding import BoundFlow
from verifier.engine.complete import Sight, parse_assume
from verifier.engine.judge import Outcome, Setting, as_of, judge
from verifier.engine.plan import plan
from verifier.flows import Flow, Member, sort_key
from verifier.jumps import jumps_of
from verifier.shape import (
    AttributeName,
    Condition,
    Correlation,
    Duration,
    Ends,
    Fact,
    FactRef,
    Rule,
    Shape,
    Step,
    StepName,
    duration_ns,
)
from verifier.sketch import ORIGIN_NS
from verifier.spans import Observation, Span
from verifier.verdict import Broken, Result, Verdict, merge

MS = 1_000_000
STEPS = {name: Step(span=name) for name in ("one", "two", "three", "end")}
CLASS = {"type": (Fact(attribute=AttributeName("type")), Fact(attribute=AttributeName("kind_of")))}
never, occurs = kinds()["never"], kinds()["occurs"]


def judged(
    text: str,
    rules: Sequence[Rule],
    *,
    at_ns: int | None = None,
    given: Mapping[str, Any] | None = None,
    ends: tuple[str, ...] = (),
    assume: str = "complete",
    **shape: Any,
) -> Outcome | None:
    """What a shape of these rules says of a sketch, all of one flow."""
    rows = sorted(rows_of(text), key=sort_key)
    made = Shape(
        shape="s",
        flow=Correlation(
            key=AttributeName("k"),
            ends=Ends(steps=tuple(StepName(s) for s in ends)) if ends else None,
            gives_up=Duration("1h"),
        ),
        steps=STEPS,
        assertions=tuple(rules),
        **shape,
    )
    last = max(Observation(row=r).last_ns for r in rows)
    sight = Sight(at_ns=last if at_ns is None else at_ns, from_ns=ORIGIN_NS, assume=parse_assume(assume))
    spans = [r for r in rows if isinstance(r, Span)]
    flow = Flow(name="k", key="1", members=tuple(Member(row=r, why="own") for r in rows))
    return judge(plan(made), flow, Setting(sight=sight, jumps=jumps_of(spans, parse=duration_ns)), given=given)


def said(*args: Any, **how: Any) -> Verdict | None:
    """The flow's verdict."""
    found = judged(*args, **how)
    return found.verdict.verdict if found is not None else None


# ---- guards and facts


def test_a_shape_whose_guard_is_false_has_no_effect() -> None:
    """Mixed traffic is normal."""
    assert judged("a : one @ 0..1ms type=B", [never(step="one")], facts=CLASS, when={"type": "A"}) is None


def test_a_guard_that_is_true_applies() -> None:
    """By any of the places of the fact."""
    assert said("a : one @ 0..1ms type=A", [never(step="one")], facts=CLASS, when={"type": "A"}) == "violated"
    assert said("a : one @ 0..1ms kind_of=A", [never(step="one")], facts=CLASS, when={"type": "A"}) == "violated"


@pytest.mark.parametrize(
    ("text", "word"),
    [("a : one @ 0..1ms", "unknown"), ("a : one @ 0..1ms type=A\na : two @ 2..3ms type=B", "contradictory")],
)
def test_a_guard_that_can_not_be_told_makes_the_flow_inconclusive(text: str, word: str) -> None:
    """Its rules are judged and shown all the same; the reason names the fact."""
    found = judged(text, [never(step="one")], facts=CLASS, when={"type": "A"})
    assert found is not None
    assert (found.verdict.verdict, found.verdict.assertions[0].verdict) == ("inconclusive", "violated")
    assert found.verdict.reason is not None
    assert f"type is {word}" in found.verdict.reason


def test_a_fact_that_is_not_of_the_guard_s_type_can_not_be_told() -> None:
    """`n < 3` of "many" is neither true nor false."""
    facts = {"n": (Fact(attribute=AttributeName("n")),)}
    how: dict[str, Any] = {"facts": facts, "when": {"n": Condition(lt=3)}}
    assert said("a : one @ 0..1ms n=many", [never(step="two")], **how) == "inconclusive"
    assert said('a : one @ 0..1ms n="2"', [never(step="two")], **how) == "satisfied"


def test_a_fact_may_be_told_from_outside_and_then_it_is_compared() -> None:
    """Told and seen otherwise is a contradiction."""
    how: dict[str, Any] = {"facts": CLASS, "when": {"type": "A"}, "given": {"type": "A"}}
    assert said("a : one @ 0..1ms", [never(step="two")], **how) == "satisfied"
    assert said("a : one @ 0..1ms type=A", [never(step="two")], **how) == "satisfied"
    assert said("a : one @ 0..1ms type=B", [never(step="two")], **how) == "inconclusive"


def test_the_same_value_in_another_spelling_is_no_contradiction() -> None:
    """3, "3"; false, "False"."""
    text = 'a : one @ 0..1ms n=3 late=false\na : two @ 2..3ms n="3" late="False"'
    facts = {name: (Fact(attribute=AttributeName(name)),) for name in ("n", "late")}
    assert said(text, [never(step="three")], facts=facts, when={"n": 3, "late": False}) == "satisfied"


def test_an_event_answers_for_a_fact_by_any_name_of_the_attribute() -> None:
    """Not only by the first."""
    text = "a : one @ 0..9ms\n  * said @ 1ms the.type=A"
    names = {"type": ("type", "the.type")}
    facts = {"type": (Fact(attribute=AttributeName("type")),)}
    assert said(text, [never(step="two")], facts=facts, attributes=names, when={"type": "A"}) == "satisfied"


def test_a_record_answers_by_its_map_and_the_absence_of_a_record_by_nothing() -> None:
    """`null` stands for missing or null in a record that is there."""
    place = Fact(record="t", field="data.class_id", map={"null": "GUEST", "else": "REGULAR"})
    how: dict[str, Any] = {"facts": {"type": (place,)}, "when": {"type": "GUEST"}}
    assert said("[t 0:0] @ 1ms data.x=1", [never(step="one")], **how) == "satisfied"
    assert said("[t 0:0] @ 1ms data.class_id=null", [never(step="one")], **how) == "satisfied"
    assert judged("[t 0:0] @ 1ms data.class_id=c", [never(step="one")], **how) is None
    assert said("[u 0:0] @ 1ms data.x=1", [never(step="one")], **how) == "inconclusive"


def test_a_rule_has_a_guard_of_its_own() -> None:
    """False is vacuous, unknown is never more than inconclusive, whatever was found."""
    rules = [never(step="one", when={"type": "A"}), occurs(step="one", times=1)]
    for text, first, flow in (
        ("a : one @ 0..1ms type=A", "violated", "violated"),
        ("a : one @ 0..1ms type=B", "vacuous", "satisfied"),
        ("a : one @ 0..1ms", "inconclusive", "inconclusive"),
    ):
        found = judged(text, rules, facts=CLASS)
        assert found is not None
        assert (found.verdict.assertions[0].verdict, found.verdict.verdict) == (first, flow)


def test_a_number_of_times_may_be_a_fact() -> None:
    """One that nothing tells, or that is no whole number, decides nothing."""
    facts = {"n": (Fact(attribute=AttributeName("n")),)}
    rule = occurs(step="one", times=FactRef(fact="n"))  # type: ignore[arg-type]
    for value, expected in (("1", "satisfied"), ("1.0", "satisfied"), ("2", "violated"), ("1.5", "inconclusive")):
        assert said(f'a : one @ 0..1ms n="{value}"', [rule], facts=facts) == expected
    assert said("a : one @ 0..1ms", [rule], facts=facts) == "inconclusive"


# ---- merge


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("satisfied vacuous", "satisfied"),
        ("satisfied pending", "pending"),
        ("pending inconclusive", "inconclusive"),
        ("inconclusive error", "error"),
        ("error violated", "violated"),
        ("violated satisfied pending inconclusive vacuous", "violated"),
        ("vacuous vacuous", "inconclusive"),
        ("", "inconclusive"),
    ],
)
def test_the_worst_rule_decides_and_nothing_is_never_a_pass(words: str, expected: str) -> None:
    """violated > error > inconclusive > pending > satisfied; all vacuous, or no rule at all: inconclusive."""
    assert merge(Verdict(w) for w in words.split()) == expected


def test_a_flow_on_which_no_rule_was_activated_is_inconclusive_and_says_so() -> None:
    """Nothing seen is never a pass."""
    found = judged("a : one @ 0..1ms", [kinds()["has"](step="two", where={"n": 1})])
    assert found is not None
    assert found.verdict.verdict == "inconclusive"
    assert found.verdict.reason == "no rule of the shape was activated"


class Faulty(Rule):
    """A rule that fails."""

    kind: ClassVar[str] = "faulty"

    def check(self, flow: BoundFlow) -> Result:
        raise ZeroDivisionError("by zero")


def test_a_rule_that_fails_is_an_error_of_its_own() -> None:
    """Never a pass, never dropped; the others are judged, and a violation among them is worse."""
    found = judged("a : one @ 0..1ms", [Faulty(), occurs(step="one", times=1)])
    assert found is not None
    assert [r.verdict for r in found.verdict.assertions] == ["error", "satisfied"]
    assert found.verdict.verdict == "error"
    broken = found.verdict.assertions[0].findings[0].finding
    assert isinstance(broken, Broken)
    assert (broken.rule, broken.exception) == ("faulty-1", "ZeroDivisionError: by zero")
    assert said("a : one @ 0..1ms", [Faulty(), never(step="one")]) == "violated"


def test_a_rule_that_fails_is_an_error_even_where_its_guard_can_not_be_told() -> None:
    """Broken is worse than unsure."""
    assert said("a : one @ 0..1ms", [Faulty(when={"type": "A"})], facts=CLASS) == "error"  # type: ignore[dict-item]


# ---- what matched


def test_an_outcome_says_which_steps_matched_and_which_rules_were_activated() -> None:
    """A renamed span must not make every rule vacuous in silence."""
    rules = [occurs(step="one", times=1), kinds()["leads_to"](step="two", then="three"), never(step="end", id="mine")]
    found = judged("a : one @ 0..1ms", rules)
    assert found is not None
    assert found.matched == {"one"}
    assert found.fired == {"occurs-1", "mine"}


def test_what_may_match_counts_as_matched() -> None:
    """It isn't a renamed span."""
    steps = {**STEPS, "one": Step(span="one", where={"n": Condition(lt=3)})}
    shape = Shape(shape="s", flow=Correlation(key=AttributeName("k")), steps=steps, assertions=(never(step="one"),))
    members = tuple(Member(row=r, why="own") for r in rows_of("a : one @ 0..1ms n=many"))
    at_end = Sight(at_ns=ORIGIN_NS + MS, from_ns=ORIGIN_NS)
    found = judge(plan(shape), Flow(name="k", key="1", members=members), Setting(sight=at_end))
    assert found is not None
    assert (found.matched, found.verdict.verdict) == ({"one"}, "inconclusive")


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        (never(step="one", after="two"), {"two"}),
        (kinds()["timeout"](step="one", cancelled_by="two", then="three", due_after="1s"), {"one"}),
        (kinds()["sequence"](steps=("one", "two")), {"one", "two"}),
        (kinds()["precedes"](first="end of one", then="start of two"), {"one", "two"}),
        (kinds()["no_errors"](), set()),
    ],
)
def test_steps_that_must_match_somewhere(rule: Rule, expected: set[str]) -> None:
    """Not those of `never` itself, nor a timeout's alternatives; nor optional ones; those that end the flow too."""
    shape = Shape(shape="s", flow=Correlation(key=AttributeName("k")), steps=STEPS, assertions=(rule,))
    assert set(plan(shape).expected) == expected
    ended = replace(shape, flow=replace(shape.flow, ends=Ends(steps=(StepName("end"),))))
    assert set(plan(ended).expected) == {*expected, "end"}
    optional = replace(ended, steps={n: replace(s, optional=True) for n, s in STEPS.items()})
    assert set(plan(optional).expected) == set()


# ---- as of a moment


@pytest.mark.parametrize(("at_ns", "seen"), [(0, []), (5 * MS - 1, []), (5 * MS, ["one"]), (20 * MS, ["one", "t"])])
def test_as_of_a_moment_only_what_had_ended_or_been_seen_is_there(at_ns: int, seen: list[str]) -> None:
    """A span is exported when it ends, a record known when it is seen."""
    rows = rows_of("a : one @ 1..5ms\n[t 0:0] @ 2..20ms")
    flow = Flow(name="k", key="1", members=tuple(Member(row=r, why="own") for r in rows))
    assert [Observation(row=m.row).name for m in as_of(flow, ORIGIN_NS + at_ns).members] == seen


def test_a_row_whose_parent_is_still_under_way_leaves_the_flow_open() -> None:
    """An open parent is exported after its children: what it may be is not missing."""
    text = "a : one @ 0..50ms\n  a : two @ 10..11ms"
    rule = kinds()["precedes"](first="one", then="two")
    assert said(text, [rule], at_ns=ORIGIN_NS + 20 * MS, ends=("end",)) in ("pending", "inconclusive")
