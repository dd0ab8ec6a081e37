"""A flow seen through a shape: which observation is which step, values, facts. Decided once, before any assertion.

In: a `Flow`, a `Shape`, the flow's `Clocks`. Out: `BoundFlow`, all that an assertion may look at. It answers in three
values: an occurrence that is sure, one that may be (`Maybe`), and none; a value that is known, absent, or unreadable.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from typing import Literal

from verifier.clock import INFINITY_NS, At, Clocks, Interval, Order
from verifier.facts import Known, find_fact
from verifier.flows import Flow, Row, RowId
from verifier.shape import FactRef, Scalar, Shape, Times, duration_ns, split_point, times_range
from verifier.spans import (
    MessageId,
    Observation,
    Record,
    Span,
    Value,
    consumes,
    destination,
    message_ids,
    own,
)
from verifier.steps import matcher
from verifier.values import Truth, canonical, number
from verifier.verdict import Absence, Evidence, Unreadable

State = Literal["known", "absent", "unreadable"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """A value as the evidence has it: known, surely absent, or not readable (`why`, and what would settle it)."""

    state: State
    value: Value = None
    rows: tuple[Row, ...] = ()
    why: str = ""
    settled_by: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Occurrence:
    """One observation that matches a step; `again` are those equal to it in the step's identity, which count once.

    `doubt`: its identity can't be read, so it may be one of the others.
    """

    step: str
    of: Observation
    again: tuple[Observation, ...] = ()
    doubt: str | None = None

    @property
    def all(self) -> tuple[Observation, ...]:
        """Every observation of it."""
        return (self.of, *self.again)


@dataclass(frozen=True, slots=True, kw_only=True)
class Maybe:
    """An observation that may match a step: a condition on it can't be answered, or whether it is in scope."""

    step: str
    of: Observation
    attribute: str
    raw: Value = None
    why: str = ""
    settled_by: str | None = None
    order: Order | None = None


@dataclass(frozen=True, slots=True)
class PointOf:
    """The start or end of an occurrence."""

    of: Occurrence
    edge: Literal["start", "end"] = "start"


