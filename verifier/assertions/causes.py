"""causes: b descends from a.

In: a flow with its steps bound, narrowed to the scope. Out: for each b that no path from an a leads to a `Detached`
that names the first hop at which the context was lost; the same with `certain=False` where a path may be hidden.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from verifier.assertions import Example, assertion
from verifier.binding import BoundFlow
from verifier.flows import Row, RowId
from verifier.shape import Rule, Shape, StepName
from verifier.spans import MessageId, Observation, Record, Span, consumes, destination, message_ids
from verifier.verdict import Absence, Detached, Finding, Result

Passed = tuple[int, int]
"""How many of the steps a path surely passes, and how many it may pass."""


@assertion
class Causes(Rule):
    """Each `then` descends from a `step`, by way of every step of `through`, in that order.

    Term: causal order (happened before, of contexts). Formula: `G(b → ∃ a: a ~> s1 ~> … ~> b)`, where `x ~> y` says:
    x and y are two observations, and a path of parents, links and messages (also of none, where both are of one span)
    leads from the row of x to that of y.
    It is activated by a `then`: one that comes without any `step` descends from none. A span that begins a trace of its
    own has surely no cause but the message that it handled. A cause that is named and was not seen, a message that was
    not seen, a cause in another flow: then it can't be told. Repetitions of a `then` must each descend from a `step`.
    Clocks play no part. A span that consumes one topic under a parent that sent to another took a forwarded header.
    """

    step: StepName
    then: StepName
    through: tuple[StepName, ...] = ()

    def problems(self, shape: Shape) -> list[tuple[str, str]]:
        """What is wrong with the parameters together."""
        if scopes := Rule.problems(self, shape):
            return scopes
        if self.then == self.step or self.then in self.through:
            return [("then", f"'{self.then}' can't descend from itself each time; expected another step")]
        return []

    def check(self, flow: BoundFlow) -> Result:
        then = Absence(steps=(self.then,))
        paths = _Paths(flow=flow, steps=(self.step, *self.through))
        findings: list[Finding] = []
        for occurrence in flow.occurrences[self.then]:
            for o in occurrence.all:
                sure, perhaps = paths.to(o)
                if sure < len(paths.steps):
                    findings.append(self._detached(flow, paths, o, sure, perhaps))
        return Result(
            findings=tuple(findings),
            activated=bool(flow.occurrences[self.then]),
            activators=(then,),
            absences=(then,),
            evidence=flow.some(self.step, *self.through, self.then),
        )

    def _detached(self, flow: BoundFlow, paths: "_Paths", o: Observation, sure: int, perhaps: int) -> Finding:
        certain = perhaps < len(paths.steps)
        lacks = perhaps if certain else sure
        above = paths.above(o.row)
        hop, how = _lost_at(flow, paths, above, certain=certain, begun=lacks > 0)
        # where a message was handled, another row that is lost may lead to it
        by_message = any(isinstance(row, Record) or _handles(row) or message_ids(row) for row in above)
        rows = Absence(spans=True, records=True)
        shown = above[:MOST_SHOWN] if certain else [hop]
        return Detached(
            step=self.then,
            service=hop.service,
            first=self.step,
            then=self.then,
            through=self.through,
            lacks=paths.steps[lacks],
            how=how,
            hop=Observation(row=hop).name,
            topic=hop.topic if isinstance(hop, Record) else destination(hop),
            sent_to=_forwarded(flow, hop),
            evidence=(
                flow.evidence(self.then, o),
                *(flow.evidence("hop", Observation(row=row)) for row in shown if row is not o.row),
            ),
            absences=(rows,) if by_message or not certain else (),
            certain=certain,
            doubt=None if certain or how != "skipped" else f"which observation is {paths.steps[lacks]} can't be told",
            anomaly="orphan" if how == "orphan" else "context lost",
        )

    examples: ClassVar = (
        Example(
            verdict="satisfied",
            about="by a parent, whatever the clocks say",
            sketch="a : one @ 5..6ms\n  b : two @ 1..2ms",
            parameters={"step": "one", "then": "two"},
        ),
        Example(
            verdict="violated",
            about="it comes after it, but begins a trace of its own",
            sketch="a : one @ 0..1ms\na : two @ 2..3ms",
            parameters={"step": "one", "then": "two"},
        ),
        Example(
            verdict="violated",
            about="a root is a root, whatever is lost",
            sketch="a : one @ 0..1ms\na : two @ 2..3ms",
            parameters={"step": "one", "then": "two"},
            assume="lossy",
        ),
        Example(
            verdict="satisfied",
            about="by the message that it handled",
            sketch="a : one @ 0..1ms\n  [t 0:1] @ 1ms event_id=e\nb : two @ 9..10ms event_id=e $kind=consumer",
            parameters={"step": "one", "then": "two"},
        ),
        Example(
            verdict="inconclusive",
            about="the record that it handled was not seen",
            sketch="a : one @ 0..1ms\nb : two @ 9..10ms event_id=e $kind=consumer",
            parameters={"step": "one", "then": "two"},
        ),
        Example(
            verdict="inconclusive",
            about="its parent was not seen",
            sketch="a : one @ 0..1ms\n^ a : two @ 2..3ms",
            parameters={"step": "one", "then": "two"},
        ),
        Example(
            verdict="violated",
            about="it descends from one, but not by way of three",
            sketch="a : one @ 0..9ms\n  a : two @ 2..3ms\n  a : three @ 4..5ms",
            parameters={"step": "one", "then": "two", "through": ("three",)},
        ),
        Example(verdict="vacuous", sketch="a : one @ 0..1ms", parameters={"step": "one", "then": "two"}),
    )


MOST_SHOWN = 8
"""How many hops a finding shows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Above:
    """What leads to a row: `direct` surely, one of `either`, perhaps `others`; `unseen`: how more may be hidden."""

    direct: tuple[Row, ...]
    either: tuple[Row, ...]
    others: tuple[Row, ...]
    unseen: str | None


