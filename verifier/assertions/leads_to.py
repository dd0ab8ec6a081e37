"""leads_to: each a is followed by b.

In: a flow with its steps bound, narrowed to the scope. Out: for each a without an answer in its window a `Missing`, a
`Late` or an `Early`; where order or bound can't be told, the same with `certain=False`.
"""

from bisect import bisect_left
from dataclasses import replace
from typing import ClassVar

from verifier.assertions import Example, assertion
from verifier.binding import BoundFlow, PointOf
from verifier.clock import At, Interval, Order
from verifier.shape import AttributeName, ClockName, Duration, Point, Rule, Step, split_point
from verifier.spans import Observation, Record
from verifier.values import Truth, canonical
from verifier.verdict import Absence, Early, Finding, Late, Misordered, Missing, Result, Unreadable

NEAREST = 8
"""How many answers that follow a trigger are asked first: nearly always one of them is the answer."""
Candidate = tuple[PointOf, Order, Interval, Truth, Truth]


@assertion
class LeadsTo(Rule):
    """Each `step` is followed by a `then`, not before `not_before`, within `within`; both bounds are included.

    Term: bounded response (DECLARE: response; Dwyer: response). Formula: `G(a → F[l,u] b)`; with `same: [x]`:
    `G(a ∧ x=v → F[l,u] (b ∧ x=v))`.
    For the order a record begins when it was made (its envelope's time); for the bound it was published at some moment
    from then until it was seen. `clock: business` counts what the business clock was advanced in between.
    """

    step: Point
    then: Point
    within: Duration | None = None
    not_before: Duration | None = None
    same: tuple[AttributeName, ...] = ()
    clock: ClockName = "plain"

    def check(self, flow: BoundFlow) -> Result:
        triggers = flow.points(self.step)
        absence = Absence(steps=(split_point(self.step)[1],))
        return Result(
            findings=tuple(f for a in triggers for f in self._answered(flow, a)),
            activated=bool(triggers),
            activators=(absence,),
            absences=(absence,),
            evidence=flow.some(self.step, self.then),
        )

    def _answered(self, flow: BoundFlow, a: PointOf) -> list[Finding]:
        step, then = split_point(self.step)[1], split_point(self.then)[1]
        answers = self._answers(flow)
        since = a.of.of.first_ns - flow.clocks.uncertainty_ns
        nearest = bisect_left(answers, since, key=lambda p: p.of.of.first_ns)
        for b in answers[nearest : nearest + NEAREST]:
            _, order, _, same, window = self._candidate(flow, a, b)
            if _all(order.answer, same, window):
                return []
        candidates = [self._candidate(flow, a, b) for b in answers]
        truths = [_all(order.answer, same, window) for _, order, _, same, window in candidates]
        if True in truths:
            return []
        business = self.clock == "business"
        due = None
        if self.within is not None:
            due = flow.due_ns(a, flow.duration(self.within), (then,), business=business)
        begun = flow.clocks.when(At(of=a.of.of, edge=a.edge)).lo
        doubted = any(p.of.doubt for p in flow.points(self.step))  # then what answers an earlier one may answer it
        since_ns = None if doubted or flow.clocks.contradicted() else begun - flow.clocks.uncertainty_ns
        absences: tuple[Absence, ...] = (Absence(steps=(then,), until_ns=due, since_ns=since_ns),)
        if flow.shape.steps[step].identity:  # an earlier one, equal to it, may have been answered
            absences = (*absences, Absence(steps=(step,), until_ns=begun))
        doubt = self._perhaps_repeated(flow, a)
        trigger = flow.evidence(step, a.of)
        if None in truths:
            return [self._unsure(flow, a, candidates[truths.index(None)], absences)]
        after = [c for c in candidates if c[1].answer == "yes" and c[3] is not False]
        if after:
            b, _, took, _, _ = after[0]
            early = self.not_before is not None and took.hi < flow.duration(self.not_before)
            kind = Early if early else Late
            limit = flow.duration(self.not_before or "0s") if early else flow.duration(self.within or "0s")
            finding: Finding = kind(
                step=then,
                service=flow.service(then),
                first=self.step,
                then=self.then,
                took=took,
                limit_ns=limit,
                jumped=flow.jumped(a, b) if business else None,
                evidence=(trigger, flow.evidence(then, b.of)),
                absences=absences,
                certain=doubt is None,
                doubt=doubt,
                anomaly="premature start" if early else "late response",
            )
            return [finding]
        return [
            Missing(
                step=then,
                service=flow.service(then),
                since=self.step,
                due_ns=due if due is not None else flow.over_ns,
                limit_ns=flow.duration(self.within) if self.within is not None else None,
                evidence=(trigger,),
                absences=absences,
                certain=doubt is None,
                doubt=doubt,
                anomaly="lost event",
            )
        ]

    def _perhaps_repeated(self, flow: BoundFlow, a: PointOf) -> str | None:
        """Why it may repeat an earlier one that perhaps was answered: one of the two doesn't say which it is."""
        for p in flow.points(self.step):
            doubt = a.of.doubt or p.of.doubt
            if p != a and doubt and flow.before(a, p).answer != "yes":
                answers = (self._candidate(flow, p, b) for b in self._answers(flow))
                if any(_all(order.answer, same, window) is not False for _, order, _, same, window in answers):
                    return doubt
        return None

    def _answers(self, flow: BoundFlow) -> tuple[PointOf, ...]:
        """Every observation of `then`: a repetition answers too, unless it repeats the question."""
        points = flow.points(self.then)
        if split_point(self.step)[1] == split_point(self.then)[1]:
            return points
        if not any(p.of.again for p in points):
            return points
        every = (PointOf(replace(p.of, of=o, again=()), p.edge) for p in points for o in p.of.all)
        return tuple(sorted(every, key=lambda p: (p.of.of.first_ns, p.of.of.id)))

    def _candidate(self, flow: BoundFlow, a: PointOf, b: PointOf) -> Candidate:
        seen = any(p.edge == "end" and isinstance(p.of.of.row, Record) for p in (a, b))
        order = flow.before(a, b) if seen else flow.made_before(a, b)
        took = flow.took(a, b, business=self.clock == "business")
        low = flow.duration(self.not_before) if self.not_before is not None else None
        high = flow.duration(self.within) if self.within is not None else None
        if (low is not None and took.hi < low) or (high is not None and took.lo > high):
            window: Truth = False
        else:
            window = True if (low is None or took.lo >= low) and (high is None or took.hi <= high) else None
        return b, order, took, self._same(flow, a, b), window

    def _same(self, flow: BoundFlow, a: PointOf, b: PointOf) -> Truth:
        if not self.same:
            return True
        truths = {self._equal(flow, o, b.of.of) for o in flow.firsts(a)}
        return truths.pop() if len(truths) == 1 else None

    def _equal(self, flow: BoundFlow, a: Observation, b: Observation) -> Truth:
        truth: Truth = True
        for name in self.same:
            x, y = flow.value(a, name), flow.value(b, name)
            if "unreadable" in (x.state, y.state) or x.state == y.state == "absent":
                truth = None  # two that lack it are not the same by that
            elif x.state != y.state or canonical(x.value) != canonical(y.value):
                return False
        return truth

    def _unsure(self, flow: BoundFlow, a: PointOf, c: Candidate, absences: tuple[Absence, ...]) -> Finding:
        b, order, took, same, window = c
        step, then = split_point(self.step)[1], split_point(self.then)[1]
        evidence = (flow.evidence(step, a.of), flow.evidence(then, b.of))
        service = flow.service(then)
        if same is None:
            why = f"whether {then} answers this {step} can't be told"
            what = ", ".join(self.same)
            return Unreadable(step=then, service=service, what=what, why=why, evidence=evidence, absences=absences)
        if window is None:
            low = flow.duration(self.not_before) if self.not_before is not None else None
            early = low is not None and took.lo < low <= took.hi
            limit = flow.duration((self.not_before if early else self.within) or "0s")
            kind = Early if early else Late
            return kind(
                step=then,
                service=service,
                first=self.step,
                then=self.then,
                took=took,
                limit_ns=limit,
                jumped=flow.jumped(a, b) if self.clock == "business" else None,
                order=order,
                evidence=evidence,
                absences=absences,
                certain=False,
                anomaly="premature start" if early else "late response",
            )
        return Misordered(
            step=then,
            service=service,
            first=self.step,
            then=self.then,
            order=order,
            evidence=evidence,
            absences=absences,
            certain=False,
            anomaly="lost event",
        )

    examples: ClassVar = (
        Example(
            verdict="satisfied",
            about="the last moment that holds",
            sketch="a : one @ 0..1ms\na : two @ 5..6s",
            parameters={"step": "one", "then": "two", "within": "5s"},
        ),
        Example(
            verdict="violated",
            about="the first that doesn't",
            sketch="a : one @ 0..1ms\na : two @ 5.000000001..6s",
            parameters={"step": "one", "then": "two", "within": "5s"},
        ),
        Example(
            verdict="inconclusive",
            about="on the bound, by two clocks",
            sketch="a : one @ 0..1ms\n  b : two @ 5..6s",
            parameters={"step": "one", "then": "two", "within": "5s"},
        ),
        Example(
            verdict="violated",
            about="it never came",
            sketch="a : one @ 0..1ms\na : three @ 9..10s",
            parameters={"step": "one", "then": "two", "within": "5s"},
        ),
        Example(
            verdict="pending",
            about="not yet due",
            sketch="a : one @ 0..1ms\na : three @ 3..4s",
            parameters={"step": "one", "then": "two", "within": "5s"},
        ),
        Example(
            verdict="inconclusive",
            about="lost, perhaps",
            sketch="a : one @ 0..1ms\na : three @ 9..10s",
            parameters={"step": "one", "then": "two", "within": "5s"},
            assume="lossy",
        ),
        Example(
            verdict="violated",
            about="too early is no answer",
            sketch="a : one @ 0..1ms\na : two @ 1..2s",
            parameters={"step": "one", "then": "two", "not_before": "2s", "within": "2.5s"},
            at="+1h",
        ),
        Example(
            verdict="satisfied",
            about="a record seen late, made after its cause",
            sketch="[asked 0:1] @ 0..90ms\n[answered 0:1] @ 40..95ms",
            parameters={"step": "asked", "then": "answered", "within": "5s"},
            steps={"asked": Step(record="asked"), "answered": Step(record="answered")},
        ),
        Example(verdict="vacuous", sketch="a : two @ 0..1ms", parameters={"step": "one", "then": "two"}),
    )


def _all(answer: str, same: Truth, window: Truth) -> Truth:
    truths = ({"yes": True, "no": False}.get(answer), same, window)
    return False if False in truths else None if None in truths else True
