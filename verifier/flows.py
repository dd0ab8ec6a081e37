"""Which observations serve one business entity: the closure over a key, and why each of them belongs.

In: spans, records, a `Correlation` and the names under which services write its attributes. Out: a `Gathering`:
flows, rows that several flows share, and strays.

    1 own ─> 2 message ─> 3 parent ─> 4 children ─> 5 link ─> 6 alias ─> 2 to 5 once more

Whole rounds, strongest evidence first, each computed from the round before: no order of rows can change the result.
"""

from collections import defaultdict
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeVar

from verifier.crossing import Crossing, crossings
from verifier.routes import routed, routes_of
from verifier.shape import Correlation
from verifier.spans import MessageId, Record, Span, message_ids, own

Why = Literal["own", "parent", "children", "message", "link", "alias", "shared"]
WEAK: frozenset[Why] = frozenset({"alias", "children", "link"})
Row = Span | Record
RowId = tuple[str, str] | tuple[str, int, int]
Knot = TypeVar("Knot", bound=Hashable)


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One row of a flow, why it belongs there, and through which other row.

    `weak`: it belongs, or the row does through which it belongs, only because an alias, the rows below it or links
    seemed to lead to one key: a row that was not seen could lead to another one and prove that wrong. `by_alias`: one
    of these was an alias, the weakest of all.
    """

    row: Row
    why: Why
    through: RowId | None = None
    weak: bool = False
    by_alias: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Flow:
    """All that was seen of one business entity: `key` is the value, `name` the attribute that holds it.

    `shared` are rows that serve several flows (context, not evidence of this one); `orphans` are rows whose parent
    was never seen; `crossing` are causal edges out of another flow into this one.
    """

    name: str
    key: str
    members: tuple[Member, ...] = ()
    shared: tuple[Member, ...] = ()
    aliases: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    orphans: tuple[Row, ...] = ()
    crossing: tuple[Crossing, ...] = ()

    @property
    def spans(self) -> tuple[Span, ...]:
        """Its spans, by time."""
        return tuple(m.row for m in self.members if isinstance(m.row, Span))

    @property
    def records(self) -> tuple[Record, ...]:
        """Its records, by time."""
        return tuple(m.row for m in self.members if isinstance(m.row, Record))

    @property
    def traces(self) -> tuple[str, ...]:
        """The ids of all its traces."""
        return tuple(sorted({s.trace_id for s in self.spans}))


@dataclass(frozen=True, slots=True, kw_only=True)
class Stray:
    """A row in no flow; `leads_to` are the keys that its alias leads to: none, or too many."""

    row: Row
    alias: str | None = None
    value: str | None = None
    leads_to: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Gathering:
    """Every flow by its key, every stray, what each alias value leads to, and how many rows are their own ancestors."""

    flows: Mapping[str, Flow]
    strays: tuple[Stray, ...] = ()
    aliases: Mapping[str, Mapping[str, tuple[str, ...]]] = field(default_factory=dict)
    cycles: int = 0


def gather(
    spans: Iterable[Span],
    records: Iterable[Record] = (),
    *,
    correlation: Correlation,
    attributes: Mapping[str, tuple[str, ...]] | None = None,
) -> Gathering:
    """The flows of these rows. Linear in rows; spans and records must be free of repetitions."""
    return _Closure([*spans, *records], correlation, attributes or {}).run()


class _Closure:
    """The state of one gathering; rows are known by their index in a sorted list."""

    def __init__(self, rows: list[Row], correlation: Correlation, attributes: Mapping[str, tuple[str, ...]]) -> None:
        self.rows = sorted(rows, key=sort_key)
        self.correlation = correlation
        self.names = {n: attributes.get(n, (n,)) for n in (correlation.key, *correlation.aliases)}
        n = len(self.rows)
        self.key: list[str | None] = [None] * n
        self.why: list[Why | None] = [None] * n
        self.through: list[int | None] = [None] * n
        self.weak = [False] * n
        self.by_alias = [False] * n
        self.several: dict[int, set[str]] = {}  # rows that lead to several keys
        self.index: dict[RowId, int] = {row.id: i for i, row in enumerate(self.rows)}
        self.parent = [self.index.get(row.parent) if row.parent else None for row in self.rows]
        self.orphan = [row.parent is not None and self.parent[i] is None for i, row in enumerate(self.rows)]
        self.cycles = self._cut_cycles()
        self.order = self._parents_first()
        self.by_message: dict[MessageId, list[int]] = defaultdict(list)
        self.messages = [message_ids(row) for row in self.rows]
        for i, ids in enumerate(self.messages):
            for m in ids:
                self.by_message[m].append(i)
        self.linked: dict[tuple[int, int], list[int]] = {}
        links: dict[int, list[tuple[int, int]]] = defaultdict(list)
        for i, row in enumerate(self.rows):
            for link in row.links if isinstance(row, Span) else ():
                j = self.index.get((link.trace_id, link.span_id))
                if j is not None and j != i and (pair := (min(i, j), max(i, j))) not in self.linked:
                    self.linked[pair] = [i, j]
                    links[i].append(pair)
                    links[j].append(pair)
        self.links: list[Sequence[tuple[int, int]]] = [links.get(i, ()) for i in range(n)]

    def run(self) -> Gathering:
        self._own()
        self._spread()
        aliases = self._alias()
        self._spread()
        return self._result(aliases)

    # 1
    def _own(self) -> None:
        names, routes = self.names[self.correlation.key], routes_of(self.correlation)
        for i, row in enumerate(self.rows):
            if self.correlation.key == "trace_id":
                trace = row.trace_id if isinstance(row, Span) else (row.parent or (None,))[0]
                if trace is not None:
                    self._assign(i, trace, "own", None)
                continue
            value = own(row, names)
            if isinstance(value, tuple):
                keys = {str(v) for v in value if v is not None and v != "" and not isinstance(v, Mapping | tuple)}
                if len(keys) > 1:
                    self.several[i] = keys
                    continue
                value = next(iter(keys), None)
            if (value is None or isinstance(value, Mapping)) and isinstance(row, Span):
                value = routed(row, routes)
            if value is not None and not isinstance(value, Mapping):
                self._assign(i, str(value), "own", None)

    def _assign(self, i: int, key: str, why: Why, through: int | None) -> None:
        self.key[i], self.why[i], self.through[i] = key, why, through
        self.weak[i] = why in WEAK or (through is not None and self.weak[through])
        self.by_alias[i] = why == "alias" or (through is not None and self.by_alias[through])

    # 2 to 5
    def _spread(self) -> None:
        if all(key is not None or i in self.several for i, key in enumerate(self.key)):
            return
        self._rounds("message", self.messages, self.by_message)
        self._family()
        self._rounds("link", self.links, self.linked)

    def _rounds(self, why: Why, knots: Sequence[Sequence[Knot]], tied: Mapping[Knot, Sequence[int]]) -> None:
        """Gives a row the key on which all that it is tied to agree, round after round, until nothing changes.

        `knots` are what each row is tied by, `tied` the rows of each: a thousand rows of one message stay linear.
        """
        todo = [i for i, key in enumerate(self.key) if key is None and i not in self.several and knots[i]]
        if not todo:
            return
        known: dict[Knot, dict[str, tuple[bool, int]]] = defaultdict(dict)  # key -> its strongest row

        def tell(i: int) -> list[Knot]:
            """The knots to which the row's key is news."""
            key, news = str(self.key[i]), [knot for knot in knots[i] if self.key[i] not in known[knot]]
            for knot in knots[i]:
                known[knot][key] = min(known[knot].get(key, (True, i)), (self.weak[i], i))
            return news

        for i, key in enumerate(self.key):
            if key is not None:
                tell(i)
        while todo:
            found: list[tuple[int, str, int]] = []
            for i in todo:
                near: dict[str, tuple[bool, int]] = {}
                for knot in knots[i]:
                    for key, best in known[knot].items():
                        near[key] = min(near.get(key, best), best)
                if len(near) == 1:
                    ((key, (_, j)),) = near.items()
                    found.append((i, key, j))
                elif near:
                    self.several[i] = set(near)
            for i, key, j in found:
                self._assign(i, key, why, j)
            news = {knot for i, _, _ in found for knot in tell(i)}
            todo = sorted({i for knot in news for i in tied[knot] if self.key[i] is None and i not in self.several})

    def _family(self) -> None:
        seed = [self.why[i] in ("own", "message", "alias") for i in range(len(self.rows))]
        above: list[int | None] = [None] * len(self.rows)
        for i in self.order:
            p = self.parent[i]
            if p is not None:
                above[i] = p if seed[p] else above[p]
        below: list[dict[str, int]] = [{} for _ in self.rows]  # key -> the strongest row below that has it
        for i in reversed(self.order):
            p = self.parent[i]
            if p is None:
                continue
            news = {str(self.key[i]): i} if seed[i] else below[i]
            if len(below[p]) == 0 and not seed[i]:
                below[p] = dict(news) if news else below[p]
                continue
            for key, j in news.items():
                old = below[p].get(key)
                if old is None or (self.weak[j], j) < (self.weak[old], old):
                    below[p][key] = j
        for i in self.order:
            if self.key[i] is not None or i in self.several:
                continue
            a = above[i]
            if a is not None:
                self._assign(i, str(self.key[a]), "parent", a)
            elif len(below[i]) == 1:
                ((key, j),) = below[i].items()
                self._assign(i, key, "children", j)
            elif below[i]:
                self.several[i] = set(below[i])
        for i in self.order:  # what has no keyed row above or below itself goes with its parent
            p = self.parent[i]
            if self.key[i] is None and i not in self.several and p is not None and self.key[p] is not None:
                self._assign(i, str(self.key[p]), "parent", p)

    # 6
    def _alias(self) -> dict[str, dict[str, tuple[str, ...]]]:
        leads: dict[str, dict[str, set[str]]] = {}
        holder: dict[tuple[str, str, str], int] = {}
        for alias in self.correlation.aliases:
            to = leads.setdefault(alias, defaultdict(set))
            for i, row in enumerate(self.rows):
                value = own(row, self.names[alias])
                if value is None:
                    continue
                key = self.key[i]
                keys = {key} if key is not None else self.several.get(i, set())
                to[str(value)].update(keys)
                for k in keys:
                    holder.setdefault((alias, str(value), k), i)
        found: list[tuple[int, str, int]] = []
        for i, row in enumerate(self.rows):
            if self.key[i] is not None or i in self.several:
                continue
            candidates: dict[str, int] = {}
            for alias in self.correlation.aliases:
                value = own(row, self.names[alias])
                keys = leads[alias].get(str(value), set()) if value is not None else set()
                if len(keys) == 1:
                    (k,) = keys
                    candidates.setdefault(k, holder[alias, str(value), k])
            if len(candidates) == 1:
                ((k, j),) = candidates.items()
                found.append((i, k, j))
        for i, key, j in found:
            self._assign(i, key, "alias", j)
        return {a: {v: tuple(sorted(ks)) for v, ks in sorted(to.items())} for a, to in leads.items()}

    def _cut_cycles(self) -> int:
        """Cuts the parent edges of rows that are their own ancestors; how many rows that were."""
        state = [0] * len(self.rows)  # 0 new, 1 on this path, 2 done
        cut = 0
        for start in range(len(self.rows)):
            path: list[int] = []
            i: int | None = start
            while i is not None and state[i] == 0:
                state[i] = 1
                path.append(i)
                i = self.parent[i]
            if i is not None and state[i] == 1:
                ring = path[path.index(i) :]
                cut += len(ring)
                for j in ring:
                    self.parent[j] = None
                    self.orphan[j] = True
            for j in path:
                state[j] = 2
        return cut

    def _parents_first(self) -> list[int]:
        children: dict[int, list[int]] = defaultdict(list)
        roots = []
        for i, p in enumerate(self.parent):
            if p is None:
                roots.append(i)
            else:
                children[p].append(i)
        order = roots
        for i in order:  # grows while it is walked
            order.extend(children.get(i, ()))
        return order

    def _result(self, leads: dict[str, dict[str, tuple[str, ...]]]) -> Gathering:
        members: dict[str, list[Member]] = defaultdict(list)
        shared: dict[str, list[Member]] = defaultdict(list)
        aliases: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
        orphans: dict[str, list[Row]] = defaultdict(list)
        crossing: dict[str, list[Crossing]] = defaultdict(list)
        for into, edge in crossings(self.rows, self.key, self.weak, self.parent, self.index, self.messages):
            crossing[into].append(edge)
        strays: list[Stray] = []
        every = {key for key in self.key if key is not None}  # a key that no row has to itself opens no flow
        for i, row in enumerate(self.rows):
            key, through = self.key[i], self.through[i]
            via = self.rows[through].id if through is not None else None
            if key is not None:
                why, weak, by_alias = self.why[i] or "own", self.weak[i], self.by_alias[i]
                members[key].append(Member(row=row, why=why, through=via, weak=weak, by_alias=by_alias))
                for alias in self.correlation.aliases:
                    value = own(row, self.names[alias])
                    if value is not None:
                        aliases[key][alias].add(str(value))
                if self.orphan[i]:
                    orphans[key].append(row)
            elif keys := self.several.get(i, set()) & every:
                for k in keys:
                    shared[k].append(Member(row=row, why="shared"))
            else:
                strays.append(self._stray(row, leads))
        flows = {
            key: Flow(
                name=self.correlation.key,
                key=key,
                members=tuple(members[key]),
                shared=tuple(shared.get(key, ())),
                aliases={a: tuple(sorted(vs)) for a, vs in sorted(aliases.get(key, {}).items())},
                orphans=tuple(orphans.get(key, ())),
                crossing=tuple(crossing.get(key, ())),
            )
            for key in sorted(members)
        }
        return Gathering(flows=flows, strays=tuple(strays), aliases=leads, cycles=self.cycles)

    def _stray(self, row: Row, leads: dict[str, dict[str, tuple[str, ...]]]) -> Stray:
        for alias in self.correlation.aliases:
            value = own(row, self.names[alias])
            if value is not None:
                return Stray(row=row, alias=alias, value=str(value), leads_to=leads[alias].get(str(value), ()))
        return Stray(row=row)


def sort_key(row: Row) -> tuple[int, str, str, int]:
    """Time, then ids: an order for printing, the same whatever order rows arrived in."""
    if isinstance(row, Span):
        return (row.start_ns, row.trace_id, row.span_id, 0)
    return (row.seen_ns if row.made_ns is None else row.made_ns, row.topic, f"{row.partition:09d}", row.offset)
