"""Judges one flow by one shape: guard, steps, rules, verdict. Plain Python, the reference and the explainer.

In: a `Plan`, a `Flow`, what the sources can show. Out: a `FlowVerdict`; None where the shape's guard says that the
flow is none of its business.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from verifier.binding import BoundFlow
from verifier.clock import UNCERTAINTY_NS, Clocks, Interval, Jump
from verifier.engine.complete import Sight, losses_of
from verifier.engine.decide import Decision, Table
from verifier.engine.plan import Plan
from verifier.engine.scope import segments
from verifier.flows import Flow, Member, Row
from verifier.occurrences import bind
from verifier.shape import Condition, FactName, Rule, RunRule, Scalar
from verifier.spans import Loss, Observation, Record
from verifier.steps import observations
from verifier.values import Truth, holds, said
from verifier.verdict import (
    WORST_FIRST,
    AssertionVerdict,
    Broken,
    Evidence,
    FlowVerdict,
    Judged,
    Unreadable,
    Verdict,
    merge,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """What holds for every flow of a run."""

    sight: Sight
    jumps: tuple[Jump, ...] = ()
    outages: tuple[Interval, ...] = ()
    uncertainty_ns: int = UNCERTAINTY_NS


@dataclass(frozen=True, slots=True, kw_only=True)
class Laid:
    """A flow laid against a shape, ready to be judged: bound, with the table for it.

    `applies`: whether the shape surely applies; else `reason` says why its guard can't be answered.
    """

    plan: Plan
    bound: BoundFlow
    table: Table
    applies: bool = True
    reason: str | None = None

    @property
    def matched(self) -> frozenset[str]:
        """The steps that matched, or may have."""
        return frozenset(name for name, seen in self.bound.occurrences.items() if seen or self.bound.maybes[name])


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """A flow's verdict, with the steps that matched and the rules that were activated.

    `applies`: the shape surely applies; False where its guard can't be answered.
    """

    verdict: FlowVerdict
    applies: bool = True
    matched: frozenset[str] = field(default_factory=frozenset)
    fired: frozenset[str] = field(default_factory=frozenset)


def judge(plan: Plan, flow: Flow, setting: Setting, *, given: Mapping[str, Scalar] | None = None) -> Outcome | None:
    """The verdict of one shape on one flow, as of the moment of judging; None if the shape doesn't apply."""
    laid = lay(plan, flow, setting, given=given)
    return None if laid is None else judge_laid(laid)


def lay(plan: Plan, flow: Flow, setting: Setting, *, given: Mapping[str, Scalar] | None = None) -> Laid | None:
    """The flow with its steps bound, as of the moment of judging; None if the shape doesn't apply."""
    sight, shape = setting.sight, plan.shape
    cut = as_of(flow, sight.at_ns)
    opened = min((Observation(row=m.row).first_ns for m in cut.members), default=sight.from_ns)
    bound = BoundFlow(shape=shape, flow=cut, clocks=Clocks(rows=()), opened_ns=opened, given=given or {})
    applies, reason = answered(bound, shape.when)
    if applies is False:
        return None
    _bind(bound, setting, expected=given is not None)
    kept = {m.row.id for m in cut.members}
    bound.unfinished = tuple(
        o for o in observations(m.row for m in flow.members if m.row.id not in kept) if o.first_ns <= sight.at_ns
    )
    own_losses = (*_orphans(flow, cut), *losses_of(m.row for m in cut.members))
    weak = {m.row.id: m for m in cut.members if m.weak}
    table = Table(sight=sight, own_losses=own_losses, weak=weak)
    return Laid(plan=plan, bound=bound, table=table, applies=applies is True, reason=reason)


