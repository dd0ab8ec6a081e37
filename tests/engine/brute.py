"""Every flow that is one edit away, by brute force: written from what an edit is, without a look at how they are found.

In: a case of up to 8 observations. Out: for each edit its name and the rows after it. An edit takes a row or an event
out, puts one in, exchanges the times of two, moves one, undoes a failure, or gives a row another value; at every moment
that the rows or the bounds of the rule tell of, just before and just after it, and with every value seen anywhere.
"""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields, replace
from typing import Any

from verifier.engine.diagnose import Case
from verifier.flows import Row
from verifier.shape import Condition, duration_ns, points_of
from verifier.spans import Event, Record, Span, Value

Edited = tuple[str, list[Row]]
NEAR_NS = 1_000
SLACK_NS = 6_000_000
"""Further than clocks are uncertain."""


def edits(case: Case, rows: Sequence[Row]) -> Iterator[Edited]:
    """Every single edit of these rows."""
    yield from _out(rows)
    yield from _failures(rows)
    yield from _swaps(rows)
    yield from _values(case, rows)
    times = _moments(case, rows)
    yield from _moves(rows, times)
    yield from _in(case, rows, times)


def few(case: Case, rows: Sequence[Row]) -> Iterator[Edited]:
    """The edits that guess no time: for pairs of them."""
    yield from _out(rows)
    yield from _failures(rows)
    yield from _swaps(rows)
    yield from _values(case, rows)


def _out(rows: Sequence[Row]) -> Iterator[Edited]:
    for n, row in enumerate(rows):
        rest = [*rows[:n], *rows[n + 1 :]]
        yield f"no {row.id}", rest
        for k, event in enumerate(row.events if isinstance(row, Span) else ()):
            assert isinstance(row, Span)
            yield f"no {event.name}", [*rest, replace(row, events=(*row.events[:k], *row.events[k + 1 :]))]


def _failures(rows: Sequence[Row]) -> Iterator[Edited]:
    for n, row in enumerate(rows):
        if isinstance(row, Span) and row.status == "error":
            yield f"{row.name} succeeds", [*rows[:n], *rows[n + 1 :], replace(row, status="unset")]


def _swaps(rows: Sequence[Row]) -> Iterator[Edited]:
    for (n, a), (m, b) in itertools.combinations(enumerate(rows), 2):
        others = [r for k, r in enumerate(rows) if k not in (n, m)]
        if isinstance(a, Span) and isinstance(b, Span):
            one = replace(a, start_ns=b.start_ns, end_ns=b.end_ns)
            yield f"{a.name} <-> {b.name}", [*others, one, replace(b, start_ns=a.start_ns, end_ns=a.end_ns)]
        if isinstance(a, Record) and isinstance(b, Record):
            one_ = replace(a, made_ns=b.made_ns, seen_ns=b.seen_ns)
            yield f"{a.topic} <-> {b.topic}", [*others, one_, replace(b, made_ns=a.made_ns, seen_ns=a.seen_ns)]
    told = [(n, k, e) for n, r in enumerate(rows) if isinstance(r, Span) for k, e in enumerate(r.events)]
    for (n, k, a), (m, i, b) in itertools.combinations(told, 2):
        changed = _event(list(rows), n, k, replace(a, time_ns=b.time_ns))
        yield f"{a.name} <-> {b.name}", _event(changed, m, i, replace(b, time_ns=a.time_ns))


def _event(rows: list[Row], n: int, k: int, event: Event) -> list[Row]:
    row = rows[n]
    assert isinstance(row, Span)
    return [*rows[:n], replace(row, events=(*row.events[:k], event, *row.events[k + 1 :])), *rows[n + 1 :]]


def _moments(case: Case, rows: Sequence[Row]) -> list[int]:
    points: set[int] = set()
    for row in rows:
        if isinstance(row, Span):
            points |= {row.start_ns, row.end_ns, *(e.time_ns for e in row.events)}
        else:
            points |= {row.seen_ns, *(() if row.made_ns is None else (row.made_ns,))}
    rule = case.rule(0)
    limits = [0]
    for f in fields(rule):
        value = getattr(rule, f.name)
        text = case.plan.shape.params.get(value, value) if isinstance(value, str) else None
        limits += [ns] if isinstance(text, str) and (ns := duration_ns(text)) else []
    out = {p + s * limit for p in points for limit in limits for s in (-1, 1)}
    return sorted(t + by for t in out for by in (-SLACK_NS, -NEAR_NS, 0, NEAR_NS, SLACK_NS))


def _moves(rows: Sequence[Row], times: Sequence[int]) -> Iterator[Edited]:
    for n, row in enumerate(rows):
        rest = [*rows[:n], *rows[n + 1 :]]
        for t in times:
            if isinstance(row, Span):
                yield f"{row.name} at {t}", [*rest, _shifted(row, t - row.start_ns)]
                yield f"{row.name} until {t}", [*rest, _shifted(row, t - row.end_ns)]
                for k, e in enumerate(row.events):
                    yield f"{e.name} at {t}", _event(list(rows), n, k, replace(e, time_ns=t))
            else:
                made = None if row.made_ns is None else t - (row.seen_ns - row.made_ns)
                yield f"{row.topic} at {t}", [*rest, replace(row, made_ns=made, seen_ns=t)]


