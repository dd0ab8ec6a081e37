"""varies: what should differ from flow to flow does.

In: of each flow, the values at one step and what they are told apart by. Out: a `Mismatch` where so many had the chance
to differ and did not; an `Unreadable` where what can't be read would decide.
"""

from collections.abc import Iterable, Sequence
from typing import ClassVar

from verifier.assertions import Example, assertion
from verifier.binding import BoundFlow
from verifier.shape import AttributeName, Condition, RunRule, Shape, Step, StepName
from verifier.shares import Entry, Share, certain, fewest, folded, key_of, most, once, shown, silent
from verifier.spans import Observation
from verifier.values import canonical
from verifier.verdict import Absence, Mismatch, Result, Unreadable


@assertion
class Varies(RunRule):
    """Flows that should differ in an attribute do: it is not a constant that somebody wrote into the code.

    Term: not a constant (hyperproperty). Formula: `#{x.over | x at the step} ≥ n → #{x.v | x at the step} ≥ n`, over
    all flows of the run: as soon as n flows (or n values of `over`) reached the step with a value, there are n values.
    Fewer than n: never activated, so never a pass. n values that were seen are final, whatever is lost; that there are
    fewer rests on having seen every flow. A record without the attribute has no value; a span that doesn't carry it and
    whose message was not seen may have any. Say it of runs that are known to hold different flows: ten classes that all
    learn the same are no fault.
    """

    attribute: AttributeName
    at: StepName
    over: tuple[AttributeName, ...] = ()
    at_least: int = 2

    def collect(self, flow: BoundFlow) -> tuple[Entry, ...]:
        return folded(flow, self._entries(flow))

    def rests_on(self) -> tuple[Absence, ...]:
        return (Absence(steps=(self.at,), but_maybes=True),)

    def check_run(self, shares: Sequence[Share]) -> Result:
        n = self.at_least
        every = list(certain(shares))
        valued = [(e, doubt is None) for _, e, doubt in every if e.value is not None]
        values = (
            fewest((e.value, e.count) for e, sure in valued if sure),
            most((e.value, e.count) for _, e, _ in every),
        )
        owners = (
            fewest((e.owner, e.count) for e, sure in valued if sure),
            most((e.owner, e.count) for _, e, _ in every),
        )
        absences = self.rests_on()
        if owners[1] < n:
            return Result(activated=False, activators=absences)
        differing = _one_of_each((e.value, e) for e, sure in valued if sure)
        among = _one_of_each((e.owner, e) for e, sure in valued if sure)
        evidence = once(*(e.evidence for e in (*differing[:n], *among[:n])))
        if min(values[0], owners[0]) >= n:
            return Result(evidence=evidence)
        flows = tuple(sorted({str(e.evidence.flow) for e, _ in valued}))
        if owners[0] >= n > values[1]:
            seen = ", ".join(sorted({str(e.value) for e in differing}))
            finding = Mismatch(
                step=self.at,
                service=among[0].evidence.of.row.service or None,
                attribute=self.attribute,
                how="constant",
                seen=seen,
                expected=n,
                flows=flows,
                evidence=evidence,
                absences=absences,
                anomaly="frozen constant",
            )
            return Result(findings=(finding,))
        entry, doubt = next((e, d) for _, e, d in every if e.value is None or e.owner is None or d is not None)
        finding_unread = Unreadable(
            step=self.at,
            service=entry.evidence.of.row.service or None,
            what=f"whether {self.attribute} varies",
            raw=f"{values[0]} to {values[1]} values in {owners[0]} to {owners[1]} flows, expected {n}",
            why=doubt or entry.why,
            settled_by=entry.settled_by,
            evidence=once(*evidence, entry.evidence),
            absences=absences,
        )
        return Result(findings=(finding_unread,))

    def problems(self, shape: Shape) -> list[tuple[str, str]]:
        if self.at_least < 2:
            return [("at_least", f"{self.at_least} different values is what any flow has; expected 2 or more")]
        return RunRule.problems(self, shape)

    def _entries(self, flow: BoundFlow) -> Iterable[Entry]:
        for occurrence in flow.occurrences[self.at]:
            for o in occurrence.all:
                yield from self._entry(flow, o, None)
        for maybe in flow.maybes[self.at]:
            doubt = f"{maybe.attribute}: {maybe.why}"
            yield from self._entry(flow, maybe.of, doubt)

    def _entry(self, flow: BoundFlow, o: Observation, doubt: str | None) -> Iterable[Entry]:
        seen = flow.value(o, self.attribute)
        if seen.state == "absent" and not silent(o.row, seen.rows):
            return  # its message surely has none
        known = seen.state == "known"
        unread = seen.why or "it is not on the span, and the span speaks of no message"
        owner, why = key_of(flow, o, self.over)
        yield Entry(
            owner=owner,
            value=canonical(seen.value) if known else None,
            evidence=shown(flow, self.at, o),
            why=why or ("" if known else f"{self.attribute}: {unread}"),
            settled_by=seen.settled_by,
            doubt=doubt,
        )

    examples: ClassVar = (
        Example(
            verdict="satisfied",
            sketch="a : done @ 0..1ms flow=1 code=X\na : done @ 5..6ms flow=2 code=Y",
            parameters={"attribute": "code", "at": "done"},
        ),
        Example(
            verdict="violated",
            about="a constant, whatever was asked for",
            sketch="a : done @ 0..1ms flow=1 code=X\na : done @ 5..6ms flow=2 code=X",
            parameters={"attribute": "code", "at": "done"},
        ),
        Example(
            verdict="vacuous",
            about="one flow alone can't differ",
            sketch="a : done @ 0..1ms flow=1 code=X",
            parameters={"attribute": "code", "at": "done"},
        ),
        Example(
            verdict="violated",
            about="two values, and three flows that should all differ",
            sketch=(
                "a : done @ 0..1ms flow=1 code=X\na : done @ 5..6ms flow=2 code=Y\na : done @ 9..10ms flow=3 code=X"
            ),
            parameters={"attribute": "code", "at": "done", "at_least": 3},
        ),
        Example(
            verdict="vacuous",
            about="told apart by class: the two flows are of one",
            sketch="a : done @ 0..1ms flow=1 code=X class=k\na : done @ 5..6ms flow=2 code=X class=k",
            parameters={"attribute": "code", "at": "done", "over": ("class",)},
        ),
        Example(
            verdict="satisfied",
            about="two values were seen, whatever is lost",
            sketch="a : done @ 0..1ms flow=1 code=X\na : done @ 5..6ms flow=2 code=Y",
            parameters={"attribute": "code", "at": "done"},
            assume="lossy",
        ),
        Example(
            verdict="inconclusive",
            about="a flow with another value may be lost",
            sketch="a : done @ 0..1ms flow=1 code=X\na : done @ 5..6ms flow=2 code=X",
            parameters={"attribute": "code", "at": "done"},
            assume="lossy",
        ),
        Example(
            verdict="inconclusive",
            about="whether the other one was big, and counts, can't be read",
            sketch="a : done @ 0..1ms flow=1 code=X n=5\na : done @ 5..6ms flow=2 code=Y n=many",
            parameters={"attribute": "code", "at": "done"},
            steps={"done": Step(span="done", where={"n": Condition(gt=1)})},
        ),
        Example(
            verdict="pending",
            about="the second flow has yet to get there",
            sketch="a : done @ 0..1ms flow=1 code=X\na : begin @ 5..6ms flow=2",
            parameters={"attribute": "code", "at": "done"},
            ends=("done",),
        ),
    )


def _one_of_each(entries: Iterable[tuple[str | None, Entry]]) -> list[Entry]:
    """The first entry of each known key."""
    kept: dict[str, Entry] = {}
    for key, entry in entries:
        if key is not None:
            kept.setdefault(key, entry)
    return list(kept.values())
