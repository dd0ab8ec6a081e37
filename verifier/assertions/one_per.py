"""one_per: so many objects for each owner, across all flows.

In: of each flow, the objects that a step made or used, each with its owner. Out: `Unexpected` above the most, `Missing`
below the least, `Unreadable` where what can't be read would decide.
"""

from collections.abc import Iterable, Sequence
from typing import ClassVar

from verifier.assertions import Example, assertion
from verifier.binding import BoundFlow
from verifier.shape import AttributeName, RunRule, Shape, StepName
from verifier.shares import Entry, Share, certain, fewest, folded, key_of, most, once, shown
from verifier.spans import Observation, own
from verifier.values import canonical
from verifier.verdict import Absence, Finding, Missing, Result, Unexpected, Unreadable

Counted = tuple[Entry, str | None]
"""An entry, and why it may not count."""


@assertion
class OnePer(RunRule):
    """An owner has so many different objects in the whole run: one that is made once and reused counts once.

    Term: object cardinality. Formula: `∀ owner o: l ≤ #{x.identity | x is an object, x.owner = o} ≤ u`, over all flows.
    Objects are occurrences of the step `object`, told apart by `identity`. Too many are sure at once; too few (and
    that there are no more) rests on having seen every flow. An owner without an object counts where `at_least` asks for
    one: then an owner is whatever a row of a flow names so. An identity or an owner that can't be read makes the counts
    intervals: it decides where both their ends decide alike.
    """

    object: StepName
    identity: tuple[AttributeName, ...]
    owner: AttributeName
    at_least: int = 0
    at_most: int

    def collect(self, flow: BoundFlow) -> tuple[Entry, ...]:
        return folded(flow, (*self._objects(flow), *self._owners(flow)))

    def rests_on(self) -> tuple[Absence, ...]:
        steps = Absence(steps=(self.object,), but_maybes=True)
        return (steps, Absence(spans=True, records=True)) if self.at_least else (steps,)

    def check_run(self, shares: Sequence[Share]) -> Result:
        every: list[Counted] = [(entry, doubt) for _, entry, doubt in certain(shares)]
        by_owner: dict[str | None, list[Counted]] = {}
        for entry, doubt in every:
            by_owner.setdefault(entry.owner, []).append((entry, doubt))
        nobodys = by_owner.pop(None, [])
        found = [self._of_owner(owner, mine, nobodys) for owner, mine in sorted(by_owner.items(), key=str)]
        if nobodys:
            found.append(self._of_nobody(nobodys))
        findings = [f for f in found if f is not None]
        counted = [entry for entry, doubt in every if doubt is None]
        if every and not counted and not findings:
            findings.append(self._unread(None, every, (0, len(every)), every))
        absences = self.rests_on()
        return Result(
            findings=tuple(findings),
            activated=bool(every),
            activators=absences,
            absences=absences,
            evidence=tuple(e.evidence for e in counted[:4]),
        )

    def problems(self, shape: Shape) -> list[tuple[str, str]]:
        if not self.identity:
            return [("identity", "nothing tells objects apart; expected at least one attribute")]
        if self.at_least > self.at_most:
            return [("at_least", f"{self.at_least} at least is more than {self.at_most} at most")]
        return RunRule.problems(self, shape)

    def _of_owner(self, owner: str | None, mine: list[Counted], nobodys: list[Counted]) -> Finding | None:
        low = fewest((e.value, e.count) for e, doubt in mine if e.count and doubt is None)
        high = most((e.value, e.count) for e, _ in [*mine, *nobodys] if e.count)
        if low > self.at_most:
            return self._too_many(owner, mine, (low, high))
        sure = any(doubt is None for _, doubt in mine)
        if sure and high < self.at_least:
            return Missing(
                step=self.object,
                seen=(low, high),
                wanted=self._wanted(),
                group=self._group(owner),
                evidence=tuple(e.evidence for e, _ in mine),
                absences=self.rests_on(),
                anomaly="lost event",
            )
        if high > self.at_most or low < self.at_least:
            return self._unread(owner, mine, (low, high), [*mine, *nobodys])
        return None

    def _of_nobody(self, nobodys: list[Counted]) -> Finding | None:
        """Objects whose owner can't be read may all be of one that is not known yet."""
        high = most((e.value, e.count) for e, _ in nobodys)
        if high > self.at_most or self.at_least > 1:
            return self._unread(None, nobodys, (1, high), nobodys)
        return None

    def _too_many(self, owner: str | None, mine: list[Counted], seen: tuple[int, int]) -> Finding:
        different: dict[str, Entry] = {}
        for entry, doubt in mine:
            if doubt is None and entry.value is not None:
                different.setdefault(entry.value, entry)
        shown = list(different.values())
        no_guess = [e for e in shown if not e.weak]
        if len(no_guess) > self.at_most:  # they are enough
            shown = no_guess
        if not shown:
            shown = [e for e, doubt in mine if doubt is None]
        evidence = tuple(e.evidence for e in sorted(shown, key=lambda e: (e.evidence.of.first_ns, e.evidence.of.id)))
        return Unexpected(
            step=self.object,
            service=evidence[-1].of.row.service or None,
            seen=seen,
            wanted=self._wanted(),
            group=self._group(owner),
            evidence=evidence,
            anomaly="duplicate effect",
        )

    def _unread(self, owner: str | None, mine: list[Counted], seen: tuple[int, int], why: list[Counted]) -> Finding:
        blind = next(((e, d) for e, d in why if e.value is None or e.owner is None or d is not None), why[0])
        return Unreadable(
            step=self.object,
            service=blind[0].evidence.of.row.service or None,
            what=f"how many {self.object} there are" + (f" for {self._group(owner)}" if owner is not None else ""),
            raw=f"{seen[0]} to {seen[1]}, expected {self._wanted()}",
            why=blind[1] or blind[0].why,
            settled_by=blind[0].settled_by,
            evidence=once(*(e.evidence for e, _ in (*mine, blind))),
            absences=self.rests_on(),
        )

    def _objects(self, flow: BoundFlow) -> Iterable[Entry]:
        for occurrence in flow.occurrences[self.object]:
            for o in occurrence.all:
                yield self._entry(flow, o, None)
        for maybe in flow.maybes[self.object]:
            yield self._entry(flow, maybe.of, f"{maybe.attribute}: {maybe.why}")

    def _entry(self, flow: BoundFlow, o: Observation, doubt: str | None) -> Entry:
        owner, no_owner = key_of(flow, o, (self.owner,))
        value, no_value = key_of(flow, o, self.identity)
        evidence = shown(flow, self.object, o)
        return Entry(owner=owner, value=value, evidence=evidence, why=no_owner or no_value, doubt=doubt)

    def _owners(self, flow: BoundFlow) -> Iterable[Entry]:
        """Owners whom a row of the flow names, with or without an object."""
        if not self.at_least:
            return
        names = flow.shape.attributes.get(self.owner, (self.owner,))
        for row in flow.rows():
            value = own(row, names)
            if value is not None:
                evidence = shown(flow, f"{self.owner}={canonical(value)}", Observation(row=row))
                yield Entry(owner=canonical(value), evidence=evidence, count=0)

    def _wanted(self) -> str:
        least, most = self.at_least, self.at_most
        return f"{most} at most" if not least else str(most) if least == most else f"{least} to {most}"

    def _group(self, owner: str | None) -> str:
        return f"{self.owner}={owner}"

    examples: ClassVar = (
        Example(
            verdict="satisfied",
            about="made once, reused by another flow",
            sketch="a : unknown @ 0..1ms flow=1 class=k id=s1\na : unknown @ 5..6ms flow=2 class=k id=s1",
            parameters={"object": "unknown", "identity": ("id",), "owner": "class", "at_most": 1},
        ),
        Example(
            verdict="violated",
            about="made anew for the second flow",
            sketch="a : unknown @ 0..1ms flow=1 class=k id=s1\na : unknown @ 5..6ms flow=2 class=k id=s2",
            parameters={"object": "unknown", "identity": ("id",), "owner": "class", "at_most": 1},
        ),
        Example(
            verdict="satisfied",
            about="each class has its own",
            sketch="a : unknown @ 0..1ms flow=1 class=k id=s1\na : unknown @ 5..6ms flow=2 class=l id=s2",
            parameters={"object": "unknown", "identity": ("id",), "owner": "class", "at_most": 1},
        ),
        Example(
            verdict="violated",
            about="two were wanted, one was seen",
            sketch="a : unknown @ 0..1ms flow=1 class=k id=s1\na : unknown @ 5..6ms flow=2 class=k id=s1",
            parameters={"object": "unknown", "identity": ("id",), "owner": "class", "at_least": 2, "at_most": 2},
        ),
        Example(
            verdict="violated",
            about="class l has none",
            sketch="a : unknown @ 0..1ms flow=1 class=k id=s1\na : other @ 5..6ms flow=2 class=l",
            parameters={"object": "unknown", "identity": ("id",), "owner": "class", "at_least": 1, "at_most": 1},
        ),
        Example(
            verdict="inconclusive",
            about="which one the second was can't be read",
            sketch="a : unknown @ 0..1ms flow=1 class=k id=s1\na : unknown @ 5..6ms flow=2 class=k",
            parameters={"object": "unknown", "identity": ("id",), "owner": "class", "at_most": 1},
        ),
        Example(
            verdict="inconclusive",
            about="another one may be lost",
            sketch="a : unknown @ 0..1ms flow=1 class=k id=s1\na : unknown @ 5..6ms flow=2 class=k id=s1",
            parameters={"object": "unknown", "identity": ("id",), "owner": "class", "at_most": 1},
            assume="lossy",
        ),
        Example(
            verdict="violated",
            about="two are two, whatever is lost",
            sketch="a : unknown @ 0..1ms flow=1 class=k id=s1\na : unknown @ 5..6ms flow=2 class=k id=s2",
            parameters={"object": "unknown", "identity": ("id",), "owner": "class", "at_most": 1},
            assume="lossy",
        ),
        Example(
            verdict="vacuous",
            about="there is none at all",
            sketch="a : other @ 0..1ms flow=1 class=k",
            parameters={"object": "unknown", "identity": ("id",), "owner": "class", "at_most": 1},
        ),
    )
