"""Where a rule applies: after, before or between points.

In: a bound flow and a rule with its scope. Out: for each segment of the scope the narrowed flow and what the rule
found there, with the absences that the segment's own bounds rest on. Kinds know nothing of scopes.
"""

from collections.abc import Callable, Iterable
from dataclasses import replace

from verifier.binding import BoundFlow, Maybe, Occurrence, PointOf
from verifier.clock import At, Order
from verifier.shape import Rule, split_point
from verifier.spans import Observation
from verifier.values import Truth
from verifier.verdict import Absence, Evidence, Finding, Illegal, Mismatch, Misordered, Result, Unexpected

Inside = Callable[[Observation], tuple[Truth, Order | None]]


def segments(flow: BoundFlow, rule: Rule) -> Iterable[tuple[BoundFlow, Result]]:
    """(narrowed flow, result) for each segment of the rule's scope; a scope that was never entered is not activated."""
    if rule.after is not None:
        yield from _after(flow, rule, rule.after)
    elif rule.before is not None:
        yield from _before(flow, rule, rule.before)
    elif rule.between is not None:
        yield from _between(flow, rule, *rule.between)
    else:
        yield flow, rule.check(flow)


def _after(flow: BoundFlow, rule: Rule, point: str) -> Iterable[tuple[BoundFlow, Result]]:
    points = flow.points(point)
    step = split_point(point)[1]
    if not points:
        yield flow, _never_entered(step)
        return

    def inside(o: Observation) -> tuple[Truth, Order | None]:
        return _or(flow.before(p, _start(o)) for p in points)

    view = _narrow(flow, inside, role=f"after {point}")
    first = min(points, key=lambda p: _when(flow, p)[0])
    extra = (Absence(steps=(step,), until_ns=_when(flow, first)[0]),)
    result = _shown(rule.check(view), flow.evidence(step, first.of))
    yield _doubting(view, flow, step), _resting(result, extra, extra, but=_sure_in_a_larger_scope)


def _before(flow: BoundFlow, rule: Rule, point: str) -> Iterable[tuple[BoundFlow, Result]]:
    points = flow.points(point)
    step = split_point(point)[1]
    if not points:
        yield flow, _never_entered(step)
        return

    def inside(o: Observation) -> tuple[Truth, Order | None]:
        return _and(flow.before(_start(o), p) for p in points)

    last = min(points, key=lambda p: _when(flow, p)[1])
    end = _settled(flow, last)
    view = _ending(_narrow(flow, inside, role=f"before {point}"), end)
    extra = (Absence(steps=(step,), until_ns=end),)
    yield view, _resting(_shown(rule.check(view), flow.evidence(step, last.of)), extra, extra)


def _between(flow: BoundFlow, rule: Rule, first: str, last: str) -> Iterable[tuple[BoundFlow, Result]]:
    begins, ends = flow.points(first), flow.points(last)
    steps = (split_point(first)[1], split_point(last)[1])
    entered = False
    for p in begins:
        open_already = _opened(flow, p, begins, ends)
        if open_already:
            continue
        orders = [(q, flow.before(p, q)) for q in ends]
        following = [q for q, order in orders if order.answer == "yes"]
        unsure = next(((q, order) for q, order in orders if order.answer == "unknown"), None)
        if unsure is not None:
            entered = True
            yield flow, Result(findings=(_unordered(flow, first, last, p, unsure),))
            continue
        if not following:
            continue
        entered = True
        end = _settled(flow, min(following, key=lambda q: _when(flow, q)[1]))

        def inside(o: Observation, p: PointOf = p, following: list[PointOf] = following) -> tuple[Truth, Order | None]:
            begun, order = _or([flow.before(p, _start(o))])
            ended, other = _and(flow.before(_start(o), q) for q in following)
            truth = False if False in (begun, ended) else None if None in (begun, ended) else True
            return truth, order if begun is None else other

        view = _ending(_narrow(flow, inside, role=f"between {first} and {last}"), end)
        extra = (Absence(steps=steps, until_ns=end),)
        result = _resting(rule.check(view), extra, extra)
        if open_already is None:
            result = _perhaps_larger(result, f"whether {first} was open already can't be told")
        yield _doubting(view, flow, *steps), result
    if not entered:
        yield flow, Result(activated=False, activators=tuple(Absence(steps=(s,)) for s in steps))
    else:  # what has ended says nothing of a part that is still to come, and none comes without another end
        yield flow, Result(activated=False, activators=(Absence(steps=steps[1:]),))


def _opened(flow: BoundFlow, p: PointOf, begins: Iterable[PointOf], ends: Iterable[PointOf]) -> Truth:
    """Whether an earlier beginning has no end before p: then p begins nothing."""
    found: Truth = False
    for r in begins:
        if r is p or (answer := flow.before(r, p).answer) == "no":
            continue
        closed = [_closed(flow, r, q, p) for q in ends]
        if True in closed:
            continue
        if answer == "yes" and None not in closed:
            return True
        found = None
    return found


def _closed(flow: BoundFlow, r: PointOf, q: PointOf, p: PointOf) -> Truth:
    """Whether q ends what r began, no later than p: it may be p itself that ends one part and begins the next."""
    begun = flow.before(r, q).answer
    later = "no" if q.of is p.of and q.edge == p.edge else flow.before(p, q).answer
    if begun == "no" or later == "yes":
        return False
    return True if (begun, later) == ("yes", "no") else None


def _ending(view: BoundFlow, end: int | None) -> BoundFlow:
    """The narrowed flow, over when its scope is."""
    return view if end is None else replace(view, closed=True, until_ns=end)


