"""Which edits may mend a rule: the likely ones of a finding first, then every edit of what the rule looks at.

In: a flow with its steps bound, a rule, one of its findings. Out: edits, in the order in which they are tried. None is
believed: each is judged.
"""

from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import fields
from itertools import pairwise

from verifier.binding import BoundFlow
from verifier.diagnosis import Edit
from verifier.engine.diagnose.edits import common, fulfilling, invented
from verifier.shape import Condition, Machine, Rule, Scalar, duration_ns, points_of, split_point
from verifier.spans import STATEMENT, Observation, Span, Value
from verifier.values import plain
from verifier.verdict import Early, Finding, Illegal, Late, Mismatch, Misordered, Missing, Unexpected

NEAR_NS = 1_000
"""As near as an edit puts something to something else on one clock."""
MOST_MOMENTS = 80
READS = "SELECT 1"
"""A statement that writes nothing."""


def likely(bound: BoundFlow, rule: Rule, finding: Finding) -> Iterator[Edit]:
    """The edits that a finding suggests, the most natural first."""
    match finding:
        case Missing():
            yield from _missing(bound, rule, finding)
        case Unexpected(step=None):
            yield from _succeeds(finding)
            yield from _without(finding, bound)
        case Unexpected(wrote=str()):
            for e in finding.evidence[1:2]:
                for name in STATEMENT:
                    if isinstance(e.of.row, Span) and e.of.row.attributes.get(name):
                        yield _changed(bound, e.of, name, e.of.row.attributes[name], READS)
                yield _out(bound, e.of)
        case Unexpected():
            count = finding.seen is not None
            for e in reversed(finding.evidence) if count else finding.evidence[:1]:
                yield _out(bound, e.of)
            if not count and len(finding.evidence) > 1:
                yield from _swapped(bound, finding.evidence[0].of, [e.of for e in finding.evidence[1:]])
        case Mismatch():
            yield from _valued(bound, rule, finding)
        case Misordered() if finding.evidence:
            late = next((e for e in finding.evidence if e.role == split_point(finding.then)[1]), finding.evidence[0])
            then, firsts = late.of, [e.of for e in finding.evidence if e is not late]
            yield from _swapped(bound, then, firsts)
            for first in firsts:
                yield from _moves(bound, then, first.last_ns, later=True)
                yield from _moves(bound, first, then.first_ns, later=False)
            yield from _inserted(bound, rule, split_point(finding.first)[1], then.first_ns, None, sign=-1)
            yield _out(bound, then)
        case Late() | Early() if len(finding.evidence) > 1:
            yield from _timed(bound, rule, finding)
        case Illegal():
            yield from _legal(bound, rule, finding)


def every(bound: BoundFlow, rule: Rule) -> Iterator[Edit]:
    """Every edit of what the rule looks at: one more, one less, two exchanged, one moved, a value changed."""
    steps = relevant(bound, rule)
    seen = _observations(bound, steps)
    for o in seen:
        yield _out(bound, o)
    for n, o in enumerate(seen):
        yield from _swapped(bound, o, seen[n + 1 :])
    for o in (Observation(row=m.row) for m in bound.flow.members):
        yield from _undone(bound, o)
    times = moments(bound, rule, steps)
    for step in steps:
        for at_ns in times:
            for after in (None, *[o for o in seen if o.event is None and o.first_ns <= at_ns][-2:]):
                yield _in(bound, rule, step, at_ns, after)
    for o in seen:
        for at_ns in times:
            yield Edit(sort="moved", of=o, at_ns=at_ns, step=step_of(bound, o), service=o.row.service)
    for name, condition in _conditions(rule):
        for o in seen:
            now = bound.value(o, name).value
            yield _changed(bound, o, name, now, fulfilling(condition, now))
    attribute = getattr(rule, "attribute", None)
    if isinstance(attribute, str):
        value = common(bound, attribute, getattr(rule, "one_of", ()))
        for member in bound.flow.members:
            o = Observation(row=member.row)
            yield _changed(bound, o, attribute, bound.value(o, attribute).value, value)
    for machine in _machines(bound, rule):
        for source, targets in machine.moves.items():
            for target in targets:
                said: dict[str, Value] = {machine.moves_by.from_: source, machine.moves_by.to: target}
                for at_ns in times:
                    yield _in(bound, rule, machine.moves_by.step, at_ns, None, said)
                for o in seen:
                    yield _changed(bound, o, machine.moves_by.from_, None, source)
                    yield _changed(bound, o, machine.moves_by.to, None, target)