def judge_laid(laid: Laid) -> Outcome:
    """The verdict of a shape's rules on one flow; None as verdict where all of them judge the run."""
    plan, bound, table, reason = laid.plan, laid.bound, laid.table, laid.reason
    shape, cut, own_losses = plan.shape, bound.flow, laid.table.own_losses
    rules = tuple(
        _rule(table, bound, rule, name, str(shape.places[i]) if shape.places else None)
        for i, (rule, name) in enumerate(zip(shape.assertions, plan.ids, strict=True))
        if not isinstance(rule, RunRule)
    )
    verdict: Verdict | None = merge(r.verdict for r in rules)
    if not rules:
        verdict, reason = None, reason or "the rules of this shape judge the run, none a flow alone"
    elif reason is not None:
        verdict = Verdict.INCONCLUSIVE
    elif all(r.verdict is Verdict.VACUOUS for r in rules):
        reason = "no rule of the shape was activated"
    facts = {name: bound.fact(name) for name in shape.facts}
    due = min((r.due_ns for r in rules if r.verdict is Verdict.PENDING and r.due_ns is not None), default=None)
    judged = FlowVerdict(
        shape=shape.shape,
        name=cut.name,
        key=cut.key,
        verdict=verdict,
        reason=reason,
        aliases=cut.aliases,
        traces=cut.traces,
        facts={n: k.value for n, k in facts.items() if k.state == "known" and k.value is not None},
        opened_ns=bound.opened_ns,
        last_seen_ns=max((Observation(row=m.row).last_ns for m in cut.members), default=None),
        spans=len(cut.spans),
        records=len(cut.records),
        due_ns=due,
        assertions=rules,
        losses=own_losses,
    )
    return Outcome(
        verdict=judged,
        applies=laid.applies,
        matched=laid.matched,
        fired=frozenset(r.id for r in rules if r.verdict is not Verdict.VACUOUS),
    )


def why_not(plan: Plan, flow: Flow, setting: Setting, *, given: Mapping[str, Scalar] | None = None) -> str:
    """Why a shape doesn't apply to a flow: the fact that its guard refuses, and what it wants."""
    cut = as_of(flow, setting.sight.at_ns)
    bound = BoundFlow(shape=plan.shape, flow=cut, clocks=Clocks(rows=()), opened_ns=0, given=given or {})
    for name, condition in plan.shape.when.items():
        known = bound.fact(name)
        if known.state == "known" and holds(known.value, condition) is False:
            return f"{name} is {known.value}; {plan.shape.shape} wants {said(condition)}"
    return f"the guard of {plan.shape.shape} is false"


def as_of(flow: Flow, at_ns: int) -> Flow:
    """The flow as it was at a moment: without what had not ended, or had not been seen, by then."""

    def seen(row: Row) -> bool:
        return (row.seen_ns if isinstance(row, Record) else max(row.start_ns, row.end_ns)) <= at_ns

    if all(seen(m.row) for m in (*flow.members, *flow.shared)) and all(seen(e.cause) for e in flow.crossing):
        return flow

    def kept(members: tuple[Member, ...]) -> tuple[Member, ...]:
        return tuple(m for m in members if seen(m.row))

    orphans = tuple(row for row in flow.orphans if seen(row))
    crossing = tuple(edge for edge in flow.crossing if seen(edge.row) and seen(edge.cause))
    return replace(flow, members=kept(flow.members), shared=kept(flow.shared), orphans=orphans, crossing=crossing)


def _bind(bound: BoundFlow, setting: Setting, *, expected: bool) -> None:
    """Orders and binds a flow that the shape applies to; this costs much more than its guard."""
    sight, flow, shape = setting.sight, bound.flow, bound.shape
    bound.clocks = Clocks(
        rows=[m.row for m in (*flow.members, *flow.shared)],
        uncertainty_ns=setting.uncertainty_ns,
        jumps=setting.jumps,
        outages=setting.outages,
        records_complete=sight.records_complete,
    )
    bind(bound)
    begins = shape.flow.begins
    if begins is not None and not expected:  # one that was expected opens where what was read begins
        bound.unbegun = next((p for p in begins.steps if not bound.points(p)), None)
    if shape.flow.gives_up is not None:
        bound.ends_ns = bound.opened_ns + bound.duration(shape.flow.gives_up)
    ends = shape.flow.ends
    ended = ends is None or all(bound.points(p) for p in ends.steps)
    gave_up = bound.ends_ns is not None and bound.ends_ns <= sight.at_ns
    bound.closed = ended or gave_up
    if ends is None:  # over when the input is
        bound.until_ns = sight.at_ns
    elif ended:  # over with its last observation: the input is closed, nothing of it is still under way
        bound.until_ns = max((Observation(row=m.row).last_ns for m in flow.members), default=sight.at_ns)
    elif gave_up:
        bound.until_ns = bound.ends_ns


