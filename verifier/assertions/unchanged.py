"""unchanged: from one point to another the machine's state is the same.

In: a flow with its steps bound, narrowed to the scope. Out: a `Mismatch` for each pair of points between which the
moves lead to another state; a `Misordered` where it can't be told which moves lie between them, an `Unreadable` where
a move can't be read.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any, ClassVar

from verifier.assertions import Example, assertion
from verifier.binding import BoundFlow, Occurrence, PointOf
from verifier.clock import At, Order
from verifier.shape import AttributeName, Machine, MachineName, MovesBy, Point, Rule, Shape, Step, StepName, split_point
from verifier.values import plain
from verifier.verdict import Absence, Evidence, Finding, Mismatch, Misordered, Result, Unreadable

_BY = MovesBy(step=StepName("move"), from_=AttributeName("from"), to=AttributeName("to"))
_SHOWN: Mapping[str, Any] = {  # of the examples
    "parameters": {"machine": "door", "from_": "end of failed", "to": "retried"},
    "steps": {"move": Step(event="move"), "failed": Step(span="failed"), "retried": Step(span="retried")},
    "machines": {"door": Machine(moves_by=_BY, initial="new", moves={"new": ("open",), "open": ("new", "done")})},
}
MOST_SHOWN = 8
"""So many moves stand in a finding, and the two that decide."""


@dataclass(frozen=True, slots=True)
class _Move:
    """A move that lies between the two points (`surely`), or may; `order` says why that can't be told."""

    of: Occurrence
    source: str
    target: str
    surely: bool
    order: Order | None


@assertion
class Unchanged(Rule):
    """At each `from`, and at the first `to` after it, the machine is in the same state.

    Term: frame condition (rollback). Formula: for each f and the first t after it, with m1 … mn the moves between them
    in order: `n = 0 ∨ source(m1) = target(mn)`.
    It is the net effect that counts: a move and the move back leave the state as it was. What the state is at `from`
    is told by the first move after it, so that moves outside of the two points play no part. A `from` that no `to`
    follows asks for nothing. Whether moves are allowed, and continue from each other, is the business of `conforms`.
    """

    machine: MachineName
    from_: Point
    to: Point

    def problems(self, shape: Shape) -> list[tuple[str, str]]:
        """What is wrong with the parameters together."""
        if scopes := Rule.problems(self, shape):
            return scopes
        move = shape.machines[self.machine].moves_by.step
        steps = {name: split_point(point)[1] for name, point in (("from", self.from_), ("to", self.to))}
        return [
            (name, f"'{move}' is the machine's own move; expected a step beside it")
            for name, step in steps.items()
            if step == move
        ]

    def check(self, flow: BoundFlow) -> Result:
        move = flow.shape.machines[self.machine].moves_by.step
        first, last = split_point(self.from_)[1], split_point(self.to)[1]
        ends = flow.points(self.to)
        findings: list[Finding] = []
        activated = False
        for begin in flow.points(self.from_):
            orders = [(end, flow.before(begin, end)) for end in ends]
            following = [(end, order) for end, order in orders if order.answer != "no"]
            if following:
                activated = True
                findings += self._between(flow, begin, following)
        return Result(
            findings=tuple(findings),
            activated=activated,
            activators=(Absence(steps=(first, last)),),
            absences=(Absence(steps=(first, last, move)),),
            evidence=flow.some(self.from_, self.to),
        )

    def _between(self, flow: BoundFlow, begin: PointOf, following: Sequence[tuple[PointOf, Order]]) -> list[Finding]:
        """What the moves from `begin` to the first point of `following` lead to."""
        machine = flow.shape.machines[self.machine]
        moves: list[_Move] = []
        blind: list[Finding] = []
        for occurrence in flow.occurrences[machine.moves_by.step]:
            inside, order = _inside(flow, begin, following, PointOf(occurrence))
            if inside is False:
                continue
            read = self._read(flow, machine, occurrence)
            if isinstance(read, Unreadable):
                blind.append(read)
            else:
                moves.append(_Move(occurrence, *read, surely=inside is True and occurrence.doubt is None, order=order))
        if blind:
            return blind
        outcomes = list(_outcomes(flow, moves))
        changed = [(a, b) for a, b in outcomes if a is not None and b is not None and a.source != b.target]
        if not changed:
            return []
        a, b = changed[0]
        end = min((end for end, _ in following), key=lambda p: flow.clocks.when(At(of=p.of.of, edge=p.edge)).hi)
        until = flow.clocks.when(At(of=end.of.of, edge=end.edge)).hi
        shown = (
            flow.evidence(begin.of.step, begin.of),
            *(flow.evidence(f"{m.source} -> {m.target}", m.of) for m in moves if m in (a, b, *moves[:MOST_SHOWN])),
            flow.evidence(end.of.step, end.of),
        )
        absences = (
            Absence(steps=(machine.moves_by.step, end.of.step), until_ns=until),
            *((Absence(steps=(begin.of.step,)),) if flow.shape.steps[begin.of.step].identity else ()),
        )
        if len(changed) < len(outcomes):
            return [self._untold(flow, begin, following, moves, shown, absences)]
        doubt = begin.of.doubt or end.of.doubt
        return [
            Mismatch(
                step=machine.moves_by.step,
                service=b.of.of.row.service,
                attribute=self.machine,
                how="changed",
                expected=a.source,
                seen=b.target,
                between=(self.from_, self.to),
                evidence=shown,
                absences=absences,
                certain=doubt is None,
                doubt=doubt,
                anomaly="state leak on failure",
            )
        ]

    def _read(self, flow: BoundFlow, machine: Machine, occurrence: Occurrence) -> tuple[str, str] | Unreadable:
        by = machine.moves_by
        source, target = flow.value(occurrence.of, by.from_), flow.value(occurrence.of, by.to)
        if source.state == target.state == "known":
            return plain(source.value), plain(target.value)
        name, seen = (by.from_, source) if source.state != "known" else (by.to, target)
        return Unreadable(
            step=by.step,
            service=occurrence.of.row.service,
            what=name,
            why=seen.why or "it is not there",
            settled_by=seen.settled_by,
            evidence=(flow.evidence(by.step, occurrence),),
        )

    def _untold(
        self,
        flow: BoundFlow,
        begin: PointOf,
        following: Sequence[tuple[PointOf, Order]],
        moves: Sequence[_Move],
        shown: tuple[Evidence, ...],
        absences: tuple[Absence, ...],
    ) -> Finding:
        """Why it can't be told which moves lie between the points, or which of them is the first or the last."""
        end = following[0][0]
        ends: list[tuple[str, str, Order]] = [(self.from_, self.to, order) for _, order in following]
        unsure: list[tuple[str, str, Order]] = []
        for m in (m for m in moves if not m.surely):
            begun = flow.before(begin, PointOf(m.of))
            ended = m.order or flow.before(PointOf(m.of), end)
            name = f"{m.source} -> {m.target}"
            unsure.append((self.from_, name, begun) if begun.answer == "unknown" else (name, self.to, ended))
        ends += unsure
        for a, b in combinations(moves, 2):
            order = flow.before(PointOf(a.of), PointOf(b.of))
            ends.append((f"{a.source} -> {a.target}", f"{b.source} -> {b.target}", order))
        # where every order is known, it is a move that perhaps doesn't count
        first, then, why = [*(e for e in ends if e[2].answer == "unknown"), *unsure][0]
        return Misordered(
            step=flow.shape.machines[self.machine].moves_by.step,
            service=end.of.of.row.service,
            first=first,
            then=then,
            order=why,
            evidence=shown,
            absences=absences,
            certain=False,
            doubt=None if why.answer == "unknown" else next((m.of.doubt for m in moves if m.of.doubt), None),
            anomaly="state leak on failure",
        )

    examples: ClassVar = (
        Example(
            verdict="satisfied",
            sketch="a : failed @ 0..1ms\na : other @ 2..9ms\n  b : move @ 3..4ms\na : retried @ 9..10ms",
            **_SHOWN,
        ),
        Example(
            verdict="violated",
            about="it moved on although it had failed",
            sketch="a : failed @ 0..1ms\na : x @ 2..9ms\n  * move @ 3ms from=new to=open\na : retried @ 9..10ms",
            **_SHOWN,
        ),
        Example(
            verdict="satisfied",
            about="there and back",
            sketch=(
                "a : failed @ 0..1ms\na : x @ 2..9ms\n  * move @ 3ms from=new to=open\n"
                "  * move @ 4ms from=open to=new\na : retried @ 9..10ms"
            ),
            **_SHOWN,
        ),
        Example(
            verdict="satisfied",
            about="only after the retry",
            sketch="a : failed @ 0..1ms\na : retried @ 9..10ms\n  * move @ 9.5ms from=new to=open",
            **_SHOWN,
        ),
        Example(
            verdict="inconclusive",
            about="at the moment of the retry",
            sketch="a : failed @ 0..1ms\na : x @ 2..9ms\n  * move @ 9ms from=new to=open\na : retried @ 9..10ms",
            **_SHOWN,
        ),
        Example(
            verdict="inconclusive",
            about="the move back may be lost",
            sketch="a : failed @ 0..1ms\na : x @ 2..9ms\n  * move @ 3ms from=new to=open\na : retried @ 9..10ms",
            assume="lossy",
            **_SHOWN,
        ),
        Example(verdict="vacuous", about="it was never retried", sketch="a : failed @ 0..1ms", **_SHOWN),
    )