def _perhaps_larger(result: Result, why: str) -> Result:
    """The result where its part of the flow may be within a larger one, which may have what is missing here."""
    findings = (
        f if _sure_in_a_larger_scope(f) or not f.certain else replace(f, certain=False, doubt=why)
        for f in result.findings
    )
    return replace(result, findings=tuple(findings))


def _narrow(flow: BoundFlow, inside: Inside, *, role: str) -> BoundFlow:
    """The same flow with only what is inside a scope; what may be inside becomes a `Maybe`."""
    answered: dict[tuple[str, ...], tuple[Truth, Order | None]] = {}

    def within(o: Observation) -> tuple[Truth, Order | None]:
        if o.id not in answered:
            answered[o.id] = inside(o)
        return answered[o.id]

    return _cut(flow, within, role=role)


def _cut(flow: BoundFlow, inside: Inside, *, role: str) -> BoundFlow:
    sure: dict[str, tuple[Occurrence, ...]] = {}
    maybe: dict[str, tuple[Maybe, ...]] = {}
    for name, occurrences in flow.occurrences.items():
        kept: list[Occurrence] = []
        unsure = [m for m in flow.maybes[name] if inside(m.of)[0] is not False]
        for occurrence in occurrences:
            answers = [(o, *inside(o)) for o in occurrence.all]
            within = [o for o, truth, _ in answers if truth]
            if within:
                kept.append(replace(occurrence, of=within[0], again=tuple(within[1:])))
            unsure += [_doubted(name, o, order, role) for o, truth, order in answers if truth is None and not within][
                :1
            ]
        sure[name], maybe[name] = tuple(kept), tuple(unsure)
    rows = [(o, *inside(o)) for o in (Observation(row=m.row) for m in flow.flow.members)]
    doubtful = tuple(_doubted(o.name, o, order, role) for o, truth, order in rows if truth is None)
    return replace(flow, occurrences=sure, maybes=maybe, inside=lambda o: inside(o)[0], doubtful=doubtful)


def _doubting(view: BoundFlow, flow: BoundFlow, *steps: str) -> BoundFlow:
    """The narrowed flow with all that may be a bound of its scope, also what lies outside: it may begin earlier."""
    maybes = dict(view.maybes)
    for step in steps:
        inside = {m.of.id for m in maybes[step]}
        maybes[step] = (*maybes[step], *(m for m in flow.maybes[step] if m.of.id not in inside))
    return replace(view, maybes=maybes)


def _doubted(step: str, o: Observation, order: Order | None, role: str) -> Maybe:
    why = f"whether it is in scope ({role}) can't be told"
    return Maybe(step=step, of=o, attribute=role, order=order, why=why)


def _sure_in_a_larger_scope(finding: Finding) -> bool:
    """Whether an earlier beginning of the scope can't take it back: it can give a move the one that it lacks."""
    if isinstance(finding, Illegal):
        return finding.state is None
    return isinstance(finding, Unexpected | Mismatch)


def _never_entered(step: str) -> Result:
    return Result(activated=False, activators=(Absence(steps=(step,)),))


def _unordered(flow: BoundFlow, first: str, last: str, p: PointOf, unsure: tuple[PointOf, Order]) -> Finding:
    q, order = unsure
    return Misordered(
        step=q.of.step,
        service=q.of.of.row.service,
        first=first,
        then=last,
        order=order,
        evidence=(flow.evidence(p.of.step, p.of), flow.evidence(q.of.step, q.of)),
        certain=False,
        anomaly="unproven",
    )


def _shown(result: Result, bound: Evidence) -> Result:
    """The result, with the occurrence that bounds its scope shown in every finding."""
    return replace(result, findings=tuple(replace(f, evidence=(*f.evidence, bound)) for f in result.findings))


def _resting(
    result: Result,
    found: tuple[Absence, ...],
    claimed: tuple[Absence, ...],
    *,
    but: Callable[[Finding], bool] = lambda _: False,
) -> Result:
    """The result, with its findings and its claim resting on more absences; `but` some findings."""
    return replace(
        result,
        findings=tuple(f if but(f) else replace(f, absences=(*f.absences, *found)) for f in result.findings),
        absences=(*result.absences, *claimed),
        activators=(*result.activators, *claimed),
    )


def _start(o: Observation) -> PointOf:
    return PointOf(Occurrence(step="", of=o))


def _when(flow: BoundFlow, p: PointOf) -> tuple[int, int]:
    """(earliest, latest) moment of a point."""
    when = [flow.clocks.when(At(of=o, edge=p.edge)) for o in p.of.all]
    return min(w.lo for w in when), min(w.hi for w in when)


def _settled(flow: BoundFlow, p: PointOf) -> int | None:
    """When all before p, where a scope ends, has been seen: while the flow is open, another clock may be behind.

    None where p's own clock contradicts a cause: then only the end of the flow tells.
    """
    if any(flow.clocks.contradicted(o) for o in p.of.all):
        return None
    end = _when(flow, p)[1]
    return end if flow.closed else end + max(flow.clocks.behind_ns(o) for o in p.of.all)


def _or(orders: Iterable[Order]) -> tuple[Truth, Order | None]:
    """Whether any says yes; asked one after the other, and no further than needed."""
    unknown: Order | None = None
    for order in orders:
        if order.answer == "yes":
            return True, None
        if order.answer == "unknown" and unknown is None:
            unknown = order
    return (None, unknown) if unknown is not None else (False, None)


def _and(orders: Iterable[Order]) -> tuple[Truth, Order | None]:
    """Whether all say yes; asked one after the other, and no further than needed."""
    unknown: Order | None = None
    for order in orders:
        if order.answer == "no":
            return False, None
        if order.answer == "unknown" and unknown is None:
            unknown = order
    return (None, unknown) if unknown is not None else (True, None)
