"""conforms: only allowed moves of a state machine, each starting where the last one ended.

In: a flow with its steps bound, narrowed to the scope. Out: an `Illegal` for each forbidden or non-continuing move, a
`Missing` where the machine doesn't reach a final state or stays too long, a `Late` where it stayed too long.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import ClassVar

from verifier.assertions import Example, assertion
from verifier.binding import BoundFlow, Occurrence, PointOf
from verifier.clock import At
from verifier.shape import AttributeName, Duration, Machine, MachineName, MovesBy, Rule, Stay, Step, StepName
from verifier.values import plain
from verifier.verdict import Absence, Finding, Illegal, Late, Misordered, Missing, Result, Unreadable

MOST_ORDERS = 2_000
"""How many orders of moves with equal times are tried before it is said that it can't be told."""


MOST_MOVES = 60
"""Above so many moves, orders with equal times are not tried at all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """One move of the machine, as an occurrence tells it."""

    of: Occurrence
    source: str
    target: str


_BY = MovesBy(step=StepName("move"), from_=AttributeName("from"), to=AttributeName("to"))
_MOVES = {"new": ("open",), "open": ("done",)}
_MACHINES = {  # of the examples
    "door": Machine(moves_by=_BY, initial="new", final=("done",), moves=_MOVES),
    "slow": Machine(
        moves_by=_BY, initial="new", final=("done",), moves=_MOVES, stays={"open": Stay(at_most=Duration("5s"))}
    ),
}
_STEPS = {"move": Step(event="move")}


@assertion
class Conforms(Rule):
    """A state machine makes only allowed moves, each from where the last one ended, from `initial` to a `final` state,
    and stays in no state longer than `stays` allows.

    Term: state machine conformance. Formula: for moves m1 … mn in order: `target(mi) ∈ moves(source(mi))`,
    `source(m1) = initial`, `source(m(i+1)) = target(mi)`, `target(mn) ∈ final`, `time in s ≤ at_most(s)`.
    A forbidden move is sure. A move that doesn't continue from the last one rests on no move being lost in between.
    The time in the initial state is not measured: nothing says when it was entered.
    """

    machine: MachineName

    def check(self, flow: BoundFlow) -> Result:
        machine = flow.shape.machines[self.machine]
        step = machine.moves_by.step
        absence = Absence(steps=(step,))
        moves, findings = self._read(flow, machine)
        for move in moves:
            if not _allowed(machine, move):
                findings.append(self._illegal(flow, machine, move, None, ()))
        ordered = all(flow.before(PointOf(a.of), PointOf(b.of)).answer == "yes" for a, b in pairwise(moves))
        order, unsure = (moves, None) if ordered else self._ordered(flow, machine, moves)
        if unsure is not None:
            findings.append(unsure)
        elif len(moves) == len(flow.occurrences[step]):
            # where another order is as wrong, whichever of them is the wrong one has no more before it
            settled = None if ordered else max(flow.settled_ns(PointOf(m.of), (step,)) for m in moves)
            findings += self._walk(flow, machine, order, settled)
        return Result(
            findings=tuple(findings),
            activated=bool(flow.occurrences[step]),
            activators=(absence,),
            absences=(absence,),
            evidence=tuple(flow.evidence(f"{m.source} -> {m.target}", m.of) for m in order[:8]),
        )

    def _read(self, flow: BoundFlow, machine: Machine) -> tuple[list[Move], list[Finding]]:
        """Every move that can be read, and a finding for each that can't."""
        by = machine.moves_by
        moves: list[Move] = []
        findings: list[Finding] = []
        for occurrence in flow.occurrences[by.step]:
            source, target = flow.value(occurrence.of, by.from_), flow.value(occurrence.of, by.to)
            if source.state == "known" and target.state == "known":
                moves.append(Move(of=occurrence, source=plain(source.value), target=plain(target.value)))
                continue
            name, seen = (by.from_, source) if source.state != "known" else (by.to, target)
            findings.append(
                Unreadable(
                    step=by.step,
                    service=occurrence.of.row.service,
                    what=name,
                    why=seen.why or "it is not there",
                    settled_by=seen.settled_by,
                    evidence=(flow.evidence(by.step, occurrence),),
                )
            )
        return moves, findings

    def _ordered(self, flow: BoundFlow, machine: Machine, moves: list[Move]) -> tuple[Sequence[Move], Finding | None]:
        """The moves in an order that they may have had; a finding if it decides which that was."""
        pairs = list(pairwise(moves))
        tried = good = 0
        few = len(moves) <= MOST_MOVES
        fits: Sequence[Move] = moves
        for order in _orders(flow, moves) if few else ():
            tried += 1
            if _continues(machine, order, over=flow.closed):
                good += 1
                fits = order
            if tried > MOST_ORDERS or 0 < good < tried:
                break
        if good in (0, tried) and 0 < tried <= MOST_ORDERS:
            return fits, None
        a, b = next((p for p in pairs if flow.before(PointOf(p[0].of), PointOf(p[1].of)).answer != "yes"), pairs[0])
        return fits, Misordered(
            step=machine.moves_by.step,
            service=a.of.of.row.service,
            first=f"{a.source} -> {a.target}",
            then=f"{b.source} -> {b.target}",
            order=flow.before(PointOf(a.of), PointOf(b.of)),
            evidence=(
                flow.evidence(f"{a.source} -> {a.target}", a.of),
                flow.evidence(f"{b.source} -> {b.target}", b.of),
            ),
            certain=False,
            anomaly="illegal transition",
        )

    def _walk(self, flow: BoundFlow, machine: Machine, moves: Sequence[Move], settled_ns: int | None) -> list[Finding]:
        """Start, continuation, time in states, end; `settled_ns`: when no more can come before any of the moves."""
        step = machine.moves_by.step
        findings: list[Finding] = []
        state, last = machine.initial, None
        for move in moves:
            if move.source != state and _allowed(machine, move):
                until = flow.settled_ns(PointOf(move.of), (step,)) if settled_ns is None else settled_ns
                findings.append(
                    self._illegal(flow, machine, move, state, (Absence(steps=(step,), until_ns=until),), last)
                )
            if last is not None:
                findings += self._stayed(flow, machine, last, move)
            state, last = move.target, move
        if last is None:
            return findings
        evidence = (flow.evidence(f"{last.source} -> {last.target}", last.of),)
        stay = machine.stays.get(state)
        if stay is not None:
            business = stay.clock == "business"
            limit = flow.duration(stay.at_most)
            due = flow.due_ns(PointOf(last.of), limit, (step,), business=business)
            findings.append(
                Missing(
                    step=step,
                    service=last.of.of.row.service,
                    machine=self.machine,
                    state=state,
                    since=f"{last.source} -> {last.target}",
                    due_ns=due,
                    limit_ns=limit,
                    evidence=evidence,
                    absences=(Absence(steps=(step,), until_ns=due),),
                    anomaly="stuck",
                )
            )
        if machine.final and state not in machine.final:
            findings.append(
                Missing(
                    step=step,
                    service=last.of.of.row.service,
                    machine=self.machine,
                    state=state,
                    final=machine.final,
                    due_ns=flow.over_ns,
                    evidence=evidence,
                    absences=(Absence(steps=(step,)),),
                    anomaly="stuck",
                )
            )
        return findings

    def _stayed(self, flow: BoundFlow, machine: Machine, entered: Move, left: Move) -> list[Finding]:
        stay = machine.stays.get(entered.target)
        if stay is None or left.source != entered.target:
            return []
        business, limit = stay.clock == "business", flow.duration(stay.at_most)
        a, b = PointOf(entered.of), PointOf(left.of)
        took = flow.took(a, b, business=business)
        if took.hi <= limit:
            return []
        step = machine.moves_by.step
        return [
            Late(
                step=step,
                service=left.of.of.row.service,
                first=f"{entered.source} -> {entered.target}",
                then=f"{left.source} -> {left.target}",
                took=took,
                limit_ns=limit,
                jumped=flow.jumped(a, b) if business else None,
                evidence=(
                    flow.evidence(f"{entered.source} -> {entered.target}", entered.of),
                    flow.evidence(f"{left.source} -> {left.target}", left.of),
                ),
                absences=(Absence(steps=(step,), until_ns=flow.settled_ns(PointOf(left.of), (step,))),),
                certain=took.lo > limit,
                anomaly="late response",
            )
        ]

    def _illegal(
        self,
        flow: BoundFlow,
        machine: Machine,
        move: Move,
        state: str | None,
        absences: tuple[Absence, ...],
        last: Move | None = None,
    ) -> Illegal:
        """A move that is not allowed (`state` None), or that doesn't continue from `state`."""
        before = (flow.evidence(f"{last.source} -> {last.target}", last.of),) if last is not None else ()
        if state is None:
            back = move.target == machine.initial or _reaches(machine, move.target, move.source)
        else:  # where it says that it starts lies behind
            back = _reaches(machine, move.source, state) and not _reaches(machine, state, move.source)
        other = "illegal transition" if state is None else "skipped state"
        return Illegal(
            step=machine.moves_by.step,
            service=move.of.of.row.service,
            machine=self.machine,
            source=move.source,
            target=move.target,
            state=state,
            allowed=_moves(machine, move.source if state is None else state),
            evidence=(*before, flow.evidence(f"{move.source} -> {move.target}", move.of)),
            absences=absences,
            anomaly="state regression" if back else other,
        )

    examples: ClassVar = (
        Example(
            verdict="satisfied",
            sketch="a : one @ 0..9ms\n  * move @ 1ms from=new to=open\n  * move @ 2ms from=open to=done",
            parameters={"machine": "door"},
            steps=_STEPS,
            machines=_MACHINES,
        ),
        Example(
            verdict="violated",
            about="not allowed, whatever is lost",
            sketch="a : one @ 0..9ms\n  * move @ 1ms from=new to=done",
            parameters={"machine": "door"},
            steps=_STEPS,
            machines=_MACHINES,
            assume="lossy",
        ),
        Example(
            verdict="violated",
            about="the move in between was skipped",
            sketch="a : one @ 0..9ms\n  * move @ 2ms from=open to=done",
            parameters={"machine": "door"},
            steps=_STEPS,
            machines=_MACHINES,
        ),
        Example(
            verdict="inconclusive",
            about="the move in between may be lost",
            sketch="a : one @ 0..9ms\n  * move @ 2ms from=open to=done",
            parameters={"machine": "door"},
            steps=_STEPS,
            machines=_MACHINES,
            assume="lossy",
        ),
        Example(
            verdict="violated",
            about="it is over, and not in a final state",
            sketch="a : one @ 0..9ms\n  * move @ 1ms from=new to=open",
            parameters={"machine": "door"},
            steps=_STEPS,
            machines=_MACHINES,
        ),
        Example(
            verdict="satisfied",
            about="exactly as long as allowed",
            sketch="a : one @ 0..9s\n  * move @ 1s from=new to=open\n  * move @ 6s from=open to=done",
            parameters={"machine": "slow"},
            steps=_STEPS,
            machines=_MACHINES,
        ),
        Example(
            verdict="violated",
            about="1 ns too long",
            sketch="a : one @ 0..9s\n  * move @ 1s from=new to=open\n  * move @ 6.000000001s from=open to=done",
            parameters={"machine": "slow"},
            steps=_STEPS,
            machines=_MACHINES,
        ),
        Example(
            verdict="inconclusive",
            about="equal times: in the other order it would not continue",
            sketch="a : one @ 0..9ms\n  * move @ 1ms from=new to=open\n  * move @ 1ms from=open to=done",
            parameters={"machine": "door"},
            steps=_STEPS,
            machines=_MACHINES,
        ),
        Example(
            verdict="vacuous",
            sketch="a : one @ 0..9ms",
            parameters={"machine": "door"},
            steps=_STEPS,
            machines=_MACHINES,
        ),
    )