def _shifted(span: Span, by: int) -> Span:
    events = tuple(replace(e, time_ns=e.time_ns + by) for e in span.events)
    return replace(span, start_ns=span.start_ns + by, end_ns=span.end_ns + by, events=events)


def _constants(value: object) -> Iterator[tuple[str, Value]]:
    """Every name with a value that a rule or a step asks for."""
    if isinstance(value, Mapping):
        for name, wanted in value.items():
            if isinstance(wanted, Condition):
                for v in (wanted.eq, wanted.ge, wanted.le, *(wanted.in_ or ())):
                    if v is not None:
                        yield str(name), v
            elif isinstance(wanted, str | int | float | bool):
                yield str(name), wanted


def _pool(case: Case, rows: Sequence[Row]) -> dict[str, list[Value]]:
    """Values by the name that they have, or could have."""
    out: dict[str, list[Value]] = {}
    rule, shape = case.rule(0), case.plan.shape
    for row in rows:
        for said in (row.value if isinstance(row, Record) else row.attributes, *_events(row)):
            for name, value in said.items():
                out.setdefault(name, []).append(value)
    for where in (*(getattr(rule, f.name) for f in fields(rule)), *(s.where for s in shape.steps.values())):
        for name, value in _constants(where):
            out.setdefault(name, []).append(value)
    attribute = getattr(rule, "attribute", None)
    if isinstance(attribute, str):
        out.setdefault(attribute, []).extend(getattr(rule, "one_of", ()))
    machine = shape.machines.get(getattr(rule, "machine", None) or "")
    if machine is not None:
        states = [*machine.moves, *(t for targets in machine.moves.values() for t in targets)]
        for name in (machine.moves_by.from_, machine.moves_by.to):
            out.setdefault(name, []).extend(states)
    return {name: list({repr(v): v for v in values}.values()) for name, values in out.items()}


def _events(row: Row) -> list[Mapping[str, Value]]:
    return [e.attributes for e in row.events] if isinstance(row, Span) else []


def _values(case: Case, rows: Sequence[Row]) -> Iterator[Edited]:
    for name, values in _pool(case, rows).items():
        for n, row in enumerate(rows):
            rest = [*rows[:n], *rows[n + 1 :]]
            for value in (*values, None, "anew"):
                if isinstance(row, Record):
                    yield f"{name}={value}", [*rest, replace(row, value=_with(row.value, name, value))]
                    continue
                yield f"{name}={value}", [*rest, replace(row, attributes=_with(row.attributes, name, value))]
                for k, e in enumerate(row.events):
                    changed = replace(e, attributes=_with(e.attributes, name, value))
                    yield f"{name}={value} of {e.name}", _event(list(rows), n, k, changed)


def _with(said: Mapping[str, Value], name: str, value: Value) -> dict[str, Value]:
    return {k: v for k, v in {**said, name: value}.items() if v is not None}


def _in(case: Case, rows: Sequence[Row], times: Sequence[int]) -> Iterator[Edited]:
    """A row more of each step that the rule names: bare, or saying what another row says; alone, or below one."""
    shape, rule = case.plan.shape, case.rule(0)
    steps = {step for _, step in points_of(rule)}
    machine = shape.machines.get(getattr(rule, "machine", None) or "")
    pool = _pool(case, rows)
    moves: list[dict[str, Value]] = [{}]
    if machine is not None:
        steps.add(machine.moves_by.step)
        by = machine.moves_by
        moves = [{by.from_: a, by.to: b} for a in pool[by.from_] for b in pool[by.to]]
    for step in sorted(steps & set(shape.steps)):
        wanted = shape.steps[step]
        must = dict(_constants(wanted.where))
        said: list[Mapping[str, Value]] = [{}]
        said += [r.value if isinstance(r, Record) else r.attributes for r in rows]
        for move in moves if machine is not None and step == machine.moves_by.step else [{}]:
            for text in said if not move else [{}]:
                for t in times:
                    yield f"a {step} at {t}", [*rows, _made(rows, wanted, t, {**text, **must, **move}, None)]
        for row in rows:
            if isinstance(row, Span):
                for t in (row.end_ns + NEAR_NS, row.end_ns + SLACK_NS, row.start_ns):
                    yield f"a {step} below {row.name}", [*rows, _made(rows, wanted, t, must, row)]


def _made(rows: Sequence[Row], wanted: Any, t: int, said: Mapping[str, Value], parent: Span | None) -> Row:
    name = wanted.names[0].replace("*", "x")
    if wanted.sort == "record":
        return Record(topic=name, partition=9, offset=9, made_ns=t, seen_ns=t, value=dict(said))
    spans = [r for r in rows if isinstance(r, Span)]
    like = next((s for s in spans if s.service == wanted.service or s.name in wanted.names), None)
    like = like or (spans[0] if spans and wanted.service is None else None)
    made = Span(
        trace_id=parent.trace_id if parent is not None else "f" * 32,
        span_id="f" * 16,
        parent_span_id=parent.span_id if parent is not None else None,
        service=wanted.service or (like.service if like is not None else "made"),
        instance=like.instance if like is not None else "made",
        name=name,
        kind=wanted.kind or "internal",
        start_ns=t,
        end_ns=t,
    )
    if wanted.sort == "event":
        return replace(made, name="made", events=(Event(name=name, time_ns=t, attributes=dict(said)),))
    return replace(made, attributes=dict(said))
