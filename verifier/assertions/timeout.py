"""timeout: unless b cancels it, c comes in time after a; never too soon, never after b.

In: a flow with its steps bound, narrowed to the scope. Out: `Early`, `Unexpected` (c after b), `Late` or `Missing`.
What is said of the first a rests on the absence of an earlier one.
"""

from dataclasses import replace
from typing import ClassVar

from verifier.assertions import Example, assertion
from verifier.binding import BoundFlow, PointOf
from verifier.clock import At
from verifier.shape import ClockName, Duration, Point, Rule, Step, split_point
from verifier.verdict import Absence, Early, Evidence, Finding, Late, Misordered, Missing, Result, Unexpected


@assertion
class Timeout(Rule):
    """After the first `step`, `then` or `cancelled_by` comes by `due_after + grace`; `then` never before `due_after`,
    and never after `cancelled_by`.

    Term: timeout response. Formula, for the first a at t: `∃ b ∨ c ∈ [.., t+d+g]`, `¬∃ c < t+d`, `¬∃ b < c`.
    Bounds are included: exactly d has passed, exactly d + g is in time. `cancelled_by` may come after `then` (a person
    who confirms within the grace). `clock: business` counts what the business clock was advanced in between.
    """

    step: Point
    cancelled_by: Point
    then: Point
    due_after: Duration
    grace: Duration = Duration("0s")
    clock: ClockName = "plain"
    may_lack: ClassVar[frozenset[str]] = frozenset({"cancelled_by", "then"})  # only one of them need ever come

    def check(self, flow: BoundFlow) -> Result:
        step, cancel, then = (split_point(p)[1] for p in (self.step, self.cancelled_by, self.then))
        starts = flow.points(self.step)
        firsts = [a for a in starts if not any(flow.before(x, a).answer == "yes" for x in starts if x is not a)]
        judged = [self._after(flow, a) for a in firsts]
        findings = judged[0] if judged else ()
        if all(any(f.certain for f in found) for found in judged):  # whichever was the first, it went wrong after it
            others = tuple(a for found in judged[1:] for f in found if f.certain for a in f.absences)
            findings = tuple(replace(f, absences=(*f.absences, *others)) if f.certain else f for f in findings)
        elif len({tuple((f.word, f.certain) for f in found) for found in judged}) > 1:
            worst = max(judged, key=len)
            findings = (
                Misordered(
                    step=step,
                    service=flow.service(step),
                    first=self.step,
                    then=self.step,
                    order=flow.before(firsts[0], firsts[1]),
                    evidence=tuple(e for f in worst for e in f.evidence),
                    certain=False,
                    anomaly="unproven",
                ),
            )
        ends = flow.points(self.then)
        last = max((flow.clocks.when(At(of=c.of.of, edge=c.edge)).hi for c in ends), default=None)
        absences = [Absence(steps=(then,))]
        if firsts:
            absences.append(self._earlier(flow, firsts[0]))
        if last is not None:
            absences.append(Absence(steps=(cancel,), until_ns=last))
        return Result(
            findings=findings,
            activated=bool(starts),
            activators=(Absence(steps=(step,)),),
            absences=tuple(absences),
            evidence=flow.some(self.step, self.cancelled_by, self.then),
        )

    def _in_time(self, flow: BoundFlow, c: PointOf) -> int:
        """The last moment at which a `step` leaves c in time, by whatever clock."""
        end = flow.clocks.when(At(of=c.of.of, edge=c.edge)).hi
        return end - flow.duration(self.due_after) + flow.clocks.behind_ns(c.of.of)

    def _earlier(self, flow: BoundFlow, a: PointOf, most_ns: int | None = None) -> Absence:
        """No `step` before the first that was seen; of those, only what came by `most_ns` matters."""
        step = split_point(self.step)[1]
        until = flow.clocks.when(At(of=a.of.of, edge=a.edge)).lo if flow.closed else flow.settled_ns(a, (step,))
        return Absence(steps=(step,), until_ns=until if most_ns is None else min(until, most_ns))

    def _after(self, flow: BoundFlow, a: PointOf) -> tuple[Finding, ...]:
        business = self.clock == "business"
        step, cancel, then = (split_point(p)[1] for p in (self.step, self.cancelled_by, self.then))
        soonest = flow.duration(self.due_after)
        latest = soonest + flow.duration(self.grace)
        begun, service = flow.evidence(step, a.of), flow.service(then)
        cancels, ends = flow.points(self.cancelled_by), flow.points(self.then)
        findings: list[Finding] = []
        for c in ends:
            took = flow.took(a, c, business=business)
            if took.lo < soonest:
                findings.append(
                    Early(
                        step=then,
                        service=service,
                        first=self.step,
                        then=self.then,
                        took=took,
                        limit_ns=soonest,
                        jumped=flow.jumped(a, c) if business else None,
                        evidence=(begun, flow.evidence(then, c.of)),
                        absences=(self._earlier(flow, a, None if business else self._in_time(flow, c)),),
                        certain=took.hi < soonest,
                        anomaly="premature timeout",
                    )
                )
            findings += self._after_cancel(flow, cancels, c)
        took_to = [(x, flow.took(a, x, business=business)) for x in (*ends, *cancels)]
        if any(took.hi <= latest for _, took in took_to):
            return tuple(findings)
        due = flow.due_ns(a, latest, (cancel, then), business=business)
        absences = (Absence(steps=(cancel, then), until_ns=due),)
        if took_to:
            x, took = min(took_to, key=lambda item: (item[1].lo, item[0].of.of.id))
            evidence: tuple[Evidence, ...] = (begun, flow.evidence(x.of.step, x.of))
            late = Late(
                step=x.of.step,
                service=flow.service(x.of.step),
                first=self.step,
                then=x.of.step,
                took=took,
                limit_ns=latest,
                jumped=flow.jumped(a, x) if business else None,
                evidence=evidence,
                absences=absences,
                certain=took.lo > latest,
                anomaly="late response",
            )
            return (*findings, late)
        missing = Missing(
            step=then,
            service=service,
            instead=(cancel,),
            since=self.step,
            due_ns=due,
            limit_ns=latest,
            evidence=(begun,),
            absences=absences,
            anomaly="stuck",
        )
        return (*findings, missing)

    def _after_cancel(self, flow: BoundFlow, cancels: tuple[PointOf, ...], c: PointOf) -> list[Finding]:
        """c came after b: sure for any b that surely came before it."""
        then, cancel = split_point(self.then)[1], split_point(self.cancelled_by)[1]
        orders = [(b, flow.before(b, c)) for b in cancels]
        for answer in ("yes", "unknown"):
            for b, order in orders:
                if order.answer != answer:
                    continue
                evidence = (flow.evidence(cancel, b.of), flow.evidence(then, c.of))
                if answer == "yes":
                    return [
                        Unexpected(
                            step=then,
                            service=flow.service(then),
                            after=self.cancelled_by,
                            evidence=evidence,
                            anomaly="premature timeout",
                        )
                    ]
                return [
                    Misordered(
                        step=then,
                        service=flow.service(then),
                        first=self.then,
                        then=self.cancelled_by,
                        order=order,
                        evidence=evidence,
                        certain=False,
                        anomaly="premature timeout",
                    )
                ]
        return []

    examples: ClassVar = (
        Example(
            verdict="satisfied",
            about="exactly 24 h have passed",
            sketch="a : asked @ 0..1ms\na : expired @ 24..24.1h",
            parameters={"step": "asked", "cancelled_by": "done", "then": "expired", "due_after": "24h", "grace": "1h"},
            steps={"done": Step(span="done")},
        ),
        Example(
            verdict="violated",
            about="1 ns too soon",
            sketch="a : asked @ 0..1ms\na : expired @ 86399.999999999..86400s",
            parameters={"step": "asked", "cancelled_by": "done", "then": "expired", "due_after": "24h", "grace": "1h"},
        ),
        Example(
            verdict="satisfied",
            about="cancelled in time",
            sketch="a : asked @ 0..1ms\na : done @ 3..3.1h",
            parameters={"step": "asked", "cancelled_by": "done", "then": "expired", "due_after": "24h", "grace": "1h"},
        ),
        Example(
            verdict="satisfied",
            about="cancelled within the grace, after the timeout",
            sketch="a : asked @ 0..1ms\na : expired @ 24..24.1h\na : done @ 24.5..24.6h",
            parameters={"step": "asked", "cancelled_by": "done", "then": "expired", "due_after": "24h", "grace": "1h"},
        ),
        Example(
            verdict="violated",
            about="expired although it was done",
            sketch="a : asked @ 0..1ms\na : done @ 3..3.1h\na : expired @ 24..24.1h",
            parameters={"step": "asked", "cancelled_by": "done", "then": "expired", "due_after": "24h", "grace": "1h"},
        ),
        Example(
            verdict="pending",
            about="not yet due",
            sketch="a : asked @ 0..1ms",
            parameters={"step": "asked", "cancelled_by": "done", "then": "expired", "due_after": "24h", "grace": "1h"},
            at="+24h",
        ),
        Example(
            verdict="violated",
            about="neither came",
            sketch="a : asked @ 0..1ms",
            parameters={"step": "asked", "cancelled_by": "done", "then": "expired", "due_after": "24h", "grace": "1h"},
            at="+26h",
        ),
        Example(
            verdict="satisfied",
            about="the test advanced the clock by 24 h",
            sketch="a : asked @ 0..1ms\na : tick @ 10..11s\n  * clock.advanced @ 10s jump_id=j by=24h\n"
            "a : expired @ 20..21s",
            parameters={
                "step": "asked",
                "cancelled_by": "done",
                "then": "expired",
                "due_after": "24h",
                "grace": "1h",
                "clock": "business",
            },
        ),
        Example(
            verdict="inconclusive",
            about="it may be lost",
            sketch="a : asked @ 0..1ms",
            parameters={"step": "asked", "cancelled_by": "done", "then": "expired", "due_after": "24h", "grace": "1h"},
            at="+26h",
            assume="lossy",
        ),
    )