def _start(move: Move) -> At:
    return At(of=move.of.of)


def _moves(machine: Machine, state: str) -> tuple[str, ...]:
    return (*machine.moves.get(state, ()), *machine.moves.get("*", ()))


def _allowed(machine: Machine, move: Move) -> bool:
    return move.target in _moves(machine, move.source)


def _reaches(machine: Machine, source: str, target: str) -> bool:
    """Whether the machine can get from source to target."""
    seen, todo = set(), [source]
    while todo:
        state = todo.pop()
        if state == target:
            return True
        if state not in seen:
            seen.add(state)
            todo.extend(machine.moves.get(state, ()))
    return False


def _continues(machine: Machine, moves: Sequence[Move], *, over: bool) -> bool:
    """Whether each starts where the last one ended; in a flow that is `over`, to a final state."""
    state = machine.initial
    for move in moves:
        if move.source != state:
            return False
        state = move.target
    return not over or not machine.final or state in machine.final


def _orders(flow: BoundFlow, moves: list[Move]) -> Iterator[list[Move]]:
    """Every order that contradicts nothing that is known."""
    n = len(moves)
    ahead = [[flow.before(PointOf(a.of), PointOf(b.of)).answer == "yes" for b in moves] for a in moves]

    def extend(done: list[int], rest: frozenset[int]) -> Iterator[list[Move]]:
        if not rest:
            yield [moves[i] for i in done]
        for i in sorted(rest):
            if not any(ahead[j][i] for j in rest if j != i):
                yield from extend([*done, i], rest - {i})

    return extend([], frozenset(range(n)))
