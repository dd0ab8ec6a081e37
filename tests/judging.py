"""Judges sketches in tests: every row of a sketch belongs to the flow, and a step is a span of its own name."""

from collections.abc import Mapping
from typing import Any

from verifier.assertions import Example, kinds
from verifier.clock import UNCERTAINTY_NS, Interval
from verifier.engine.complete import Sight, parse_assume, sampled, silent_gaps
from verifier.engine.diagnose import Case
from verifier.engine.judge import Outcome, Setting, judge
from verifier.engine.plan import Plan, plan
from verifier.flows import Flow, Member, sort_key
from verifier.jumps import jumps_of
from verifier.run import Expected, check, parse_at
from verifier.shape import (
    Correlation,
    Duration,
    Ends,
    Rule,
    RunRule,
    Scalar,
    Shape,
    Step,
    StepName,
    duration_ns,
    points_of,
)
from verifier.sketch import ORIGIN_NS, parse
from verifier.spans import Observation, Reading
from verifier.verdict import AssertionVerdict, RunVerdict


def judge_either(rule: Rule, example: Example, *, shape: Mapping[str, Any] | None = None) -> AssertionVerdict:
    """The verdict of one rule on an example's sketch: on its one flow, or on all flows of it."""
    if isinstance(rule, RunRule):
        return judge_run(rule, example, shape=shape).rule
    return judge_rule(rule, example, shape=shape).verdict.assertions[0]


def judge_run(rule: RunRule, example: Example, *, shape: Mapping[str, Any] | None = None) -> RunVerdict:
    """One rule on all flows of an example's sketch, gathered by the attribute `flow`, as a run does it."""
    sketch = parse(example.sketch)
    spans, records = Reading(url="spans", spans=sketch.spans), Reading(url="records", records=sketch.records)
    report = check(
        [_shape(rule, example, shape or {})],
        spans=spans,
        records=records if example.records else (),
        at=example.at,
        assume=example.assume,
        expect=[Expected(name="flow", key=key, facts=facts) for key, facts in _told(example).items()],
    )
    (verdict,) = report.run_assertions
    return verdict


def _told(example: Example) -> Mapping[str, Mapping[str, Scalar]]:
    """Facts that are told of flows: `flow.fact` -> value."""
    out: dict[str, dict[str, Scalar]] = {}
    for name, value in example.given.items():
        key, _, fact = name.partition(".")
        out.setdefault(key, {})[fact] = value
    return out


def judge_rule(rule: Rule, example: Example, *, shape: Mapping[str, Any] | None = None) -> Outcome:
    """One rule on the flow of an example's sketch."""
    given = dict(example.given)
    outcome = judge(*laid_out(rule, example, shape=shape), given=given)
    assert outcome is not None
    return outcome


def case_of(rule: Rule, example: Example, *, shape: Mapping[str, Any] | None = None) -> Case:
    """The same, to be judged again with other rows."""
    of, flow, setting = laid_out(rule, example, shape=shape)
    outcome = judge(of, flow, setting, given=dict(example.given))
    assert outcome is not None
    return Case(plan=of, flow=flow, setting=setting, given=dict(example.given), verdict=outcome.verdict)


def laid_out(rule: Rule, example: Example, *, shape: Mapping[str, Any] | None = None) -> tuple[Plan, Flow, Setting]:
    """An example's one flow, with all that it is judged by."""
    sketch = parse(example.sketch)
    rows = sorted((*sketch.spans, *sketch.records), key=sort_key)
    made = _shape(rule, example, shape or {})
    ids = {row.id for row in rows}
    orphans = tuple(row for row in rows if row.parent is not None and row.parent not in ids)
    flow = Flow(name="flow", key="1", members=tuple(Member(row=row, why="own") for row in rows), orphans=orphans)
    last = max((Observation(row=r).last_ns for r in rows), default=0)
    sight = Sight(
        at_ns=parse_at(example.at, last),
        from_ns=min((Observation(row=r).first_ns for r in rows), default=0),
        assume=parse_assume(example.assume),
        topics=None if example.records else frozenset(),
        losses=sampled(sketch.spans),
        gaps=silent_gaps(sketch.spans),
    )
    setting = Setting(
        sight=sight,
        jumps=jumps_of(sketch.spans, parse=duration_ns),
        outages=tuple(Interval(_sketched(o["from"]), _sketched(o["to"])) for o in example.outages),
        uncertainty_ns=UNCERTAINTY_NS,
    )
    return plan(made), flow, setting


def _sketched(text: str) -> int:
    """A moment on a sketch's own time."""
    return ORIGIN_NS + (duration_ns(text) or 0)


def judge_example(kind: str, example: Example) -> AssertionVerdict:
    """The verdict of an example's assertion."""
    rule = kinds()[kind](**example.parameters)
    return judge_either(rule, example)


def _shape(rule: Rule, example: Example, more: Mapping[str, Any]) -> Shape:
    """A shape with one rule, every step that it names, and what the example says."""
    named = {step for _, step in points_of(rule)} | set(example.ends)
    steps = {name: example.steps.get(name, Step(span=name)) for name in sorted(named | set(example.steps))}
    ends = Ends(steps=tuple(StepName(s) for s in example.ends)) if example.ends else None
    gives_up = Duration(example.gives_up) if example.gives_up else None
    return Shape(
        shape="example",
        flow=Correlation(key="flow", ends=ends, gives_up=gives_up, aliases=("correlation_id",)),
        steps=steps,
        machines=dict(example.machines),
        attributes=dict(example.attributes),
        facts=dict(example.facts),
        assertions=(rule,),
        **more,
    )
