"""One judged flow, to be judged again with other rows: what every part of a diagnosis asks.

In: a plan, a flow, its setting and its verdict. Out: what some of the rules say of other rows, under the same sight,
premises and facts; and whether two findings are the same.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace

from verifier.binding import BoundFlow
from verifier.clock import Clocks
from verifier.engine.judge import Setting, as_of, judge, lay
from verifier.engine.plan import Plan, alone
from verifier.flows import Flow, Member, Row, sort_key
from verifier.occurrences import bind
from verifier.shape import Rule, Scalar
from verifier.spans import Observation
from verifier.verdict import AssertionVerdict, Evidence, Finding, FlowVerdict, Judged, Unproven, Verdict

MOST_ROWS_JUDGED = 60_000
"""How many rows are judged again for one flow, in all but the pairs of edits of a small one."""
UNCLAIMED = frozenset(
    {"evidence", "absences", "doubt", "due_ns", "order", "apart", "jumped", "attempts", "why", "seen"}
)
"""Fields of a finding that follow from its observations, or say how it is known: no part of what it claims."""

Claim = tuple[tuple[str, object], ...]


@dataclass(slots=True)
class Budget:
    """How many rows may still be judged again; `spent` once it was not enough. What is taken is taken of `of` too."""

    left: int = MOST_ROWS_JUDGED
    spent: bool = False
    of: "Budget | None" = None

    def take(self, rows: int) -> bool:
        """Whether so many rows may be judged."""
        if self.left < rows:
            self.spent = True
            return False
        self.left -= rows
        return self.of is None or self.of.take(rows)


@dataclass(slots=True, kw_only=True)
class Case:
    """A flow with its verdict, and what it was judged by."""

    plan: Plan
    flow: Flow
    setting: Setting
    given: Mapping[str, Scalar] = field(default_factory=dict)
    verdict: FlowVerdict
    _open: bool | None = field(default=None, init=False, repr=False)

    def __post_init__(self) -> None:
        self.plan = alone(self.plan)  # rules are numbered as in the verdict of the flow

    @property
    def facts(self) -> Mapping[str, Scalar]:
        """What is known of the flow, however few of its rows are looked at."""
        return {**self.verdict.facts, **self.given}

    @property
    def rows(self) -> tuple[Row, ...]:
        """The rows that had been seen at the moment of judging, by time."""
        return tuple(m.row for m in as_of(self.flow, self.setting.sight.at_ns).members)

    @property
    def open(self) -> bool:
        """Whether the flow was not over yet at the moment of judging."""
        if self._open is None:
            laid = lay(self.plan, self.flow, self.setting, given=self.facts)
            self._open = laid is not None and not laid.bound.closed
        return self._open

    @property
    def lossy(self) -> bool:
        """Whether some evidence of the flow may be lost."""
        sight = self.setting.sight
        losses = (*sight.losses, *self.verdict.losses)
        return not (sight.assume.spans and sight.assume.records) or any(loss.demotes for loss in losses)

    def holds(self, rule: AssertionVerdict) -> bool:
        """Whether the rule holds now: as far as it can in a flow that is not over, or with evidence that may be lost.

        A rule that no longer applies (its trigger was taken out) does not hold by that.
        """
        if rule.verdict is Verdict.SATISFIED:
            return True
        if rule.verdict is Verdict.PENDING:
            return self.open or any(r.verdict is Verdict.PENDING for r in self.verdict.assertions)
        unproven = rule.verdict is Verdict.INCONCLUSIVE and all(isinstance(j.finding, Unproven) for j in rule.findings)
        return unproven and self.lossy

    def rule(self, number: int) -> Rule:
        """The rule of that number."""
        return self.plan.shape.assertions[number]

    def again(self, flow: Flow, numbers: Sequence[int]) -> tuple[AssertionVerdict, ...]:
        """What these rules say of another flow under the same sight, premises and facts."""
        shape = self.plan.shape
        some = replace(shape, assertions=tuple(shape.assertions[n] for n in numbers), places=None)
        plan = replace(self.plan, shape=some, ids=tuple(self.plan.ids[n] for n in numbers))
        outcome = judge(plan, flow, self.setting, given=self.facts)
        return outcome.verdict.assertions if outcome is not None else ()

    def bound(self, flow: Flow) -> BoundFlow:
        """Another flow with the shape's steps bound in it."""
        rows = [m.row for m in (*flow.members, *flow.shared)]
        sight = self.setting.sight
        bound = BoundFlow(
            shape=self.plan.shape,
            flow=flow,
            clocks=Clocks(
                rows=rows,
                uncertainty_ns=self.setting.uncertainty_ns,
                jumps=self.setting.jumps,
                outages=self.setting.outages,
                records_complete=sight.records_complete,
            ),
            opened_ns=min((Observation(row=r).first_ns for r in rows), default=sight.from_ns),
            given=self.facts,
        )
        return bind(bound)

    def with_rows(self, rows: Iterable[Row]) -> Flow:
        """The flow with only these rows, as they are here: a parent that is left out is not said to be lost."""
        given = sorted(rows, key=sort_key)
        known = {m.row.id: m for m in self.flow.members}
        shared = {m.row.id: m for m in self.flow.shared}
        orphans = {row.id for row in self.flow.orphans}
        mine = [row for row in given if row.id not in shared]
        return replace(
            self.flow,
            members=tuple(replace(known[r.id], row=r) if r.id in known else Member(row=r, why="own") for r in mine),
            shared=tuple(replace(shared[r.id], row=r) for r in given if r.id in shared),
            orphans=tuple(r for r in given if r.id in orphans),
        )