@dataclass(slots=True, kw_only=True)
class _Paths:
    """How many of `steps`, from the first on, lie on the best path that leads down to each row of the flow."""

    flow: BoundFlow
    steps: tuple[str, ...]
    near: dict[RowId, _Above] = field(default_factory=dict)
    _marks: dict[RowId, list[tuple[int, bool, tuple[str, ...]]]] = field(default_factory=dict)
    _passed: dict[RowId, Passed] = field(default_factory=dict)

    def __post_init__(self) -> None:
        flow = self.flow
        rows = tuple(m.row for m in (*flow.flow.members, *flow.flow.shared))
        for k, step in enumerate(self.steps):
            for occurrence in flow.occurrences[step]:
                for o in occurrence.all:
                    self._marks.setdefault(o.row.id, []).append((k, True, (o.sort, *o.id)))
            for maybe in flow.maybes[step]:
                self._marks.setdefault(maybe.of.row.id, []).append((k, False, (maybe.of.sort, *maybe.of.id)))
        by_message: dict[MessageId, list[Row]] = {}
        for row in rows:
            if isinstance(row, Record) or row.kind == "producer":
                for message in message_ids(row):
                    by_message.setdefault(message, []).append(row)
        self.near = {row.id: _near(flow, row, by_message) for row in rows}
        self._passed = {row.id: (0, 0) for row in rows}
        changed = True
        while changed:  # only ever grows, and no further than to the number of steps
            changed = False
            for row in rows:
                found = self._at(row)
                if found != self._passed[row.id]:
                    self._passed[row.id], changed = found, True

    def to(self, o: Observation) -> Passed:
        """(surely, perhaps) how many of the steps lie on the best path that leads down to the observation."""
        return self._at(o.row, but=(o.sort, *o.id))

    def above(self, row: Row) -> list[Row]:
        """The row and all that lead to it, also perhaps; nearest first, each once."""
        seen, rows = {row.id}, [row]
        for one in rows:  # grows while it is walked
            near = self.near[one.id]
            for other in (*near.direct, *near.either, *near.others):
                if other.id not in seen:
                    seen.add(other.id)
                    rows.append(other)
        return rows

    def _at(self, row: Row, but: tuple[str, ...] = ()) -> Passed:
        near = self.near[row.id]
        sure = max([self._passed[r.id][0] for r in near.direct], default=0)
        if near.either:
            sure = max(sure, min(self._passed[r.id][0] for r in near.either))
        perhaps = max([self._passed[r.id][1] for r in (*near.direct, *near.either, *near.others)], default=0)
        if near.unseen is not None:
            perhaps = len(self.steps)
        return self._extended(row, sure, but, certain=True), self._extended(row, perhaps, but, certain=False)

    def _extended(self, row: Row, passed: int, but: tuple[str, ...], *, certain: bool) -> int:
        marks = {k for k, sure, id in self._marks.get(row.id, ()) if (sure or not certain) and id != but}
        if not certain and isinstance(row, Span) and row.dropped_events:
            marks |= {k for k, step in enumerate(self.steps) if self.flow.shape.steps[step].sort == "event"}
        while passed in marks:
            passed += 1
        return passed


