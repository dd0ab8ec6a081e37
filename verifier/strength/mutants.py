"""Which mutants of a good flow a shape should notice: made from its steps, facts and machines, never from its rules.

In: a good flow with its steps bound, in the company of the other good ones. Out: `Mutant`s, each a `Mutation` that
changes the truth at a step of the shape, with what nobody watches if it lives.

What a person would not call wrong is no mutant: a step that is `optional`; a repetition that is equal in its step's
`identity`; a message that is published or handled again without an effect that the shape can see (an event, or a step
with an `except`); one copy of a message that was delivered twice; an order that the flow's causes forbid, that some
good flow has the other way round, or that fewer than three have; a value that is not on a span although its message has
it, or no message would; another value from which the same fact, or the same answer to a condition, follows; the ids
that gather the flow (a row in another flow is a step that is missing).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from hashlib import sha256

from verifier.binding import BoundFlow, Occurrence
from verifier.clock import At, Edge
from verifier.facts import find_fact
from verifier.flows import Row
from verifier.mutate import Mutation, Pool, Site, begins, changed, fail, later, moved, sites
from verifier.mutate.asked import attributes_of_rules
from verifier.shape import Condition, Scalar, Shape, Step, duration_ns
from verifier.spans import Observation, Record, Span, Value, consumes, destination, message_ids
from verifier.values import canonical, holds

SECOND_NS = 10**9
HOUR_NS = 3600 * SECOND_NS
AFTER_NS = SECOND_NS // 10
"""How long after the other step a step is that comes too late."""

Pairs = frozenset[tuple[str, str]]
SORTS = ("missing", "late", "order", "overlap", "changed", "lost", "twice", "extra", "failed")


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutant:
    """One mutation that a shape should notice: of which sort, at which step, and about what else.

    `other` is the step that it should have come before (`order`), or where the value was last seen (`changed`).
    """

    sort: str
    step: str
    mutation: Mutation
    other: str | None = None
    attribute: str | None = None
    took_ns: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Good:
    """A good flow, with its steps bound; `pool` are the values that all flows have."""

    bound: BoundFlow
    pool: Pool

    @property
    def rows(self) -> tuple[Row, ...]:
        """Its rows, those that it shares too."""
        return tuple(m.row for m in (*self.bound.flow.members, *self.bound.flow.shared))

    def occurrences(self) -> Iterator[tuple[str, Step, Occurrence]]:
        """Every occurrence of every step that is not optional, by time."""
        found = [
            (name, self.bound.shape.steps[name], o)
            for name, seen in self.bound.occurrences.items()
            for o in seen
            if not self.bound.shape.steps[name].optional
        ]
        yield from sorted(found, key=lambda x: (x[2].of.first_ns, x[2].of.id))


def mutants(good: Good, always: Pairs, over: Pairs, never: frozenset[str]) -> Iterator[Mutant]:
    """Every mutant of one good flow.

    `always` are the pairs of steps (first, then) that are so in all good flows, `over` those of them where the first
    was over before the other began; `never` the steps that none has.
    """
    seen: set[tuple[object, ...]] = set()
    order, extra = partial(_order, pairs=_neighbours(always)), partial(_extra, never=never)
    overlap = partial(_overlap, pairs=_neighbours(always) & over)
    for make in (_missing, _late, order, overlap, _changed, _lost, _twice, extra, _failed):
        for mutant in make(good):
            m = mutant.mutation
            key = (mutant.sort, mutant.attribute, m.gone, tuple(map(repr, m.come)))
            if key not in seen:  # two steps may be one observation, or read one record
                seen.add(key)
                yield mutant


def orders(good: Good, edge: Edge = "start") -> Pairs:
    """The pairs of steps of which the first always began (or ended) before the other began."""
    steps = [name for name in good.bound.shape.steps if good.bound.occurrences[name]]
    before = good.bound.clocks.before
    out: set[tuple[str, str]] = set()
    for a in steps:
        for b in steps:
            firsts, thens = _all(good, a), _all(good, b)
            if a != b and all(before(At(of=x, edge=edge), At(of=y)).answer == "yes" for x in firsts for y in thens):
                out.add((a, b))
    return frozenset(out)


def longest_ns(shape: Shape) -> int | None:
    """More than anything may take: an hour beyond the longest duration that the shape names outside its rules."""
    named_ = [shape.flow.gives_up, *shape.params.values()]
    known = [d for text in named_ if text and (d := duration_ns(shape.params.get(text, text))) is not None]
    return max(known) + HOUR_NS if known else None


# ---- one function for each sort


def _missing(good: Good) -> Iterator[Mutant]:
    for name, _, occurrence in good.occurrences():
        all_ = [*occurrence.all, *_same_message(good, name, occurrence)]
        if any(o.event is not None for o in all_):
            pairs = [(o.row, _without(o)) for o in all_]
            mutation = changed("missing", f"{name} is missing", pairs, truth="changed")
        else:
            gone = frozenset(o.row.id for o in all_)
            mutation = Mutation(kind="missing", what=f"{name} is missing", truth="changed", gone=gone)
        yield Mutant(sort="missing", step=name, mutation=mutation)


def _late(good: Good) -> Iterator[Mutant]:
    by = longest_ns(good.bound.shape)
    first = min(begins(row) for row in good.rows)
    done: set[str] = set()
    for name, _, occurrence in good.occurrences():
        row = occurrence.of.row
        if by is None or name in done or begins(row) == first or occurrence.of.event is not None:
            continue
        done.add(name)
        rest = [(r, later(r, by)) for r in good.rows if begins(r) >= begins(row)]
        mutation = changed("late", f"{name} and all after it come late", rest, truth="changed")
        yield Mutant(sort="late", step=name, mutation=mutation, took_ns=by)


def _neighbours(always: Pairs) -> Pairs:
    """The pairs between which no third step always is."""
    return frozenset((a, b) for a, b in always if not any((a, c) in always and (c, b) in always for _, c in always))


def _order(good: Good, pairs: Pairs) -> Iterator[Mutant]:
    """A step, with all that it caused, comes only after one that always came after it."""
    clocks = good.bound.clocks
    for a, b in sorted(pairs):
        last = max((o.last_ns for o in _all(good, b)), default=None)
        thens = {o.row.id for o in _all(good, b)}
        for occurrence in good.bound.occurrences.get(a, ()):
            if last is None or len(occurrence.all) > 1 or occurrence.of.event is not None:
                continue
            row = occurrence.of.row
            caused = [r for r in good.rows if r.id == row.id or row.id in clocks.ancestors(r)]
            if thens & {r.id for r in caused}:
                continue
            by = last - begins(row) + AFTER_NS
            moved_ = [(r, later(r, by)) for r in caused]
            mutation = changed("order", f"{a} comes only after {b}", moved_, truth="changed")
            yield Mutant(sort="order", step=a, other=b, mutation=mutation)


def _overlap(good: Good, pairs: Pairs) -> Iterator[Mutant]:
    """A handler still runs when the next one of its service has begun and ended."""
    steps = good.bound.shape.steps
    for a, b in sorted(pairs):
        firsts, thens = _all(good, a), _all(good, b)
        together = steps[a].service is not None and steps[a].service == steps[b].service
        if not together or len(firsts) != 1 or not thens or steps[a].sort != "span" or steps[b].sort != "span":
            continue
        row = firsts[0].row
        assert isinstance(row, Span)
        new = replace(row, end_ns=max(o.last_ns for o in thens) + AFTER_NS)
        mutation = changed("overlap", f"{a} runs until after {b}", [(row, new)], truth="changed")
        yield Mutant(sort="overlap", step=a, other=b, mutation=mutation)


def _changed(good: Good) -> Iterator[Mutant]:
    carried: dict[str, str] = {}  # attribute -> the step that had it last
    for name, step, occurrence in good.occurrences():
        for attribute, site in _read(good, step, occurrence):
            before = carried.get(attribute)
            value = _other(good, step, attribute, site)
            if value is None:
                continue
            pair = (site.row, site.with_value(value))
            what = f"{site} is {canonical(value)} instead of {canonical(site.value)}"
            mutation = changed("changed", what, [pair], truth="changed", attribute=attribute)
            if _differs(good, attribute, mutation):
                yield Mutant(sort="changed", step=name, other=before, attribute=attribute, mutation=mutation)
        carried |= {attribute: name for attribute, _ in _read(good, step, occurrence)}


def _lost(good: Good) -> Iterator[Mutant]:
    for name, step, occurrence in good.occurrences():
        by_attribute: dict[str, list[Site]] = {}
        for attribute, site in _read(good, step, occurrence):
            by_attribute.setdefault(attribute, []).append(site)
        for attribute, found in by_attribute.items():
            if attribute in step.where or _is_fact(good.bound.shape, attribute):
                continue  # that step would be missing; that fact is told elsewhere
            if attribute not in step.carries and not any(isinstance(site.row, Record) or site.event for site in found):
                continue
            rows: dict[object, tuple[Row, Row]] = {}
            for site in found:
                old, new = rows.get(site.row.id, (site.row, site.row))
                rows[site.row.id] = (old, replace(site, row=new).with_value(None, remove=True))
            mutation = changed("lost", f"{attribute} is lost at {name}", rows.values(), truth="changed")
            yield Mutant(sort="lost", step=name, attribute=attribute, mutation=mutation)


def _twice(good: Good) -> Iterator[Mutant]:
    for name, step, occurrence in good.occurrences():
        row = occurrence.of.row
        if step.identity or not isinstance(row, Span):
            continue
        handles = consumes(row) or destination(row) is not None or bool(message_ids(row))
        if occurrence.of.event is None and handles and step.except_ is None:
            continue  # a broker delivers at least once: a message may be handled again if that has no effect
        last = max(Observation(row=r).last_ns for r in good.rows)
        again = moved(row, last + AFTER_NS)
        mutation = Mutation(kind="twice", what=f"{name} happens again", truth="changed", come=(again,))
        yield Mutant(sort="twice", step=name, mutation=mutation)


def _extra(good: Good, never: frozenset[str]) -> Iterator[Mutant]:
    """A step that no good flow has: what its name, its service and its conditions ask for, at the very end."""
    last = max(Observation(row=r).last_ns for r in good.rows)
    at, flow = last + AFTER_NS, good.bound.flow
    for name in sorted(never):
        step = good.bound.shape.steps[name]
        values = _fulfilling(step)
        if step.sort == "event" or values is None or any(c in step.names[0] for c in "*?["):
            continue
        row: Row
        if step.sort == "span":
            row = Span(
                trace_id=sha256(flow.key.encode()).hexdigest()[:32],
                span_id=sha256(name.encode()).hexdigest()[:16],
                service=step.service or "somebody",
                name=step.names[0],
                kind=step.kind or "internal",
                status="error" if step.status == "error" else "unset",
                start_ns=at,
                end_ns=at + AFTER_NS,
                attributes={good.bound.shape.attributes.get(flow.name, (flow.name,))[0]: flow.key, **values},
            )
        else:
            body: Mapping[str, Value] = {}
            for path, value in {_key_path(good.bound.shape, flow.name): flow.key, **values}.items():
                body = _nested(body, path.split("."), value)
            row = Record(topic=step.names[0], partition=0, offset=1 << 40, made_ns=at, seen_ns=at, value=body)
        mutation = Mutation(kind="extra", what=f"{name} happens", truth="changed", come=(row,))
        yield Mutant(sort="extra", step=name, mutation=mutation)


def _failed(good: Good) -> Iterator[Mutant]:
    for name, step, occurrence in good.occurrences():
        if step.sort == "span" and step.status == "ok" and len(occurrence.all) == 1:
            for mutation in fail([occurrence.of.row]):
                yield Mutant(sort="failed", step=name, mutation=mutation)


# ---- what they share


def _all(good: Good, step: str) -> list[Observation]:
    return [o for occurrence in good.bound.occurrences[step] for o in occurrence.all]


def _fulfilling(step: Step) -> dict[str, Value] | None:
    """Values that fulfil the conditions of a step; None if they are not plain values."""
    plain = {name: c for name, c in step.where.items() if not isinstance(c, Condition)}
    return dict(plain) if len(plain) == len(step.where) else None


def _key_path(shape: Shape, key: str) -> str:
    """Where a record's envelope has the key: the last, most record-like of its names."""
    names = shape.attributes.get(key, (key,))
    return next((n for n in names if "." in n), names[0])