@dataclass(slots=True, kw_only=True)
class BoundFlow:
    """One flow with its steps bound; all that an assertion may look at.

    `closed`: nothing more is expected of it. `ends_ns`: when it will be given up, if it is not over. `given` are facts
    that were told from outside. `until_ns`: where it is over, the moment up to which absences are asked about.
    `unbegun`: a step that every flow begins with and that was not seen: it may have begun before what was read.
    """

    shape: Shape
    flow: Flow
    clocks: Clocks
    opened_ns: int
    closed: bool = True
    ends_ns: int | None = None
    given: Mapping[str, Scalar] = field(default_factory=dict)
    until_ns: int | None = None
    unbegun: str | None = None
    occurrences: Mapping[str, tuple[Occurrence, ...]] = field(default_factory=dict)
    maybes: Mapping[str, tuple[Maybe, ...]] = field(default_factory=dict)
    inside: Callable[[Observation], Truth] = lambda _: True
    doubtful: tuple[Maybe, ...] = ()
    unfinished: tuple[Observation, ...] = ()
    _facts: dict[str, Known] = field(default_factory=dict)
    _records_of: dict[RowId, tuple[Record, ...]] = field(default_factory=dict)
    _by_message: dict[MessageId, dict[tuple[str, int, int], Record]] = field(default_factory=dict)

    # ---- steps

    @property
    def over_ns(self) -> int | None:
        """When it was over, or when it will be given up if it is not."""
        return self.until_ns if self.closed and self.until_ns is not None else self.ends_ns

    def points(self, point: str) -> tuple[PointOf, ...]:
        """Every occurrence of the point's step, by time."""
        edge, step = split_point(point)
        return tuple(PointOf(o, "end" if edge == "end" else "start") for o in self.occurrences.get(step, ()))

    def sightings(self, step: str) -> tuple[Occurrence, ...]:
        """Every observation of the step for itself, repetitions too: what holds for all holds for each of them."""
        return tuple(
            replace(occurrence, of=o, again=()) for occurrence in self.occurrences[step] for o in occurrence.all
        )

    def attempts(self, step: str | None) -> tuple[Observation, ...]:
        """What would be an occurrence of the step if it had not failed, by time; at most three."""
        wanted = self.shape.steps.get(step or "")
        if wanted is None or wanted.sort != "span" or wanted.status != "ok":
            return ()
        failed = matcher(replace(wanted, status="error"))
        rows = [Observation(row=m.row) for m in self.flow.members if isinstance(m.row, Span)]
        return tuple(o for o in rows if failed(o))[:3]

    def count(self, occurrences: Sequence[Occurrence], maybes: int = 0) -> tuple[int, int]:
        """(least, most) distinct occurrences: one whose identity can't be read may or may not be another one."""
        known = sum(o.doubt is None for o in occurrences)
        blind = len(occurrences) - known
        return known + (1 if blind and not known else 0), known + blind + maybes

    def service(self, step: str) -> str | None:
        """Who should speak at a step, where the shape says so."""
        return self.shape.steps[split_point(step)[1]].service if split_point(step)[1] in self.shape.steps else None

    def rows(self) -> tuple[Row, ...]:
        """The flow's own rows that are surely in scope, by time; those that may be are in `doubtful`."""
        return tuple(m.row for m in self.flow.members if self.inside(Observation(row=m.row)))

    def duration(self, text: str) -> int:
        """Nanoseconds of a duration or of the param that it names."""
        found = duration_ns(self.shape.params.get(text, text))
        assert found is not None, f"{text!r} was checked when the shape was loaded"
        return found

    def times(self, times: Times) -> tuple[int, int | None] | Unreadable:
        """(least, most) of a number of times; an `Unreadable` if it is a fact that the flow doesn't tell."""
        if isinstance(times, int):
            return times, times
        if isinstance(times, FactRef):
            known = self.fact(times.fact)
            found = number(known.value) if known.state == "known" else None
            if isinstance(found, int) or (isinstance(found, float) and found.is_integer()):
                return int(found), int(found)
            return Unreadable(
                what=f"fact {times.fact}",
                raw=known.value if known.state == "known" else None,
                why=known.sentence(),
                settled_by=" or ".join(known.asked) or None,
                evidence=tuple(self.evidence(place, o) for place, _, o in known.places if o is not None),
            )
        found_range = times_range(times)
        assert found_range is not None, f"{times!r} was checked when the shape was loaded"
        return found_range

    # ---- time

    def before(self, p: PointOf, q: PointOf) -> Order:
        """Whether p came before q, where an occurrence stands for the first of its equals."""
        if not (p.of.again or q.of.again):
            return self._unless_handled(p, q, self.clocks.before(_at(p), _at(q)))
        ps, qs = ([At(of=o, edge=x.edge) for o in x.of.all] for x in (p, q))
        # the first of several is before x if any is; x is before the first of several if it is before all
        orders = [_first([self.clocks.before(a, b) for a in ps], "yes", "unknown") for b in qs]
        return self._unless_handled(p, q, _first(orders, "no", "unknown"))

    def made_before(self, p: PointOf, q: PointOf) -> Order:
        """The same, with records beginning when they were made: those that may have been the first must agree."""
        ps, qs = ([At(of=o, edge=x.edge) for o in self.firsts(x)] for x in (p, q))
        orders = [self.clocks.made_before(a, b) for b in qs for a in ps]
        agree = len({order.answer for order in orders}) == 1
        unsure = next((order for order in orders if order.answer == "unknown"), replace(orders[0], answer="unknown"))
        return self._unless_handled(p, q, orders[0] if agree else unsure)

    def firsts(self, p: PointOf) -> tuple[Observation, ...]:
        """Of the equals that an occurrence stands for, those that may have been the first."""
        if not p.of.again:
            return (p.of.of,)
        points = [At(of=o, edge=p.edge) for o in p.of.all]
        earliest = min(self.clocks.when(a).hi for a in points)
        near = [a for a in points if self.clocks.when(a).lo - self.clocks.behind_ns(a.of) <= earliest]
        first = (a for a in near if not any(b is not a and self.clocks.before(b, a).answer == "yes" for b in near))
        return tuple(a.of for a in first) or p.of.all

    def _unless_handled(self, p: PointOf, q: PointOf, order: Order) -> Order:
        """The same order, unless q handled one of the messages that p is and doesn't say which: p was before it."""
        if order.answer == "unknown" and p.edge == "start":
            published = {o.row.id for o in p.of.all}
            handled = [self.clocks.one_of(o.row) if o.event is None else frozenset() for o in q.of.all]
            if all(h and h <= published for h in handled):
                return Order(answer="yes", basis="causal")
        return order

    def took(self, p: PointOf, q: PointOf, *, business: bool = False) -> Interval:
        """How long from p to q, where an occurrence stands for the first of its equals."""
        ps, qs = ([At(of=o, edge=x.edge) for o in x.of.all] for x in (p, q))
        # since the first of several is the longest since any, until the first is the shortest until any
        since = [[self.clocks.took(a, b, business=business) for a in ps] for b in qs]
        longest = [Interval(max(t.lo for t in each), max(t.hi for t in each)) for each in since]
        return Interval(min(t.lo for t in longest), min(t.hi for t in longest))

    def jumped(self, p: PointOf, q: PointOf) -> Interval:
        """How far the business clock was advanced between p and q."""
        return self.clocks.jumped(
            self.clocks.when(At(of=p.of.of, edge=p.edge)), self.clocks.when(At(of=q.of.of, edge=q.edge))
        )

    def due_ns(self, p: PointOf, limit_ns: int, then: Iterable[str], *, business: bool = False) -> int:
        """When `limit_ns` has surely passed since p, by the clock of whoever speaks at the steps `then`.

        Infinity if one of their clocks and that of p contradict each other.
        """
        row, services = p.of.of.row, {self.service(step) for step in then}
        others = self._clocks_of(services)
        if any(frozenset((self.clocks.clock(p.of.of), other)) in self.clocks.disqualified for other in others):
            return INFINITY_NS
        same = isinstance(row, Span) and services == {row.service}
        at = At(of=p.of.of, edge=p.edge)
        return self.clocks.due_ns(at, limit_ns, business=business, other_clock=not same, others=others)

    def _clocks_of(self, services: Set[str | None]) -> Set[str]:
        """The clocks by which these services speak in this flow, as far as clocks contradict each other."""
        if not self.clocks.disqualified:
            return frozenset()
        spans = (m.row for m in self.flow.members if isinstance(m.row, Span) and m.row.service in services)
        return {self.clocks.clock(Observation(row=span)) for span in spans}

    def settled_ns(self, p: PointOf, steps: Iterable[str]) -> int:
        """The moment by which whatever happened at `steps` before p has a time that was already passed.

        In a flow that is over nothing more comes; else what another clock stamps a moment later may have been before p.
        """
        return self.clocks.when(At(of=p.of.of, edge=p.edge)).hi if self.closed else self.due_ns(p, 0, steps)

    # ---- values

    def value(self, o: Observation, attribute: str) -> Seen:
        """A value of an observation: its own, its span's (for an event), or that of its message's record."""
        names = self.shape.attributes.get(attribute, (attribute,))
        if o.event is not None:
            for name in names:
                found = o.event.attributes.get(name)
                if found is not None and found != "":
                    return Seen(state="known", value=found, rows=(o.row,))
        found = own(o.row, names)
        if found is not None:
            return Seen(state="known", value=found, rows=(o.row,))
        if isinstance(o.row, Record):
            return Seen(state="absent", rows=(o.row,))
        return self._of_message(o.row, names)

    def _of_message(self, span: Span, names: tuple[str, ...]) -> Seen:
        if n := span.dropped_attributes:
            return Seen(
                state="unreadable", why=f"{n} attribute{'s' * (n > 1)} of the span {'were' if n > 1 else 'was'} dropped"
            )
        records = self.message(span)
        if records:
            values = {canonical(v): v for r in records if (v := own(r, names)) is not None}
            missing = any(own(r, names) is None for r in records)
            if not values:
                return Seen(state="absent", rows=records)
            if len(values) == 1 and not missing:
                return Seen(state="known", value=next(iter(values.values())), rows=records)
            why = f"the records of {records[0].topic} that it may stand for disagree"
            return Seen(state="unreadable", rows=records, why=why)
        topic = destination(span)
        if not message_ids(span) and not consumes(span):
            return Seen(state="absent", rows=(span,))
        asked = f"the record of {topic} that it handled" if topic else "the record of its message"
        return Seen(state="unreadable", why=f"it is not on the span, and {asked} was not seen", settled_by=asked)

    def message(self, span: Span) -> tuple[Record, ...]:
        """The records of the message that a span speaks of; several where it doesn't say which."""
        known = self._records_of.get(span.id)
        if known is None:
            known = self._records_of[span.id] = self._find_message(span)
        return known

    def _find_message(self, span: Span) -> tuple[Record, ...]:
        if not self._by_message:
            for record in self.flow.records:
                for m in (*message_ids(record), ("topic", record.topic)):
                    self._by_message.setdefault(m, {})[record.id] = record
        ids = message_ids(span)
        for sort in ("offset", "event"):
            found = {i: r for m in ids if m[0] == sort for i, r in self._by_message.get(m, {}).items()}
            if found:
                return tuple(r for _, r in sorted(found.items()))
        topic = destination(span)
        if ids or topic is None or not consumes(span) or not self.clocks.records_complete(topic):
            return ()
        return tuple(r for _, r in sorted(self._by_message.get(("topic", topic), {}).items()))

    def fact(self, name: str) -> Known:
        """What the flow says of a fact, from all its places."""
        known = self._facts.get(name)
        if known is None:
            known = self._facts[name] = find_fact(name, self.shape, self.flow, self.given)
        return known

    def running(self, absence: Absence, until_ns: int) -> int | None:
        """When an observation ends that has begun by `until_ns`, is not finished, and would break the absence."""
        if not self.unfinished:
            return None
        matches = [matcher(replace(self.shape.steps[step], status="any")) for step in absence.steps]
        ends = [
            o.last_ns
            for o in self.unfinished
            if o.first_ns <= until_ns
            and (
                any(
                    m(o)
                    for m, step in zip(matches, absence.steps, strict=True)
                    if self.shape.steps[step].sort == o.sort
                )
                or (absence.records if isinstance(o.row, Record) else absence.spans)
            )
        ]
        return max(ends, default=None)

    # ---- evidence

    def evidence(self, role: str, of: Occurrence | Observation) -> Evidence:
        """An observation under the name that it plays in a finding."""
        o = of.of if isinstance(of, Occurrence) else of
        return Evidence(role=role, of=o, start=self.clocks.when(At(of=o)), end=self.clocks.when(At(of=o, edge="end")))

    def some(self, *points: str, most: int = 3) -> tuple[Evidence, ...]:
        """Some occurrences of each point, as evidence."""
        return tuple(
            self.evidence(split_point(p)[1], o) for p in points for o in self.occurrences[split_point(p)[1]][:most]
        )


def _at(p: PointOf) -> At:
    return At(of=p.of.of, edge=p.edge)


def _first(orders: list[Order], *answers: str) -> Order:
    """The first order with the first of these answers that any gives; else the first of all."""
    return next((order for answer in answers for order in orders if order.answer == answer), orders[0])