def claim(finding: Finding) -> Claim:
    """What a finding says, without the observations that it says it of and the figures that follow from them."""
    return (
        ("word", finding.word),
        *((f.name, getattr(finding, f.name)) for f in fields(finding) if f.name not in UNCLAIMED),
        ("counted", getattr(finding, "seen", None)),
    )


def about(finding: Finding) -> frozenset[tuple[object, ...]]:
    """The observations that a finding is about; attempts that failed are beside the point."""
    return frozenset(named(e) for e in finding.evidence if e.role != "failed attempt")


def subject(finding: Finding) -> tuple[object, ...] | None:
    """The first observation that a finding names, attempts that failed apart; None if it names none."""
    return next((named(e) for e in finding.evidence if e.role != "failed attempt"), None)


def named(evidence: Evidence) -> tuple[object, ...]:
    """An observation by what stays of it when other observations go: an event by its name and time."""
    return name_of(evidence.of)


def name_of(o: Observation) -> tuple[object, ...]:
    """The same, of an observation."""
    return (*o.row.id, o.event.name, o.event.time_ns) if o.event is not None else (*o.row.id,)


def same(found: Judged, other: Judged) -> bool:
    """Whether `other`, found among fewer rows, is the same finding as `found`.

    It is when it has the same verdict and claims the same (word, step, anomaly, points, counts, values, states) of
    the same observations: of none that `found` doesn't name, and of its subject, the first observation that it names,
    if it names any.
    """
    if found.verdict is not other.verdict or claim(found.finding) != claim(other.finding):
        return False
    return about(other.finding) <= about(found.finding) and subject(other.finding) == subject(found.finding)


def gone(found: Judged, rule: AssertionVerdict) -> bool:
    """Whether a rule, asked again of other rows, has that finding no more: neither it nor another of its subject."""
    wrong = [j for j in rule.findings if j.verdict is Verdict.VIOLATED]
    if rule.verdict is not Verdict.VIOLATED or not wrong:
        return rule.verdict is not Verdict.ERROR
    mine = about(found.finding)
    return not any(claim(j.finding) == claim(found.finding) or (mine and about(j.finding) & mine) for j in wrong)
