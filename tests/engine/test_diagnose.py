"""Repair and cause of small flows: proven by judging again, and against brute force. Witnesses: `test_minimal`."""

from collections.abc import Sequence
from dataclasses import replace

from hypothesis import HealthCheck, seed, settings
from hypothesis import strategies as st

from tests.laws.made import outcome, rows_of, rules, shape_of, sketches
from verifier.assertions import kinds
from verifier.diagnosis import Edit
from verifier.engine.complete import Sight
from verifier.engine.diagnose import Case, diagnose
from verifier.engine.judge import Setting
from verifier.engine.plan import plan
from verifier.flows import Flow, Member, Row, sort_key
from verifier.jumps import jumps_of
from verifier.shape import Rule, RunRule, duration_ns
from verifier.sketch import ORIGIN_NS
from verifier.spans import Observation, Span
from verifier.verdict import Verdict
from verifier.wording import sketch

FAR_NS = 10**10
KINDS = sorted(kind for kind, cls in kinds().items() if not issubclass(cls, RunRule))


def case_of(rows: Sequence[Row], rule: Rule) -> Case:
    """The rows as a flow that is judged long after, with complete evidence."""
    unique = sorted({row.id: row for row in rows}.values(), key=sort_key)
    at_ns = ORIGIN_NS + FAR_NS
    flow = Flow(name="flow", key="1", members=tuple(Member(row=row, why="own") for row in unique))
    spans = [row for row in unique if isinstance(row, Span)]
    setting = Setting(sight=Sight(at_ns=at_ns, from_ns=ORIGIN_NS), jumps=jumps_of(spans, parse=duration_ns))
    nothing = outcome((), rule, premise="complete").verdict
    case = Case(plan=plan(shape_of(rule)), flow=flow, setting=setting, verdict=nothing)
    return replace(case, verdict=replace(case.verdict, assertions=case.again(flow, (0,)), verdict=Verdict.VIOLATED))


def wrong(case: Case) -> bool:
    """Whether the rule is broken."""
    return case.verdict.assertions[0].verdict is Verdict.VIOLATED


def made(kind: str) -> st.SearchStrategy[tuple[str, Rule]]:
    """A sketch of up to eight rows and a rule of that kind."""
    return st.tuples(sketches(), rules(kind))


def law(examples: int):  # type: ignore[no-untyped-def]
    """Hypothesis with counted examples and a fixed seed."""
    quiet = settings(max_examples=examples, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    return lambda test: seed(0)(quiet(test))


def test_what_is_missing_is_put_in() -> None:
    """The nearest repair of an unanswered order is its answer."""
    case = case_of(rows_of("a : one @ 0..1ms"), kinds()["leads_to"](step="one", then="two", within="5ms"))
    told = diagnose(case).assertions[0]
    assert told.repair is not None
    assert [(e.sort, e.step) for e in told.repair.edits] == [("missing", "two")]


def test_an_attempt_that_failed_is_the_cause() -> None:
    """It explains the error and what it left undone."""
    text = 'a : one @ 0..1ms\nb : two ! @ 20..21ms "refused"'
    case = case_of(rows_of(text), kinds()["leads_to"](step="one", then="two"))
    cause = diagnose(case).diagnosis.causes[0]  # type: ignore[union-attr]
    assert (cause.sort, cause.service, cause.message) == ("failed", "b", "refused")


def test_an_empty_witness_has_no_sketch() -> None:
    """What never came in an empty flow needs no observation to be seen."""
    case = case_of(rows_of("a : one @ 0..1ms"), kinds()["occurs"](step="two", times=1))
    judged = diagnose(case).assertions[0].findings[0]
    assert judged.witness is not None
    assert (judged.witness.rows, sketch(judged)) == ((), None)


def test_edits_say_where_they_are() -> None:
    """By the observation, or by the moment of what is put in."""
    (row,) = rows_of("a : one @ 5..6ms")
    assert Edit(sort="extra", of=Observation(row=row)).when_ns == ORIGIN_NS + 5_000_000
    assert Edit(sort="missing", at_ns=7).when_ns == 7
