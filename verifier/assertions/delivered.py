"""delivered: what was stored to be sent is published, and consumed by everybody.

In: a flow with its steps bound, narrowed to the scope. Out: for each stored message that wasn't published or consumed
in time a `Missing` or a `Late`, which names who lacks it; where order, bound or message can't be told, the same with
`certain=False`, or an `Unreadable`.
"""

from dataclasses import replace
from typing import ClassVar

from verifier.assertions import Example, assertion
from verifier.binding import BoundFlow, PointOf
from verifier.clock import At, Interval, Order
from verifier.shape import AttributeName, Duration, Point, Rule, Shape, split_point
from verifier.values import Truth, canonical
from verifier.verdict import Absence, Finding, Late, Misordered, Missing, Result, Unreadable

_PARAMETERS = {"stored": "stored", "published": "sent", "consumed": ("got",), "within": "5s"}


@assertion
class Delivered(Rule):
    """Each `stored` message is `published`, and consumed at each step of `consumed`, within `within` of its storing.

    Term: outbox delivery (bounded response, per message). Formula: `G(s ∧ id=v → F[0,d] (p ∧ id=v) ∧
    ∀ c ∈ consumed: F[0,d] (c ∧ id=v))`, where id are the attributes of `same` and the clock of d stands still during
    the outages that `verifier.toml` declares: `outages = [{from = 2026-11-22T22:00:00Z, to = 2026-11-22T22:05:00Z}]`.
    The bound is included. A record proves that a message was published, a `send` span only that it was meant to be.
    A message without an id can't be followed. Delivered twice is delivered: `occurs` with `for_each` counts effects.
    """

    stored: Point
    published: Point
    consumed: tuple[Point, ...]
    within: Duration
    same: tuple[AttributeName, ...] = (AttributeName("event_id"),)

    def problems(self, shape: Shape) -> list[tuple[str, str]]:
        """What is wrong with the parameters together."""
        if scopes := Rule.problems(self, shape):
            return scopes
        empty = [name for name in ("consumed", "same") if not getattr(self, name)]
        return [(name, f"'{name}' is an empty list; expected at least one name") for name in empty]

    def check(self, flow: BoundFlow) -> Result:
        stored = flow.points(self.stored)
        absence = Absence(steps=(split_point(self.stored)[1],))
        wanted = dict.fromkeys((self.published, *self.consumed))
        return Result(
            findings=tuple(f for s in stored for then in wanted for f in self._followed(flow, s, then)),
            activated=bool(stored),
            activators=(absence,),
            absences=(absence,),
            evidence=flow.some(self.stored, *wanted),
        )

    def _followed(self, flow: BoundFlow, s: PointOf, then: Point) -> list[Finding]:
        """A finding if `then` of the same message doesn't follow in time."""
        limit = flow.duration(self.within)
        best: tuple[Truth, Truth, Truth, PointOf, Order, Interval] | None = None
        for x in _every(flow, then):
            same = self._same(flow, s, x)
            order = _order(flow, s, x)
            if same is False or order.answer == "no":
                continue
            took = self._took(flow, s, x)
            ordered = True if order.answer == "yes" else None
            window: Truth = False if took.lo > limit else True if took.hi <= limit else None
            if same and ordered and window:
                return []
            if best is None or _rank(same, ordered, window) > _rank(*best[:3]):
                best = (same, ordered, window, x, order, took)
        step, name = split_point(self.stored)[1], split_point(then)[1]
        at = At(of=s.of.of, edge=s.edge)
        begun, due = flow.clocks.when(at).lo, flow.clocks.due_but_outages_ns(at, limit)
        absences: tuple[Absence, ...] = (
            Absence(steps=(name,), until_ns=due, since_ns=begun - flow.clocks.uncertainty_ns),
        )
        if flow.shape.steps[step].identity:  # an earlier one, equal to it, may have been delivered
            absences = (*absences, Absence(steps=(step,), until_ns=begun))
        if best is not None and (best[2] is not False or None in best[:2]):
            return [self._unsure(flow, s, then, best, absences)]
        if best is not None:
            return [self._late(flow, s, then, best[3], best[5], absences, certain=s.of.doubt is None)]
        return [
            Missing(
                step=name,
                service=flow.service(name),
                since=self.stored,
                due_ns=due,
                limit_ns=limit,
                evidence=(flow.evidence(step, s.of),),
                absences=absences,
                certain=s.of.doubt is None,
                doubt=s.of.doubt,
                anomaly="lost event",
            )
        ]

    @staticmethod
    def _took(flow: BoundFlow, s: PointOf, x: PointOf) -> Interval:
        """How long from s to x, without what of it was an outage."""
        took, stopped = flow.took(s, x), _stopped(flow, s, x)
        return Interval(took.lo - stopped.hi, took.hi - stopped.lo)

    def _same(self, flow: BoundFlow, s: PointOf, x: PointOf) -> Truth:
        """Whether both are of one message."""
        truth: Truth = True
        for name in self.same:
            a, b = flow.value(s.of.of, name), flow.value(x.of.of, name)
            if a.state != "known" or b.state == "unreadable":
                truth = None
            elif b.state == "absent" or canonical(a.value) != canonical(b.value):
                return False
        return truth

    def _late(
        self,
        flow: BoundFlow,
        s: PointOf,
        then: Point,
        x: PointOf,
        took: Interval,
        absences: tuple[Absence, ...],
        *,
        certain: bool,
    ) -> Finding:
        step, name = split_point(self.stored)[1], split_point(then)[1]
        return Late(
            step=name,
            service=flow.service(name),
            first=self.stored,
            then=then,
            took=took,
            limit_ns=flow.duration(self.within),
            stopped=_stopped(flow, s, x),
            evidence=(flow.evidence(step, s.of), flow.evidence(name, x.of)),
            absences=absences,
            certain=certain,
            doubt=s.of.doubt,
            anomaly="late response",
        )

    def _unsure(
        self,
        flow: BoundFlow,
        s: PointOf,
        then: Point,
        best: tuple[Truth, Truth, Truth, PointOf, Order, Interval],
        absences: tuple[Absence, ...],
    ) -> Finding:
        same, ordered, _, x, order, took = best
        step, name = split_point(self.stored)[1], split_point(then)[1]
        evidence = (flow.evidence(step, s.of), flow.evidence(name, x.of))
        service = flow.service(name)
        if same is None:
            why = f"whether {name} is of the message of {step} can't be told"
            what = ", ".join(self.same)
            return Unreadable(step=name, service=service, what=what, why=why, evidence=evidence, absences=absences)
        if ordered:
            return self._late(flow, s, then, x, took, absences, certain=False)
        return Misordered(
            step=name,
            service=service,
            first=self.stored,
            then=then,
            order=order,
            evidence=evidence,
            absences=absences,
            certain=False,
            anomaly="lost event",
        )

    examples: ClassVar = (
        Example(
            verdict="satisfied",
            about="published and consumed; the last moment that holds",
            sketch="a : stored @ 0s event_id=e\na : sent @ 1s event_id=e\na : got @ 5s event_id=e",
            parameters=_PARAMETERS,
        ),
        Example(
            verdict="violated",
            about="the first that doesn't",
            sketch="a : stored @ 0s event_id=e\na : sent @ 1s event_id=e\na : got @ 5.000000001..6s event_id=e",
            parameters=_PARAMETERS,
        ),
        Example(
            verdict="satisfied",
            about="the clock stood still for a minute",
            sketch="a : stored @ 0s event_id=e\na : sent @ 62s event_id=e\na : got @ 64s event_id=e",
            parameters=_PARAMETERS,
            outages=({"from": "1s", "to": "61s"},),
        ),
        Example(
            verdict="violated",
            about="published, but consumed was another one",
            sketch="a : stored @ 0s event_id=e\na : sent @ 1s event_id=e\na : got @ 2s event_id=f\na : end @ 9s",
            parameters=_PARAMETERS,
        ),
        Example(
            verdict="pending",
            about="not yet due",
            sketch="a : stored @ 0s event_id=e\na : sent @ 1s event_id=e",
            parameters=_PARAMETERS,
        ),
        Example(
            verdict="inconclusive",
            about="its consumption may be lost",
            sketch="a : stored @ 0s event_id=e\na : sent @ 1s event_id=e\na : end @ 9s",
            parameters=_PARAMETERS,
            assume="lossy",
        ),
        Example(verdict="vacuous", sketch="a : sent @ 1s event_id=e", parameters=_PARAMETERS),
    )


def _every(flow: BoundFlow, point: Point) -> tuple[PointOf, ...]:
    """Every observation of a point's step: a repetition delivers too."""
    every = (PointOf(replace(p.of, of=o, again=()), p.edge) for p in flow.points(point) for o in p.of.all)
    return tuple(sorted(every, key=lambda p: (p.of.of.first_ns, p.of.of.id)))


def _order(flow: BoundFlow, s: PointOf, x: PointOf) -> Order:
    starts = s.edge == "start" and x.edge == "start"
    return flow.made_before(s, x) if starts else flow.before(s, x)


def _stopped(flow: BoundFlow, s: PointOf, x: PointOf) -> Interval:
    a, b = (flow.clocks.when(At(of=p.of.of, edge=p.edge)) for p in (s, x))
    return flow.clocks.stopped(a, b)


def _rank(same: Truth, ordered: Truth, window: Truth) -> tuple[int, int]:
    """The nearest to an answer first: one that may be one, before one that is too late."""
    return (window is not False, (same is True) + (ordered is True) + (window is True))