def answered(flow: BoundFlow, when: Mapping[FactName, Condition | Scalar]) -> tuple[Truth, str | None]:
    """Whether all these facts are as they should be; None with the reason where one can't be answered."""
    unknown: str | None = None
    for name, condition in when.items():
        known = flow.fact(name)
        truth = holds(known.value, condition) if known.state == "known" else None
        if truth is False:
            return False, None
        if truth is None and unknown is None:
            state = known.state if known.state != "known" else "not readable"
            unknown = f"{name} is {state}: {known.sentence()}"
    return (True, None) if unknown is None else (None, unknown)


def _orphans(flow: Flow, cut: Flow) -> tuple[Loss, ...]:
    if not cut.orphans:
        return ()
    row = cut.orphans[0]
    name = row.topic if isinstance(row, Record) else row.name
    rest = f" (and {len(cut.orphans) - 1} more)" if len(cut.orphans) > 1 else ""
    what = f"the parent of {name}{rest} was not seen: a span of this flow is missing"
    return (Loss(kind="orphan_parent", where=f"{flow.name}={flow.key}", count=len(cut.orphans), what=what),)


def _rule(table: Table, flow: BoundFlow, rule: Rule, name: str, at: str | None) -> AssertionVerdict:
    applies, why = answered(flow, rule.when)
    if applies is False:
        return AssertionVerdict(id=name, kind=rule.kind, at=at, verdict=Verdict.VACUOUS)
    excused: tuple[Evidence, ...] = ()
    try:
        decisions: list[Decision] = []
        for view, result in segments(flow, rule):
            excused += result.excused
            decisions.append(table.decide(view, result))
        decision = _together(decisions)
    except Exception as error:  # a rule that fails is an error of its own, never a pass and never dropped
        broken = Broken(rule=name, exception=f"{type(error).__name__}: {error}")
        decision = Decision(verdict=Verdict.ERROR, findings=(Judged(finding=broken, verdict=Verdict.ERROR),))
    if applies is None:
        finding = Unreadable(what=", ".join(rule.when), why=why or "", evidence=())
        unsure = Judged(finding=finding, verdict=Verdict.INCONCLUSIVE, reason=why)
        decision = Decision(
            verdict=min(decision.verdict, Verdict.INCONCLUSIVE, key=_softened),
            findings=(unsure, *decision.findings),
        )
    return AssertionVerdict(
        id=name,
        kind=rule.kind,
        at=at,
        verdict=decision.verdict,
        findings=decision.findings,
        premises=decision.premises,
        excused=excused,
        due_ns=decision.due_ns if decision.verdict is Verdict.PENDING else None,
    )


def _softened(verdict: Verdict) -> int:
    """Where it is not known whether a rule applies, only its failing to run is worse than inconclusive."""
    return 0 if verdict is Verdict.ERROR else 1 if verdict is Verdict.INCONCLUSIVE else 2


def _together(decisions: list[Decision]) -> Decision:
    """One decision out of those of each segment of a scope."""
    if len(decisions) == 1:
        return decisions[0]
    active = [d for d in decisions if d.verdict is not Verdict.VACUOUS] or decisions
    verdict = min((d.verdict for d in active), key=WORST_FIRST.index)
    findings = {id(j.finding): j for d in active for j in d.findings}
    return Decision(
        verdict=verdict,
        findings=tuple(sorted(findings.values(), key=lambda j: WORST_FIRST.index(j.verdict))),
        premises=tuple(dict.fromkeys(p for d in active for p in d.premises)),
        due_ns=min((d.due_ns for d in active if d.due_ns is not None), default=None),
    )