def _nested(into: Mapping[str, Value], path: Sequence[str], value: Value) -> Mapping[str, Value]:
    inner = into.get(path[0])
    deeper = inner if isinstance(inner, Mapping) else {}
    return {**into, path[0]: value if len(path) == 1 else _nested(deeper, path[1:], value)}


def _same_message(good: Good, step: str, occurrence: Occurrence) -> list[Observation]:
    """Records that repeat the occurrence's message: with one of them it was published all the same."""
    if not isinstance(occurrence.of.row, Record):
        return []
    mine = {m for m in message_ids(occurrence.of.row) if m[0] == "event"}
    known = {o.id for o in occurrence.all}
    return [o for o in _all(good, step) if o.id not in known and mine & set(message_ids(o.row))]


def _without(o: Observation) -> Row:
    assert isinstance(o.row, Span)
    return replace(o.row, events=tuple(e for n, e in enumerate(o.row.events) if n != o.index))


def _read(good: Good, step: Step, occurrence: Occurrence) -> Iterator[tuple[str, Site]]:
    """(attribute, place) of every value that can be read at an occurrence: on it, and in its message's record."""
    shape, o = good.bound.shape, occurrence.of
    for attribute in _attributes(shape, step):
        names = frozenset(shape.attributes.get(attribute, (attribute,)))
        rows: list[Row] = [o.row]
        if isinstance(o.row, Span) and o.event is None:
            records = good.bound.message(o.row)
            rows += records if len(records) == 1 else ()
        for site in sites(rows, names):
            wanted = o.index if o.event is not None else None
            if site.event == wanted and site.value is not None and site.value != "":
                yield attribute, site