def _inside(
    flow: BoundFlow, begin: PointOf, following: Sequence[tuple[PointOf, Order]], move: PointOf
) -> tuple[bool | None, Order | None]:
    """Whether a move lies after `begin` and before the first of the points that follow it."""
    after = flow.before(begin, move)
    if after.answer == "no":
        return False, None
    unknown = after if after.answer == "unknown" else None
    for end, follows in following:
        order = flow.before(move, end)
        if order.answer == "no" and follows.answer == "yes":
            return False, None
        if order.answer != "yes":
            unknown = unknown or (order if order.answer == "unknown" else follows)
    return (True, None) if unknown is None else (None, unknown)


def _outcomes(flow: BoundFlow, moves: Sequence[_Move]) -> list[tuple[_Move | None, _Move | None]]:
    """Every (first, last) move that there may be between the points; (None, None) for no move."""
    sure = [m for m in moves if m.surely]
    ahead = {
        (i, k): flow.before(PointOf(a.of), PointOf(b.of)).answer == "yes"
        for i, a in enumerate(moves)
        for k, b in enumerate(moves)
        if i != k
    }
    must = [i for i, m in enumerate(moves) if m.surely]
    firsts = [i for i in range(len(moves)) if not any(ahead[k, i] for k in must if k != i)]
    lasts = [i for i in range(len(moves)) if not any(ahead[i, k] for k in must if k != i)]
    out: list[tuple[_Move | None, _Move | None]] = [] if sure else [(None, None)]
    for i in firsts:
        for k in lasts:
            alone = all(j == i for j in must)
            if (i == k and alone) or (i != k and not ahead[k, i]):
                out.append((moves[i], moves[k]))
    return out
