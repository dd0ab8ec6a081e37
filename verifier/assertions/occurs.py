"""occurs: a step happens so many times.

In: a flow with its steps bound, narrowed to the scope. Out: `Unexpected` above the most, `Missing` below the least,
`Unreadable` where the count depends on an identity that can't be read.
"""

from typing import ClassVar

from verifier.assertions import Example, assertion
from verifier.binding import BoundFlow, Occurrence
from verifier.shape import AttributeName, FactRef, Rule, Step, StepName, Times
from verifier.values import canonical
from verifier.verdict import Absence, Finding, Missing, Result, Unexpected, Unreadable


@assertion
class Occurs(Rule):
    """A step happens n times: `1`, `">=1"`, `"0..1"`, or as often as a fact says.

    Term: existence, exactly, bounded existence (DECLARE). Formula: `n ≤ #a ≤ m`; with `for_each: [x]`, for every value
    of x that is seen: `n ≤ #{a | a.x = v} ≤ m` (idempotence: at most one effect per message).
    What is equal in the step's `identity` counts once. An identity that can't be read makes the count an interval: it
    decides where both its ends decide alike. Too many is sure at once; too few only when no more can come.
    """

    step: StepName
    times: Times
    for_each: tuple[AttributeName, ...] = ()

    def check(self, flow: BoundFlow) -> Result:
        occurrences = flow.occurrences[self.step]
        absence = Absence(steps=(self.step,), but_maybes=not self.for_each)  # they are counted
        bounds = flow.times(self.times)
        if isinstance(bounds, Unreadable):
            return Result(findings=(bounds,))
        findings: list[Finding] = []
        if self.for_each:
            groups, blind = self._groups(flow)
            maybes = len(flow.maybes[self.step])
            most = max((flow.count(members)[1] for _, members in groups), default=0) + len(blind) + maybes
            found = [f for group, members in groups for f in self._count(flow, bounds, members, group=group)]
            lacking = sum(bounds[0] - _most(f) for f in found if isinstance(f, Missing))  # of all groups together
            findings += [f for f in found if not isinstance(f, Missing) or lacking > len(blind)]
            if blind and most < bounds[0]:  # of whichever it is, it is too few
                findings += self._count(flow, bounds, tuple(o for o, _ in blind))
            elif bounds[0] > 1 or (bounds[1] is not None and most > bounds[1]):
                findings += [finding for _, finding in blind]
        else:
            findings += self._count(flow, bounds, occurrences, maybes=len(flow.maybes[self.step]))
        return Result(
            findings=tuple(findings),
            activated=bool(occurrences) or not self.for_each,
            activators=(absence,),
            absences=(absence,) if bounds[1] is not None or self.for_each else (),
            evidence=flow.some(self.step),
        )

    def _count(
        self,
        flow: BoundFlow,
        bounds: tuple[int, int | None],
        occurrences: tuple[Occurrence, ...],
        *,
        maybes: int = 0,
        group: str | None = None,
    ) -> list[Finding]:
        least, most = bounds
        low, high = flow.count(occurrences, maybes)
        wanted = str(self.times) if not isinstance(self.times, FactRef) else f"{least} (fact {self.times.fact})"
        evidence = tuple(flow.evidence(self.step, o) for o in occurrences)
        service = flow.service(self.step)
        if most is not None and low > most:
            return [
                Unexpected(
                    step=self.step,
                    service=service,
                    seen=(low, high),
                    wanted=wanted,
                    group=group,
                    evidence=evidence,
                    anomaly="duplicate effect" if most else "wrong branch",
                )
            ]
        if high < least:
            return [
                Missing(
                    step=self.step,
                    service=service,
                    seen=(low, high),
                    wanted=wanted,
                    group=group,
                    due_ns=flow.over_ns,
                    evidence=evidence,
                    absences=(Absence(steps=(self.step,), but_maybes=group is None),),
                    anomaly="lost event",
                )
            ]
        if low < least or (most is not None and high > most):
            why = next((o.doubt for o in occurrences if o.doubt), None) or next(
                (f"{m.attribute}: {m.why}" for m in flow.maybes[self.step]), ""
            )
            return [
                Unreadable(
                    step=self.step,
                    service=service,
                    what=f"how often {self.step} occurred",
                    raw=f"{low} to {high}, expected {wanted}",
                    why=why,
                    settled_by=next((m.settled_by for m in flow.maybes[self.step] if m.settled_by), None),
                    evidence=evidence,
                )
            ]
        return []

    def _groups(
        self, flow: BoundFlow
    ) -> tuple[list[tuple[str, tuple[Occurrence, ...]]], list[tuple[Occurrence, Finding]]]:
        """Occurrences by their values of `for_each`, and those whose values can't be read, each with a finding."""
        groups: dict[str, list[Occurrence]] = {}
        blind: list[tuple[Occurrence, Finding]] = []
        for occurrence in flow.occurrences[self.step]:
            values = [(name, flow.value(occurrence.of, name)) for name in self.for_each]
            lost = next(((name, seen) for name, seen in values if seen.state != "known"), None)
            if lost is None:
                text = ", ".join(f"{name}={canonical(seen.value)}" for name, seen in values)
                groups.setdefault(text, []).append(occurrence)
                continue
            unreadable = Unreadable(
                step=self.step,
                service=flow.service(self.step),
                what=lost[0],
                why=lost[1].why or "it is not there",
                settled_by=lost[1].settled_by,
                evidence=(flow.evidence(self.step, occurrence),),
            )
            blind.append((occurrence, unreadable))
        return [(text, tuple(members)) for text, members in sorted(groups.items())], blind

    examples: ClassVar = (
        Example(verdict="satisfied", sketch="a : one @ 0..1ms", parameters={"step": "one", "times": 1}),
        Example(verdict="violated", sketch="b : two @ 0..1ms", parameters={"step": "one", "times": 1}),
        Example(
            verdict="violated",
            sketch="a : one @ 0..1ms\na : one @ 5..6ms",
            parameters={"step": "one", "times": "0..1"},
        ),
        Example(
            verdict="satisfied",
            about="a repetition, equal in its identity, counts once",
            sketch="a : one @ 0..1ms event_id=x\na : one @ 5..6ms event_id=x",
            parameters={"step": "one", "times": 1},
            steps={"one": Step(span="one", identity=(AttributeName("event_id"),))},
        ),
        Example(
            verdict="violated",
            about="one message, two effects",
            sketch="a : one @ 0..1ms event_id=x\na : one @ 5..6ms event_id=x",
            parameters={"step": "one", "times": "0..1", "for_each": ("event_id",)},
        ),
        Example(
            verdict="inconclusive",
            about="one was seen, the other may be lost",
            sketch="a : one @ 0..1ms",
            parameters={"step": "one", "times": 2},
            assume="lossy",
        ),
        Example(
            verdict="violated",
            about="too many is sure, whatever is lost",
            sketch="a : one @ 0..1ms\na : one @ 5..6ms",
            parameters={"step": "one", "times": 1},
            assume="lossy",
        ),
    )


def _most(missing: Missing) -> int:
    """How many there can have been at most."""
    assert missing.seen is not None
    return missing.seen[1]
