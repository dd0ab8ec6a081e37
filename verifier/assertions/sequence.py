"""sequence: a chain of steps exists.

In: a flow with its steps bound, narrowed to the scope. Out: nothing where a chain was seen; else one finding where the
longest chain breaks off. What satisfies it rests on no absence; that there is none rests on the absence of all steps.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from verifier.assertions import Example, assertion
from verifier.binding import BoundFlow, PointOf
from verifier.clock import Interval, Order
from verifier.shape import PYDANTIC, ClockName, Duration, Rule, Shape, StepName
from verifier.values import Truth
from verifier.verdict import Absence, Finding, Late, Misordered, Missing, Result, Unreadable


@dataclass(frozen=True, slots=True, kw_only=True)
class Hop:
    """How long a step of a sequence may take after the one before it."""

    __pydantic_config__: ClassVar[dict[str, Any]] = PYDANTIC
    within: Duration
    clock: ClockName = "plain"


@dataclass(frozen=True, slots=True)
class _Edge:
    """From one occurrence of the chain to the next: whether it holds, and why."""

    truth: Truth
    order: Order
    took: Interval | None = None


@dataclass(frozen=True, slots=True)
class _Sighting(PointOf):
    """An observation of a step of the chain; `group`: which occurrence it repeats, where that matters."""

    group: frozenset[tuple[str, tuple[str, ...]]] = frozenset()


_End = tuple[int, frozenset[tuple[str, tuple[str, ...]]]]
"""Where a chain ends: which observation of its last step, and which occurrences it has that others repeat."""

_Layer = dict[_End, tuple[bool, _End | None]]
"""The chains up to one step: whether each surely is one, and where it came from."""


@assertion
class Sequence(Rule):
    """These steps happen in this order, each within its bound of the one before.

    Term: succession chain, existential. Formula: `∃ s1 < s2 < … < sn` with `s(i+1) - s(i) ≤ within`; other occurrences
    of the steps don't matter: extra or early ones are the business of `precedes` and `never`.
    A chain that was seen is final. That there is none is only final when the flow is over.
    """

    steps: tuple[StepName | Mapping[StepName, Hop], ...]
    list_parameter: ClassVar[str] = "steps"

    def problems(self, shape: Shape) -> list[tuple[str, str]]:
        """What is wrong with the parameters together."""
        if scopes := Rule.problems(self, shape):
            return scopes
        if any(not isinstance(item, str) and len(item) != 1 for item in self.steps):
            return [("steps", "an item is the name of a step, or one name with its bound: `{packed: {within: 5m}}`")]
        return [] if self.steps else [("steps", "a sequence needs steps; expected at least one")]

    def step_names(self) -> tuple[str, ...]:
        """The steps, without their bounds."""
        return tuple(name for name, _ in self._hops())

    def check(self, flow: BoundFlow) -> Result:
        hops = self._hops()
        names = self.step_names()
        reached: list[_Layer] = []
        points = [_points(flow, name, twice=names.count(name) > 1) for name in names]
        for i in range(len(hops)):
            layer: _Layer = {}
            for k in range(len(points[i])):
                alone = names.count(names[i]) == 1 or points[i][k].of.doubt is None
                if i == 0:
                    layer[k, points[i][k].group] = (alone, None)
                else:
                    self._continue(flow, points, reached[i - 1], i, k, layer, alone=alone)
            if not layer:
                return Result(findings=(self._broken(flow, points, reached, i),))
            reached.append(layer)
        sure, chain = self._chain(reached)
        if sure:
            return Result(evidence=tuple(flow.evidence(names[i], points[i][k].of) for i, k in enumerate(chain)))
        return Result(findings=(self._unsure(flow, points, reached, chain),))

    def _hops(self) -> tuple[tuple[StepName, Hop | None], ...]:
        out: list[tuple[StepName, Hop | None]] = []
        for item in self.steps:
            if isinstance(item, str):
                out.append((item, None))
            else:
                out.extend(item.items())
        return tuple(out)

    def _continue(
        self,
        flow: BoundFlow,
        points: list[tuple[_Sighting, ...]],
        reached: _Layer,
        i: int,
        k: int,
        layer: _Layer,
        *,
        alone: bool,
    ) -> None:
        """Adds the chains that the k-th observation of step i continues; `alone`: it surely repeats none of them."""
        hop = self._hops()[i][1]
        here = points[i][k]
        begun = here.of.of.first_ns
        # the nearest before it first: if any holds the bound, it does
        for last in sorted(reached, key=lambda e: (points[i - 1][e[0]].of.of.first_ns > begun, -e[0], sorted(e[1]))):
            if not here.group.isdisjoint(last[1]):  # a repetition would pass for a second one
                continue
            end = k, last[1] | here.group
            if end in layer and layer[end][0]:
                continue
            truth = _edge(flow, points[i - 1][last[0]], here, hop).truth
            sure = bool(truth and reached[last][0] and alone)
            if truth is not False and (sure or end not in layer):
                layer[end] = (sure, last)

    @staticmethod
    def _chain(reached: list[_Layer]) -> tuple[bool, list[int]]:
        """(whether surely, the observation of each step) of the best chain."""
        end: _End | None = min(reached[-1], key=lambda e: (not reached[-1][e][0], e[0], sorted(e[1])))
        assert end is not None
        sure, chain = reached[-1][end][0], []
        for layer in reversed(reached):
            assert end is not None
            chain.append(end[0])
            end = layer[end][1]
        return sure, chain[::-1]

    @staticmethod
    def _perhaps_one(at: list[_Sighting]) -> bool:
        """Whether the last of a chain may be a repetition of one before it."""
        alike = [p.of.doubt for p in at if p.of.step == at[-1].of.step]
        return len(alike) > 1 and any(alike)

    def _broken(
        self,
        flow: BoundFlow,
        points: list[tuple[_Sighting, ...]],
        reached: list[_Layer],
        i: int,
    ) -> Finding:
        """Why no chain gets to step i: it isn't there, came before its predecessor, or too long after it."""
        hops = self._hops()
        name, hop = hops[i]
        names = tuple(n for n, _ in hops)
        absences = self._awaited(flow, points, reached, i)
        service = flow.service(name)
        last = points[i - 1][min(k for k, _ in reached[i - 1])] if i else None
        evidence = (flow.evidence(names[i - 1], last.of),) if last is not None else ()
        limit = flow.duration(hop.within) if hop is not None else None
        other = [p for p in points[i] if last is not None and _another(last, p)]
        edges = [(p, _edge(flow, last, p, hop)) for p in other if last is not None]
        late = [(p, e) for p, e in edges if e.took is not None]  # only an edge in order was measured
        if late and limit is not None:
            p, edge = late[0]
            assert last is not None
            assert edge.took is not None
            return Late(
                step=name,
                service=service,
                first=names[i - 1],
                then=name,
                took=edge.took,
                limit_ns=limit,
                jumped=flow.jumped(last, p) if hop is not None and hop.clock == "business" else None,
                evidence=(*evidence, flow.evidence(name, p.of)),
                absences=absences,
                anomaly="late response",
            )
        if edges:
            p, edge = edges[0]
            return Misordered(
                step=name,
                service=service,
                first=names[i - 1],
                then=name,
                order=edge.order,
                evidence=(*evidence, flow.evidence(name, p.of)),
                absences=absences,
                anomaly="premature start",
            )
        due = flow.over_ns
        if last is not None and hop is not None and limit is not None:
            due = flow.due_ns(last, limit, (name,), business=hop.clock == "business")
        return Missing(
            step=name,
            service=service,
            since=names[i - 1] if i else None,
            before=next((n for n, p in zip(names[i + 1 :], points[i + 1 :], strict=True) if p), None),
            due_ns=due,
            limit_ns=limit,
            evidence=evidence,
            absences=absences,
            anomaly="lost event",
        )

    def _awaited(
        self,
        flow: BoundFlow,
        points: list[tuple[_Sighting, ...]],
        reached: list[_Layer],
        i: int,
    ) -> tuple[Absence, ...]:
        """No chain: no more of any step, and where the flow is over before a step up to i is due, none until then.

        Where no i was seen at all, no other step can make a chain: it rests on the absence of i alone.
        """
        hops, until = self._hops(), flow.until_ns
        names = tuple(n for n, _ in hops)
        absences = [Absence(steps=names if points[i] else (names[i],))]
        if until is None or flow.shape.flow.ends is not None or until == flow.ends_ns:  # it is judged as it is
            return tuple(absences)
        slack = flow.clocks.uncertainty_ns  # by another clock what comes next may be before what was just seen
        for n in range(1, i + 1):
            name, hop = hops[n]
            if hop is None:
                continue
            limit, business = flow.duration(hop.within), hop.clock == "business"
            before = [points[n - 1][j] for j in sorted({j for j, _ in reached[n - 1]})]
            # from these on all that comes behind still has time, or was just seen
            waiting = [p for p in before if not self._not_just_now(points, n, until - slack, p.of.of.id)]
            if waiting:
                due = max(flow.due_ns(p, limit, (name,), business=business) for p in waiting)
                absences.append(Absence(steps=(name,), until_ns=due, but_maybes=True))
            if steps := self._not_just_now(points, n, until - slack):
                absences.append(Absence(steps=steps, since_ns=until - slack))
            else:  # overdue, unless one that it may follow was not seen
                absences.append(Absence(steps=names[n - 1 : n], since_ns=until - limit - slack))
                absences.append(Absence(steps=names[: n - 1]))
        return tuple(absences)

    def _not_just_now(
        self, points: list[tuple[_Sighting, ...]], n: int, since_ns: int, but: tuple[str, ...] | None = None
    ) -> tuple[StepName, ...]:
        """The steps behind the n-th that nothing gives time to come, and that were not seen a moment ago either."""
        return tuple(
            name
            for (name, hop), seen in zip(self._hops()[n + 1 :], points[n + 1 :], strict=True)
            if hop is None and not any(p.of.of.first_ns > since_ns and p.of.of.id != but for p in seen)
        )

    def _unsure(
        self,
        flow: BoundFlow,
        points: list[tuple[_Sighting, ...]],
        reached: list[_Layer],
        chain: list[int],
    ) -> Finding:
        hops = self._hops()
        at = [points[n][k] for n, k in enumerate(chain)]
        edges = [_edge(flow, at[n - 1], at[n], hops[n][1]) for n in range(1, len(at))]
        i = next(n for n, edge in enumerate(edges, 1) if not edge.truth or self._perhaps_one(at[: n + 1]))
        first, then, hop = hops[i - 1][0], hops[i][0], hops[i][1]
        a, b, edge = at[i - 1], at[i], edges[i - 1]
        absences = self._awaited(flow, points, reached, i)
        evidence = (flow.evidence(first, a.of), flow.evidence(then, b.of))
        service = flow.service(then)
        if edge.truth:
            return Unreadable(
                step=then,
                service=service,
                what=f"whether this is another {then}",
                why=b.of.doubt or "an earlier one says too little of itself",
                evidence=evidence,
                absences=absences,
            )
        if edge.order.answer == "unknown":
            return Misordered(
                step=then,
                service=service,
                first=first,
                then=then,
                order=edge.order,
                evidence=evidence,
                absences=absences,
                certain=False,
                anomaly="premature start",
            )
        assert hop is not None
        assert edge.took is not None
        return Late(
            step=then,
            service=service,
            first=first,
            then=then,
            took=edge.took,
            limit_ns=flow.duration(hop.within),
            jumped=flow.jumped(a, b) if hop.clock == "business" else None,
            order=edge.order,
            evidence=evidence,
            absences=absences,
            certain=False,
            anomaly="late response",
        )

    examples: ClassVar = (
        Example(
            verdict="satisfied",
            sketch="a : one @ 0..1ms\na : two @ 2..3ms\na : three @ 4..5ms",
            parameters={"steps": ("one", {"two": Hop(within=Duration("2ms"))}, "three")},
        ),
        Example(
            verdict="satisfied",
            about="an extra, early occurrence doesn't matter: a chain exists",
            sketch="a : two @ 0..1ms\na : one @ 2..3ms\na : two @ 4..5ms",
            parameters={"steps": ("one", "two")},
        ),
        Example(
            verdict="satisfied",
            about="a chain that was seen is final, whatever is lost",
            sketch="a : one @ 0..1ms\na : two @ 2..3ms",
            parameters={"steps": ("one", "two")},
            assume="lossy",
        ),
        Example(
            verdict="violated",
            sketch="a : two @ 0..1ms\na : one @ 2..3ms",
            parameters={"steps": ("one", "two")},
        ),
        Example(
            verdict="violated",
            about="too late",
            sketch="a : one @ 0..1ms\na : two @ 2.000001..3ms",
            parameters={"steps": ("one", {"two": Hop(within=Duration("2ms"))})},
            at="+1s",
        ),
        Example(
            verdict="inconclusive",
            about="equal times on one clock",
            sketch="a : one @ 0..1ms\na : two @ 0..3ms",
            parameters={"steps": ("one", "two")},
        ),
        Example(
            verdict="inconclusive",
            about="the missing one may be lost",
            sketch="a : one @ 0..1ms",
            parameters={"steps": ("one", "two")},
            assume="lossy",
        ),
    )


def _points(flow: BoundFlow, name: str, *, twice: bool) -> tuple[_Sighting, ...]:
    """Every observation of the step: a repetition may be what the chain needs, if the first came too soon.

    `twice`: the step stands twice in the chain, so that it matters which observations are one occurrence.
    """
    each = (
        _Sighting(
            replace(p.of, of=o, again=()), p.edge, frozenset({(name, p.of.of.id)} if twice and p.of.again else ())
        )
        for p in flow.points(name)
        for o in p.of.all
    )
    return tuple(sorted(each, key=lambda p: (p.of.of.first_ns, p.of.of.id)))


def _another(a: _Sighting, b: _Sighting) -> bool:
    return a.of.of.id != b.of.of.id and a.group.isdisjoint(b.group)


def _edge(flow: BoundFlow, a: PointOf, b: PointOf, hop: Hop | None) -> _Edge:
    order = flow.before(a, b)
    truth: Truth = {"yes": True, "no": False}.get(order.answer)
    if hop is None or truth is False:
        return _Edge(truth, order)
    took, limit = flow.took(a, b, business=hop.clock == "business"), flow.duration(hop.within)
    if took.lo > limit:
        return _Edge(False, order, took)
    return _Edge(truth if took.hi <= limit else None, order, took)