def relevant(bound: BoundFlow, rule: Rule) -> list[str]:
    """The steps that the rule looks at."""
    steps = [step for _, step in points_of(rule)] + [m.moves_by.step for m in _machines(bound, rule)]
    return list(dict.fromkeys(s for s in steps if s in bound.shape.steps))


def moments(bound: BoundFlow, rule: Rule, steps: list[str]) -> list[int]:
    """Moments at which something could come: just before and after what the rule looks at, and at its bounds."""
    slack = bound.clocks.uncertainty_ns + 1_000_000
    points = sorted({t for o in _observations(bound, steps) for t in (o.first_ns, o.last_ns)})
    limits = sorted({n for f in fields(rule) if (n := _limit(bound, getattr(rule, f.name)))})
    out: dict[int, None] = {}
    for t in points:
        out |= dict.fromkeys((t - NEAR_NS, t + NEAR_NS, t - slack, t + slack))
    for a, b in pairwise(points):
        out[(a + b) // 2] = None
    for t in points:
        for limit in limits:
            out |= dict.fromkeys(t + sign * limit + by for by in (0, -slack, slack) for sign in (1, -1))
    return list(out)[:MOST_MOMENTS] or [bound.opened_ns]


def step_of(bound: BoundFlow, o: Observation) -> str | None:
    """The step that an observation is, the first of the shape that has it; by its name where it failed."""
    for step, occurrences in bound.occurrences.items():
        if any(x.row.id == o.row.id and x.index == o.index for occ in occurrences for x in occ.all):
            return step
    for step, wanted in bound.shape.steps.items():
        if wanted.sort == o.sort and o.name in wanted.names and wanted.service in (None, o.row.service):
            return step
    return None


def _limit(bound: BoundFlow, value: object) -> int | None:
    text = bound.shape.params.get(value, value) if isinstance(value, str) else None
    return duration_ns(text) if isinstance(text, str) else None


def _observations(bound: BoundFlow, steps: list[str]) -> list[Observation]:
    found = {o.id: o for step in steps for x in bound.occurrences.get(step, ()) for o in x.all}
    return sorted(found.values(), key=lambda o: (o.first_ns, o.id))


def _machines(bound: BoundFlow, rule: Rule) -> list[Machine]:
    name = getattr(rule, "machine", None)
    return [bound.shape.machines[name]] if isinstance(name, str) and name in bound.shape.machines else []


def _conditions(rule: Rule) -> list[tuple[str, Condition | Scalar]]:
    out: list[tuple[str, Condition | Scalar]] = []
    for name in ("where", "then", "else_"):
        value = getattr(rule, name, None)
        if isinstance(value, Mapping):
            out += [(name, c) for name, c in value.items() if isinstance(c, Condition | bool | int | float | str)]
    return out


# ---- single edits


def _in(
    bound: BoundFlow,
    rule: Rule,
    step: str,
    at_ns: int,
    after: Observation | None,
    said: Mapping[str, Value] | None = None,
) -> Edit:
    row = invented(bound, rule, step, at_ns, after=after, said=said)
    service = row.service or bound.shape.steps[step].service
    move = None
    if said:
        move = " -> ".join(plain(v) for v in said.values())
    return Edit(sort="missing", step=step, service=service, at_ns=at_ns, row=row, value=move)


def _out(bound: BoundFlow, o: Observation) -> Edit:
    return Edit(sort="extra", of=o, step=step_of(bound, o), service=o.row.service)


def _changed(bound: BoundFlow, o: Observation, name: str, seen: Value, value: Value) -> Edit:
    return Edit(
        sort="changed",
        of=o,
        step=step_of(bound, o),
        service=o.row.service,
        attribute=name,
        seen=seen if seen is not None else bound.value(o, name).value,
        value=value,
    )


def _undone(bound: BoundFlow, o: Observation) -> Iterator[Edit]:
    """A row that succeeds where it failed, or that isn't there."""
    if isinstance(o.row, Span) and o.row.status == "error":
        yield Edit(sort="failed", of=o, step=step_of(bound, o), service=o.row.service)
    yield _out(bound, o)


def _swapped(bound: BoundFlow, o: Observation, others: list[Observation]) -> Iterator[Edit]:
    for other in others:
        yield Edit(
            sort="swapped",
            of=o,
            other=other,
            step=step_of(bound, o),
            other_step=step_of(bound, other),
            service=o.row.service,
        )


def _moves(bound: BoundFlow, o: Observation, at_ns: int, *, later: bool) -> Iterator[Edit]:
    """The observation moved to just after a moment, or so that it ends just before it; nearer first."""
    slack = bound.clocks.uncertainty_ns + 1_000_000
    lasts = 0 if later else o.last_ns - o.first_ns
    for gap in (NEAR_NS, slack):
        to = at_ns + gap if later else at_ns - gap - lasts
        yield Edit(sort="moved", of=o, at_ns=to, step=step_of(bound, o), service=o.row.service)


def _inserted(
    bound: BoundFlow, rule: Rule, step: str, at_ns: int, after: Observation | None, *, sign: int = 1
) -> Iterator[Edit]:
    """An occurrence of the step just after a moment (or just before it), nearer first."""
    if step not in bound.shape.steps:
        return
    slack = bound.clocks.uncertainty_ns + 1_000_000
    for gap in (NEAR_NS, slack):
        for cause in (after, None) if after is not None else (None,):
            yield _in(bound, rule, step, at_ns + sign * gap, cause)


# ---- what each finding suggests


def _missing(bound: BoundFlow, rule: Rule, finding: Missing) -> Iterator[Edit]:
    yield from _succeeds(finding)
    if finding.machine is not None or finding.state is not None:
        yield from _moved_on(bound, rule, finding)
        return
    steps = [s for s in (finding.step, *finding.instead) if s]
    there = [e.of for e in finding.evidence if e.role != "failed attempt"]
    if finding.before is not None and finding.since is None and there:
        for step in steps:
            yield from _inserted(bound, rule, step, there[0].first_ns, None, sign=-1)
            for o in _observations(bound, [step]):
                yield from _moves(bound, o, there[0].first_ns, later=False)
        yield _out(bound, there[0])
        return
    for step in steps:
        if there:
            trigger = there[-1] if finding.seen is not None else there[0]
            edge = trigger.last_ns if split_point(finding.since or "")[0] == "end" else trigger.first_ns
            yield from _inserted(bound, rule, step, max(edge, trigger.last_ns), _causes(trigger))
            yield from _inserted(bound, rule, step, edge, _causes(trigger))
            yield _in(bound, rule, step, trigger.first_ns, _causes(trigger))
            for o in _observations(bound, [step]):
                yield from _moves(bound, trigger, o.first_ns, later=False)
                yield from _moves(bound, o, trigger.last_ns, later=True)
                yield from _swapped(bound, o, [trigger])
        for at_ns in moments(bound, rule, relevant(bound, rule)):
            yield _in(bound, rule, step, at_ns, None)
    if finding.since is not None and there:
        yield _out(bound, there[0])


def _causes(o: Observation) -> Observation | None:
    return o if o.event is None else None


def _moved_on(bound: BoundFlow, rule: Rule, finding: Missing) -> Iterator[Edit]:
    """The moves that lead from the state to a final one, or out of it."""
    for machine in _machines(bound, rule):
        way = _way(machine, finding.state or machine.initial, finding.final)
        after = finding.evidence[0].of if finding.evidence else None
        at_ns = after.last_ns if after is not None else bound.opened_ns
        for source, target in way[:1]:
            said: dict[str, Value] = {machine.moves_by.from_: source, machine.moves_by.to: target}
            yield _in(bound, rule, machine.moves_by.step, at_ns + NEAR_NS, None, said)
            for later in moments(bound, rule, relevant(bound, rule)):
                yield _in(bound, rule, machine.moves_by.step, later, None, said)
        if after is not None:
            yield _out(bound, after)


def _way(machine: Machine, start: str, final: tuple[str, ...]) -> list[tuple[str, str]]:
    """The shortest way of moves from a state to a final one; without final states, out of it."""
    ways: deque[list[tuple[str, str]]] = deque([[]])
    seen = {start}
    while ways:
        way = ways.popleft()
        here = way[-1][1] if way else start
        if way and (here in final or not final):
            return way
        for target in (*machine.moves.get(here, ()), *machine.moves.get("*", ())):
            if target not in seen:
                seen.add(target)
                ways.append([*way, (here, target)])
    return []


def _succeeds(finding: Finding) -> Iterator[Edit]:
    """Attempts that failed, succeeding."""
    for e in finding.evidence:
        if isinstance(e.of.row, Span) and e.of.event is None and e.of.row.status == "error":
            yield Edit(sort="failed", of=e.of, step=finding.step, service=e.of.row.service)


def _without(finding: Finding, bound: BoundFlow) -> Iterator[Edit]:
    for e in finding.evidence[:1]:
        yield _out(bound, e.of)


def _valued(bound: BoundFlow, rule: Rule, finding: Mismatch) -> Iterator[Edit]:
    name = finding.attribute
    wanted: list[Value] = []
    if finding.how == "condition":
        wanted = [fulfilling(c, finding.seen) for n, c in _conditions(rule) if n == name]
    elif finding.how == "changed":
        wanted = [finding.expected]
    else:
        wanted = [common(bound, name, getattr(rule, "one_of", ()))]
    rows = [e.of for e in finding.evidence]
    for value in wanted:
        for o in reversed(rows):
            yield _changed(bound, o, name, finding.seen, value)
    if finding.how == "changed":  # or it was wrong before
        yield _changed(bound, rows[0], name, finding.expected, finding.seen)
    for o in reversed(rows):
        yield _out(bound, o)


def _timed(bound: BoundFlow, rule: Rule, finding: Late | Early) -> Iterator[Edit]:
    first, then = finding.evidence[0].of, finding.evidence[1].of
    slack = bound.clocks.uncertainty_ns + 1_000_000
    if isinstance(finding, Early):  # by what is wanting: what the clock was advanced in between still counts
        for gap in (0, slack):
            by = finding.limit_ns - finding.took.lo + gap
            for o, at_ns in ((then, then.first_ns + by), (first, first.first_ns - by)):
                yield Edit(sort="moved", of=o, at_ns=at_ns, step=step_of(bound, o), service=o.row.service)
    else:
        yield from _moves(bound, then, first.last_ns, later=True)
        at_ns = then.first_ns - NEAR_NS
        yield Edit(sort="moved", of=first, at_ns=at_ns, step=step_of(bound, first), service=first.row.service)
    step = split_point(finding.then)[1]
    if step in bound.shape.steps and isinstance(finding, Late):
        yield from _inserted(bound, rule, step, first.last_ns, _causes(first))
    yield _out(bound, then)
    yield _out(bound, first)


def _legal(bound: BoundFlow, rule: Rule, finding: Illegal) -> Iterator[Edit]:
    move = finding.evidence[-1].of
    for machine in _machines(bound, rule):
        by = machine.moves_by
        if finding.state is not None:
            for source, target in _way(machine, finding.state, (finding.source,))[:1]:
                said: dict[str, Value] = {by.from_: source, by.to: target}
                yield _in(bound, rule, by.step, move.first_ns - NEAR_NS, None, said)
                for at_ns in moments(bound, rule, relevant(bound, rule)):
                    yield _in(bound, rule, by.step, at_ns, None, said)
        yield _out(bound, move)
        others = [o for o in _observations(bound, [by.step]) if o.id != move.id]
        yield from _swapped(bound, move, others)
        if finding.state is not None:
            yield _changed(bound, move, by.from_, finding.source, finding.state)
        for target in finding.allowed:
            yield _changed(bound, move, by.to, finding.target, target)
        for source, targets in machine.moves.items():
            if finding.target in targets and source != "*":
                yield _changed(bound, move, by.from_, finding.source, source)