def _attributes(shape: Shape, step: Step) -> tuple[str, ...]:
    """The attributes that a shape reads at a step: those that it names for all, and the step's own conditions."""
    ties = {shape.flow.key, *shape.flow.aliases}
    ties |= {a for s in shape.steps.values() for a in s.identity}
    optional = {a for s in shape.steps.values() if s.optional for a in s.where}
    own = {*step.where, *step.carries}
    for machine in shape.machines.values():
        if shape.steps[machine.moves_by.step] is step:
            own |= {machine.moves_by.from_, machine.moves_by.to}
    facts = {str(place.attribute or place.field) for places in shape.facts.values() for place in places}
    named = {*shape.attributes, *attributes_of_rules(shape), *facts}
    return tuple(sorted((named - optional - ties) | own))


def _is_fact(shape: Shape, attribute: str) -> bool:
    return any(attribute in (p.attribute, p.field) for places in shape.facts.values() for p in places)


def _other(good: Good, step: Step, attribute: str, site: Site) -> Scalar | None:
    """Another value: a state of the machine, one for which the step's condition fails, one that other flows have."""
    for machine in good.bound.shape.machines.values():
        by = machine.moves_by
        if good.bound.shape.steps[by.step] is step and attribute in (by.from_, by.to):
            return next(s for s in sorted(machine.states) if s != site.value)
    value = good.pool.other(site)
    if attribute in step.where and holds(value, step.where[attribute]) is not False:
        return None
    return value if isinstance(value, str | bool | int | float) else None


def _differs(good: Good, attribute: str, mutation: Mutation) -> bool:
    """Whether a fact that reads this attribute is another one then; True for what is no fact."""
    shape, flow = good.bound.shape, good.bound.flow
    facts = [name for name, places in shape.facts.items() if any(attribute in (p.attribute, p.field) for p in places)]
    if not facts or attribute in shape.attributes:
        return True
    new = {row.id: row for row in mutation.come}
    members = tuple(replace(m, row=new.get(m.row.id, m.row)) for m in flow.members)
    mutated = replace(flow, members=members)
    return any(
        (find_fact(f, shape, flow, {}).state, find_fact(f, shape, flow, {}).value)
        != (find_fact(f, shape, mutated, {}).state, find_fact(f, shape, mutated, {}).value)
        for f in facts
    )
