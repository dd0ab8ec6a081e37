"""precedes: b only after a.

In: a flow with its steps bound, narrowed to the scope. Out: a `Missing` or `Misordered` for each b without an a (or
without n of them) before it. That no such a exists is an absence up to b.
"""

from typing import ClassVar

from verifier.assertions import Example, assertion
from verifier.binding import BoundFlow, Occurrence, PointOf
from verifier.clock import Order
from verifier.shape import Point, Rule, Times, split_point
from verifier.verdict import Absence, Finding, Misordered, Missing, Result, Unreadable


@assertion
class Precedes(Rule):
    """Each `then` has a `first` before it; with `count: n`, at least n of them (a join).

    Term: precedence (DECLARE, Dwyer). Formula: `G(b → O a)`, with a strictly before b; points may be the start or the
    end of a step: `{first: end of confirmed, then: start of ready}`.
    Order is causal first, then one clock, then clocks further apart than their uncertainty; equal times are unknown,
    but an end equal to a start is before it.
    """

    first: Point
    then: Point
    count: Times = 1

    def check(self, flow: BoundFlow) -> Result:
        bounds = flow.times(self.count)
        then = Absence(steps=(split_point(self.then)[1],))
        seen = flow.points(self.then)
        if isinstance(bounds, Unreadable):
            findings: tuple[Finding, ...] = (bounds,) if seen else ()
        else:
            findings = tuple(f for b in seen for f in self._before(flow, b, bounds[0]))
        return Result(
            findings=findings,
            activated=bool(seen),
            activators=(then,),
            absences=(then,),
            evidence=flow.some(self.first, self.then),
        )

    def _before(self, flow: BoundFlow, b: PointOf, wanted: int) -> list[Finding]:
        first, then = split_point(self.first)[1], split_point(self.then)[1]
        orders: list[tuple[PointOf, Order]] = []
        before = 0
        for a in flow.points(self.first):  # by time, so that what comes first is asked first
            orders.append((a, flow.before(a, b)))
            before += orders[-1][1].answer == "yes" and a.of.doubt is None
            if before >= wanted:
                return []
        sure, _ = flow.count([a.of for a, order in orders if order.answer == "yes"])
        _, possible = flow.count([a.of for a, order in orders if order.answer != "no"])
        if sure >= wanted:
            return []
        evidence = (
            flow.evidence(then, b.of),
            *(flow.evidence(first, a.of) for a, order in orders if order.answer != "yes"),
        )
        edge = split_point(self.first)[0]
        perhaps = [
            PointOf(Occurrence(step=first, of=m.of), "end" if edge == "end" else "start") for m in flow.maybes[first]
        ]
        counted = possible + sum(flow.before(a, b).answer != "no" for a in perhaps) < wanted  # even with all of them
        absence = Absence(steps=(first,), until_ns=flow.settled_ns(b, (first,)), but_maybes=counted)
        if possible >= wanted:
            unknown = next((order for _, order in orders if order.answer == "unknown"), None)
            doubt = next((a.of.doubt for a, _ in orders if a.of.doubt), None)
            return [
                Misordered(
                    step=then,
                    service=flow.service(then),
                    first=self.first,
                    then=self.then,
                    order=unknown,
                    wanted=wanted,
                    seen=sure,
                    evidence=evidence,
                    certain=False,
                    doubt=None if unknown else doubt,
                    anomaly="premature start",
                )
            ]
        if not orders:
            return [
                Missing(
                    step=first,
                    service=flow.service(first),
                    before=self.then,
                    seen=(0, 0) if wanted > 1 else None,
                    wanted=str(wanted) if wanted > 1 else None,
                    evidence=evidence,
                    absences=(absence,),
                    anomaly="premature start",
                )
            ]
        return [
            Misordered(
                step=then,
                service=flow.service(then),
                first=self.first,
                then=self.then,
                order=next((order for _, order in orders if order.answer == "no"), None),
                wanted=wanted,
                seen=sure,
                evidence=evidence,
                absences=(absence,),
                anomaly="premature start",
            )
        ]

    examples: ClassVar = (
        Example(
            verdict="satisfied",
            sketch="a : one @ 0..1ms\na : two @ 2..3ms",
            parameters={"first": "one", "then": "two"},
        ),
        Example(
            verdict="violated",
            sketch="a : one @ 0..4ms\na : two @ 2..3ms",
            parameters={"first": "end of one", "then": "start of two"},
        ),
        Example(
            verdict="satisfied",
            about="an end equal to a start is before it",
            sketch="a : one @ 0..2ms\na : two @ 2..3ms",
            parameters={"first": "end of one", "then": "start of two"},
        ),
        Example(
            verdict="inconclusive",
            about="equal starts on one clock",
            sketch="a : one @ 2..4ms\na : two @ 2..3ms",
            parameters={"first": "one", "then": "two"},
        ),
        Example(
            verdict="satisfied",
            about="its parent started before it, whatever their clocks say",
            sketch="a : one @ 2..4ms\n  b : two @ 1..3ms",
            parameters={"first": "one", "then": "two"},
        ),
        Example(verdict="violated", sketch="a : two @ 2..3ms", parameters={"first": "one", "then": "two"}),
        Example(
            verdict="inconclusive",
            about="an earlier one may be lost",
            sketch="a : two @ 2..3ms",
            parameters={"first": "one", "then": "two"},
            assume="lossy",
        ),
        Example(
            verdict="violated",
            about="a join: two of them first",
            sketch="a : one @ 0..1ms\na : two @ 2..3ms\na : one @ 4..5ms",
            parameters={"first": "one", "then": "two", "count": 2},
        ),
    )
