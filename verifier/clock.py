"""When things happened, and what may be said of their order.

In: the rows of one flow, clock uncertainty, clock jumps. Out: `before(p, q)`: yes, no or unknown, with its basis, and
how long it took, as an interval. Points are the start or the end of an observation.

    causal path ─> one clock ─> clocks apart by more than their uncertainty ─> unknown

No timestamp is ever moved. A causal path orders starts only: a consumer may start before its producer's handler ends.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from verifier.flows import Row, RowId
from verifier.paths import above, downwards
from verifier.spans import MessageId, Observation, Record, Span, consumes, destination, message_ids

Answer = Literal["yes", "no", "unknown"]
Edge = Literal["start", "end"]
INFINITY_NS = 1 << 100
UNCERTAINTY_NS = 5_000_000
"""How far two clocks may be apart if nothing says otherwise."""


@dataclass(frozen=True, slots=True)
class Interval:
    """Somewhere from `lo` to `hi`, both included, in nanoseconds."""

    lo: int
    hi: int

    def __add__(self, other: "Interval") -> "Interval":
        return Interval(self.lo + other.lo, self.hi + other.hi)


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """Whether one point came before another, and how that is known.

    `apart_ns` is the least distance between the two; `clocks` names the two clocks if they are not one.
    """

    answer: Answer
    basis: str
    apart_ns: int = 0
    clocks: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Jump:
    """The business clock was advanced by `by` nanoseconds at some moment in `at`."""

    id: str
    at: Interval
    by: Interval


@dataclass(frozen=True, slots=True, kw_only=True)
class At:
    """A point: the start or the end of an observation."""

    of: Observation
    edge: Edge = "start"


@dataclass(slots=True, kw_only=True)
class Clocks:
    """Order and durations among the rows of one flow.

    `records_complete(topic)`: whether every record of the topic was seen, so that a handler which doesn't say what it
    handled must have handled one of them. Causal pairs in the wrong order disqualify their two clocks. `outages` are
    apart from each other, and sorted.
    """

    rows: Iterable[Row]
    uncertainty_ns: int = UNCERTAINTY_NS
    jumps: tuple[Jump, ...] = ()
    outages: tuple[Interval, ...] = ()
    records_complete: Callable[[str], bool] = lambda _: False
    _by_id: dict[RowId, Row] = field(default_factory=dict, init=False)
    _up: dict[RowId, list[RowId]] = field(default_factory=dict, init=False)
    _one_of: dict[RowId, frozenset[RowId]] = field(default_factory=dict, init=False)
    _ancestors: dict[RowId, frozenset[RowId]] = field(default_factory=dict, init=False)
    _followed: dict[RowId, dict[tuple[str, int], int]] = field(default_factory=dict, init=False)
    _process: dict[str, str] = field(default_factory=dict, init=False)
    disqualified: frozenset[frozenset[str]] = field(default=frozenset(), init=False)
    _off: dict[str, int] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        rows = tuple(self.rows)
        self._by_id = {row.id: row for row in rows}
        instances: dict[str, set[str]] = defaultdict(set)
        for row in rows:
            if isinstance(row, Span):
                instances[_plain(row.service)].add(row.instance or "")
        self._process = {s: next(iter(i)) for s, i in instances.items() if len(i) == 1 and "" not in i}
        self._causes(rows)
        self._disqualify()

    # ---- order

    def before(self, p: At, q: At) -> Order:
        """Whether p came before q."""
        a, b = p.of, q.of
        if a.id == b.id and a.sort == b.sort:
            return Order(answer="yes" if p.edge == "start" and q.edge == "end" else "no", basis="same observation")
        if p.edge == "start" and a.event is None and self.causes(a.row, b.row):
            return Order(answer="yes", basis="causal")
        if q.edge == "start" and b.event is None and self.causes(b.row, a.row):
            return Order(answer="no", basis="causal")
        if isinstance(a.row, Record) and isinstance(b.row, Record) and a.row.id[:2] == b.row.id[:2]:
            return Order(answer="yes" if a.row.offset < b.row.offset else "no", basis="one partition")
        if p.edge == "start" and self._published_by(a, b):
            return Order(answer="yes", basis="causal")
        if q.edge == "start" and self._published_by(b, a):
            return Order(answer="no", basis="causal")
        return self._by_clock(self.when(p), self.when(q), self.clock(a), self.clock(b), (p.edge, q.edge))

    def made_before(self, p: At, q: At) -> Order:
        """Whether p came before q, a record being when it was made (its envelope's time), not when it was seen."""
        order, a, b = self.before(p, q), p.of, q.of
        if order.answer != "unknown" or not (isinstance(a.row, Record) or isinstance(b.row, Record)):
            return order
        if _unmade(a) or _unmade(b):
            return order
        return self._by_clock(self._made(p), self._made(q), self._maker(a), self._maker(b), (p.edge, q.edge))

    def causes(self, a: Row, b: Row) -> bool:
        """Whether a path of parents, links and messages leads from a down to b, and none back."""
        return a.id in self.ancestors(b) and b.id not in self.ancestors(a)

    def one_of(self, row: Row) -> frozenset[RowId]:
        """The records of which the row handled one, where it doesn't say which."""
        return self._one_of.get(row.id, frozenset())

    def row(self, id: RowId) -> Row | None:
        """The row with this id, if it is one of the flow's."""
        return self._by_id.get(id)

    def directly(self, row: Row) -> tuple[Row, ...]:
        """Every row that one parent, link or message leads from."""
        return tuple(self._by_id[i] for i in self._up.get(row.id, ()))

    def ancestors(self, row: Row) -> frozenset[RowId]:
        """Every row that a path leads from."""
        known = self._ancestors.get(row.id)
        if known is None:
            known = self._ancestors[row.id] = frozenset(above(self._up, row.id))
        return known

    def _published_by(self, a: Observation, b: Observation) -> bool:
        """Whether a is a record that stands, in its partition, not behind one that b surely follows."""
        if not isinstance(a.row, Record) or isinstance(b.row, Record):
            return False
        known = self._followed.get(b.row.id)
        if known is None:
            known = self._followed[b.row.id] = {}
            for i in (b.row.id, *self.ancestors(b.row)):
                row = self._by_id[i]
                for r in (row,) if isinstance(row, Record) else self._first_of(row):
                    known[r.topic, r.partition] = max(known.get((r.topic, r.partition), 0), r.offset)
        return a.row.offset <= known.get((a.row.topic, a.row.partition), -1) and b.row.id not in self.ancestors(a.row)

    def _first_of(self, row: Row) -> tuple[Record, ...]:
        """Of the records of which the row handled one, all of them seen and all of one partition, the first."""
        some = [r for i in self.one_of(row) if isinstance(r := self._by_id[i], Record)]
        if len({(r.topic, r.partition) for r in some}) != 1 or not self.records_complete(some[0].topic):
            return ()
        return (min(some, key=lambda r: r.offset),)

    def _by_clock(self, p: Interval, q: Interval, c: str, d: str, edges: tuple[Edge, Edge]) -> Order:
        if c == d:
            if p.hi < q.lo or (p.hi == q.lo and edges == ("end", "start")):
                return Order(answer="yes", basis="one clock", apart_ns=q.lo - p.hi)
            if q.hi < p.lo or (q.hi == p.lo and edges == ("start", "end")):
                return Order(answer="no", basis="one clock", apart_ns=p.lo - q.hi)
            equal = p == q and p.lo == p.hi
            return Order(answer="unknown", basis=f"{'equal' if equal else 'overlapping'} times on one clock")
        if frozenset((c, d)) in self.disqualified:
            return Order(answer="unknown", basis="clocks that contradict a causal pair", clocks=(c, d))
        slack = self._slack(c, d)
        if q.lo - p.hi > slack:
            return Order(answer="yes", basis="clocks apart", apart_ns=q.lo - p.hi, clocks=(c, d))
        if p.lo - q.hi > slack:
            return Order(answer="no", basis="clocks apart", apart_ns=p.lo - q.hi, clocks=(c, d))
        apart = max(q.lo - p.hi, p.lo - q.hi, 0)
        return Order(answer="unknown", basis="clocks too close", apart_ns=apart, clocks=(c, d))

    # ---- time

    def when(self, p: At) -> Interval:
        """When the point was, by the clock that stamped it."""
        row, event = p.of.row, p.of.event
        if event is not None:
            return Interval(event.time_ns, event.time_ns)
        if isinstance(row, Record):
            lo = row.made_ns
            if lo is None:
                producer = self._by_id.get(row.parent) if row.parent else None
                lo = producer.start_ns if isinstance(producer, Span) else -INFINITY_NS
            if lo > row.seen_ns + self.uncertainty_ns:  # seen before it was made: that clock says nothing here
                lo = -INFINITY_NS
            return Interval(min(lo, row.seen_ns), row.seen_ns)
        if p.edge == "start":
            return Interval(row.start_ns, row.start_ns)
        if row.end_ns < row.start_ns:  # the clock was set back, or nobody ended it: some time after the start
            return Interval(row.start_ns, INFINITY_NS)
        return Interval(row.end_ns, row.end_ns)

    def _made(self, p: At) -> Interval:
        row = p.of.row
        if isinstance(row, Record) and row.made_ns is not None:
            return Interval(row.made_ns, row.made_ns)
        return self.when(p)

    def took(self, p: At, q: At, *, business: bool = False) -> Interval:
        """How long from p to q; with `business`, what the business clock was advanced in between counts too."""
        a, b = self.when(p), self.when(q)
        c, d = self.clock(p.of), self.clock(q.of)
        if c != d and frozenset((c, d)) in self.disqualified:
            took = Interval(-INFINITY_NS, INFINITY_NS)
        else:
            slack = 0 if c == d else self._slack(c, d)
            took = Interval(b.lo - a.hi - slack, b.hi - a.lo + slack)
        if took.lo < 0 <= took.hi and p.edge == "start" and p.of.event is None and self.causes(p.of.row, q.of.row):
            took = Interval(0, took.hi)
        if took.lo <= 0 < took.hi and q.edge == "start" and q.of.event is None and self.causes(q.of.row, p.of.row):
            took = Interval(took.lo, 0)
        return took + self.jumped(a, b) if business else took

    def jumped(self, a: Interval, b: Interval) -> Interval:
        """How far the business clock was advanced between a and b."""
        total = Interval(0, 0)
        slack = self.uncertainty_ns
        for jump in self.jumps:
            if jump.at.lo - slack > b.hi or jump.at.hi + slack < a.lo:
                continue
            surely = jump.at.lo - slack > a.hi and jump.at.hi + slack < b.lo
            total = total + (jump.by if surely else Interval(0, jump.by.hi))
        return total

    def stopped(self, a: Interval, b: Interval) -> Interval:
        """How long a clock that stands still during declared outages stood still between a and b."""
        slack = self.uncertainty_ns
        least = sum(max(0, min(o.hi, b.lo - slack) - max(o.lo, a.hi + slack)) for o in self.outages)
        most = sum(max(0, min(o.hi, b.hi + slack) - max(o.lo, a.lo - slack)) for o in self.outages)
        return Interval(least, most)

    def due_but_outages_ns(self, p: At, limit_ns: int) -> int:
        """The moment by which `limit_ns` has surely passed since p on a clock that stands still during outages."""
        slack = self.uncertainty_ns
        since = self.when(p).hi + slack
        due = since + limit_ns
        for o in self.outages:
            if o.lo - slack < due and o.hi + slack > since:
                due += min(o.hi + slack, INFINITY_NS) - max(o.lo - slack, since)
        return due

    def due_ns(
        self, p: At, limit_ns: int, *, business: bool = False, other_clock: bool = True, others: Iterable[str] = ()
    ) -> int:
        """The moment by which `limit_ns` has surely passed since p, on another clock, perhaps one of `others`."""
        since = self.when(p).hi + (self.behind_ns(p.of, others) if other_clock else 0)
        due = since + limit_ns
        if business:
            gone = 0
            for jump in sorted(self.jumps, key=lambda j: (j.at.hi, j.id)):
                if jump.at.lo - self.uncertainty_ns <= since or jump.at.hi >= due - gone:
                    continue
                gone += jump.by.lo
                if due - gone <= jump.at.hi:
                    return jump.at.hi
            due -= gone
        return due

    def behind_ns(self, o: Observation, others: Iterable[str] = ()) -> int:
        """How far the clock of whatever else happened, perhaps one of these, may be behind the one that stamped o."""
        return self._slack(self.clock(o), max(others, key=lambda clock: self._off.get(clock, 0), default=""))

    def contradicted(self, o: Observation | None = None) -> bool:
        """Whether a cause contradicts the clock that stamped o (without o: any clock): some order is not known then."""
        return bool(self._off) if o is None else self.clock(o) in self._off

    def clock(self, o: Observation) -> str:
        """Which clock stamped it; clocks that nothing names are each their own."""
        row = o.row
        if isinstance(row, Record):
            return "broker" if row.made_ns == row.seen_ns else f"record {row.topic} {row.partition}:{row.offset}"
        return row.instance or f"{row.service} {row.trace_id} {row.span_id}"

    def _maker(self, o: Observation) -> str:
        """The clock that stamped a record's envelope: its producer's, where one process can have been that."""
        row = o.row
        if not isinstance(row, Record) or row.made_ns == row.seen_ns:  # the broker's time alone
            return self.clock(o)
        producer = self._by_id.get(row.parent) if row.parent else None
        if isinstance(producer, Span) and producer.instance and _plain(row.service) in ("", _plain(producer.service)):
            return producer.instance  # the parent may also be who asked: a context that was only passed on
        return self._process.get(_plain(row.service)) or self.clock(o)

    # ---- what caused what

    def _causes(self, rows: tuple[Row, ...]) -> None:
        by_message: dict[MessageId, list[Row]] = defaultdict(list)
        by_topic: dict[str, list[RowId]] = defaultdict(list)
        for row in rows:
            if isinstance(row, Record):
                by_topic[row.topic].append(row.id)
            if isinstance(row, Record) or row.kind == "producer":
                for m in message_ids(row):
                    by_message[m].append(row)
        for row in rows:
            up: set[RowId] = set()
            if row.parent and row.parent in self._by_id:
                up.add(row.parent)
            if isinstance(row, Span):
                up.update(i for link in row.links if (i := (link.trace_id, link.span_id)) in self._by_id)
                if consumes(row):
                    up.update(self._consumed(row, by_message, by_topic))
            else:
                sent = {r.id for m in message_ids(row) for r in by_message[m] if isinstance(r, Span)}
                if len(sent) == 1:
                    up.update(sent)
            if up:
                self._up[row.id] = sorted(up, key=str)

    def _consumed(
        self, span: Span, by_message: Mapping[MessageId, list[Row]], by_topic: Mapping[str, list[RowId]]
    ) -> set[RowId]:
        """The message that the span handled: where several come into question, none alone is its cause."""
        ids = message_ids(span)
        for sort in ("offset", "event"):
            found: set[RowId] = {r.id for m in ids if m[0] == sort for r in by_message.get(m, ())}
            records: set[RowId] = {i for i in found if len(i) == 3}
            if len(records) > 1:
                self._one_of[span.id] = frozenset(records)
                return set()
            if found:
                return found
        topic = destination(span)
        if not ids and topic is not None and self.records_complete(topic):
            records = {*by_topic.get(topic, ())}
            if len(records) == 1:
                return records
            self._one_of[span.id] = frozenset(records)
        return set()

    def _slack(self, c: str, d: str) -> int:
        """How far two clocks may be apart: one that contradicts a third by some time may be off by that much here."""
        return self.uncertainty_ns + self._off.get(c, 0) + self._off.get(d, 0)

    def _disqualify(self) -> None:
        """Finds pairs of clocks on which an effect starts before its cause by more than their uncertainty."""
        wrong: set[frozenset[str]] = set()
        for effect, begun in self._too_soon():
            b = Observation(row=self._by_id[effect])
            for cause in self.ancestors(b.row):
                a = Observation(row=self._by_id[cause])
                earliest = self.when(At(of=a)).lo
                c, d, maker = self.clock(a), self.clock(b), self._maker(a)
                if c != d and begun < earliest - self.uncertainty_ns:
                    wrong.add(self._contradict(c, d, earliest - begun))
                if maker not in (c, d) and not _unmade(a) and begun < a.first_ns - self.uncertainty_ns:
                    wrong.add(self._contradict(maker, d, a.first_ns - begun))
        for row in self._by_id.values():  # seen before it was made: its maker's clock is off, or its reader's
            if isinstance(row, Record) and row.made_ns is not None and row.made_ns > row.seen_ns + self.uncertainty_ns:
                a = Observation(row=row)
                if (maker := self._maker(a)) != self.clock(a):
                    wrong.add(self._contradict(maker, self.clock(a), row.made_ns - row.seen_ns))
        self.disqualified = frozenset(wrong)

    def _too_soon(self) -> Iterable[tuple[RowId, int]]:
        """What seems to have begun before something that it descends from, and when."""
        latest: dict[RowId, int] = {}  # of all that it descends from, the one that began last
        for i in downwards(self._up, self._by_id):
            row = self._by_id[i]
            up = [Observation(row=self._by_id[i]) for i in self._up.get(row.id, ())]
            own = (max(self.when(At(of=a)).lo, -INFINITY_NS if _unmade(a) else a.first_ns) for a in up)
            latest[row.id] = max((*own, *(latest[a.row.id] for a in up if a.row.id in latest)), default=-INFINITY_NS)
            begun = self.when(At(of=Observation(row=row))).hi
            if begun < latest[row.id] - self.uncertainty_ns:
                yield row.id, begun

    def _contradict(self, c: str, d: str, by_ns: int) -> frozenset[str]:
        """Notes that one of the two is off, nobody knows which; infinity (no time at all) says nothing of how far."""
        if by_ns < INFINITY_NS // 2:
            for clock in (c, d):
                self._off[clock] = max(self._off.get(clock, 0), by_ns)
        return frozenset((c, d))


def _plain(service: str) -> str:
    """A service's name, however its dashes are written."""
    return service.lower().replace("-", "_").replace(" ", "_")


def _unmade(o: Observation) -> bool:
    return isinstance(o.row, Record) and o.row.made_ns is None