def _near(flow: BoundFlow, row: Row, by_message: Mapping[MessageId, Sequence[Row]]) -> _Above:
    """What leads to a row by one parent, link or message."""
    clocks, ids = flow.clocks, message_ids(row)
    direct = clocks.directly(row)
    one_of = (clocks.row(i) for i in sorted(clocks.one_of(row), key=str))
    either = tuple(r for r in one_of if r is not None)
    same: dict[RowId, Row] = {}
    if isinstance(row, Record) or row.kind != "producer":  # a producer's message is what it leads to
        same = {r.id: r for m in ids for r in by_message.get(m, ()) if r is not row}
    if isinstance(row, Record):
        same = {i: r for i, r in same.items() if isinstance(r, Span)}
    return _Above(
        direct=direct,
        either=either,
        others=tuple(r for r in same.values() if r not in direct and r not in either),
        unseen=_unseen(flow, row, seen=any(isinstance(r, Record) for r in same.values())),
    )


def _unseen(flow: BoundFlow, row: Row, *, seen: bool) -> str | None:
    """How a cause of the row may be hidden; None if it can't. `seen`: the record of its message was."""
    clocks = flow.clocks
    if row.parent is not None and clocks.row(row.parent) is None:
        return "foreign" if any(c.row.id == row.id and c.how == "parent" for c in flow.flow.crossing) else "orphan"
    if isinstance(row, Record):
        return None
    if row.dropped_links or any(clocks.row((link.trace_id, link.span_id)) is None for link in row.links):
        return "orphan"
    if row.kind == "producer" or seen:
        return None
    if message_ids(row) or row.dropped_attributes:
        return "message"
    known = clocks.one_of(row) or any(isinstance(r, Record) for r in clocks.directly(row))
    return "message" if _handles(row) and destination(row) is not None and not known else None


def _handles(row: Row) -> bool:
    return isinstance(row, Span) and consumes(row)


def _lost_at(flow: BoundFlow, paths: _Paths, above: Sequence[Row], *, certain: bool, begun: bool) -> tuple[Row, str]:
    """The first hop at which the context was lost, and how."""
    rows = sorted(above, key=lambda r: (Observation(row=r).first_ns, Observation(row=r).id))
    forwarded = [row for row in rows if _forwarded(flow, row)]
    if certain and forwarded:
        return forwarded[0], "forwarded"
    if not certain:
        for row in rows:
            if how := paths.near[row.id].unseen:
                return row, how
        unclear = [row for row in rows if paths.near[row.id].either or paths.near[row.id].others]
        return (unclear[0], "unclear") if unclear else (above[0], "skipped")
    if begun:
        return above[0], "skipped"
    roots = [row for row in rows if not paths.near[row.id].direct] or rows
    return roots[0], "root"


def _forwarded(flow: BoundFlow, row: Row) -> str | None:
    """The topic of the message whose context a consumer of another topic took; None if it didn't."""
    parent = flow.clocks.row(row.parent) if row.parent is not None else None
    if not _handles(row) or not isinstance(row, Span) or not isinstance(parent, Span) or parent.kind != "producer":
        return None
    took, sent = destination(row), destination(parent)
    return sent if took is not None and sent is not None and took != sent else None
