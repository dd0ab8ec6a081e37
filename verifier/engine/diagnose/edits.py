"""Edits: what is changed of a flow, and the flow with it changed.

In: rows, a shape, an `Edit`. Out: other rows; and rows that nobody saw, made up as a step would have them.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from verifier.binding import BoundFlow
from verifier.diagnosis import Edit
from verifier.flows import Row
from verifier.shape import Condition, Rule, Scalar, Shape
from verifier.spans import Event, Observation, Record, Span, Value, dig, own
from verifier.values import canonical, holds, number

UNSEEN = "unseen"
"""The instance of a made-up span whose service was never heard, and the start of made-up values."""


def applied(rows: Iterable[Row], edits: Iterable[Edit], shape: Shape) -> tuple[Row, ...]:
    """The rows with every edit made, one after the other."""
    kept = {row.id: row for row in rows}
    for edit in edits:
        if edit.sort == "missing":
            assert edit.row is not None
            kept[edit.row.id] = edit.row
            continue
        assert edit.of is not None
        here = _now(kept, edit.of)
        if here is None:
            continue
        if edit.sort == "extra":
            if here.event is None:
                del kept[here.row.id]
            else:
                assert isinstance(here.row, Span)
                events = tuple(e for n, e in enumerate(here.row.events) if n != here.index)
                kept[here.row.id] = replace(here.row, events=events)
        elif edit.sort == "swapped":
            there = _now(kept, edit.other) if edit.other is not None else None
            if there is not None:
                _put(kept, here, _like(here, there))
                _put(kept, _now(kept, there) or there, _like(there, here))
        elif edit.sort == "moved":
            assert edit.at_ns is not None
            _put(kept, here, _shifted(here, edit.at_ns - here.first_ns))
        elif edit.sort == "failed":
            assert isinstance(here.row, Span)
            kept[here.row.id] = replace(here.row, status="unset", status_message="")
        else:
            assert edit.attribute is not None
            kept[here.row.id] = with_value(here, edit.attribute, edit.value, shape)
    return tuple(kept.values())


def _now(rows: Mapping[Any, Row], o: Observation) -> Observation | None:
    """The observation as it is among these rows; None if it is gone."""
    row = rows.get(o.row.id)
    if row is None or o.event is None:
        return Observation(row=row) if row is not None else None
    assert isinstance(row, Span)
    if o.index < len(row.events) and row.events[o.index].name == o.event.name:
        return Observation(row=row, event=row.events[o.index], index=o.index)
    return next((Observation(row=row, event=e, index=n) for n, e in enumerate(row.events) if e == o.event), None)


def _put(rows: dict[Any, Row], o: Observation, changed: Observation) -> None:
    if o.event is None:
        rows[o.row.id] = changed.row
        return
    row = rows[o.row.id]
    assert isinstance(row, Span)
    assert changed.event is not None
    events = (*row.events[: o.index], changed.event, *row.events[o.index + 1 :])
    rows[row.id] = replace(row, events=events)


def _like(o: Observation, other: Observation) -> Observation:
    """The observation with the times of another one; of two records of one partition with its offset too."""
    row, its = o.row, other.row
    if o.event is None and other.event is None:
        if isinstance(row, Span) and isinstance(its, Span):
            moved = _shifted(o, its.start_ns - row.start_ns).row
            assert isinstance(moved, Span)
            return Observation(row=replace(moved, end_ns=its.end_ns))
        if isinstance(row, Record) and isinstance(its, Record):
            return Observation(row=replace(row, made_ns=its.made_ns, seen_ns=its.seen_ns))
    return _shifted(o, other.first_ns - o.first_ns)


def _shifted(o: Observation, by_ns: int) -> Observation:
    if o.event is not None:
        return replace(o, event=replace(o.event, time_ns=o.event.time_ns + by_ns))
    return replace(o, row=shifted(o.row, by_ns))


def shifted(row: Row, by_ns: int) -> Row:
    """A row later by so much, with all that is in it."""
    if isinstance(row, Record):
        return replace(row, made_ns=None if row.made_ns is None else row.made_ns + by_ns, seen_ns=row.seen_ns + by_ns)
    events = tuple(replace(e, time_ns=e.time_ns + by_ns) for e in row.events)
    end_ns = row.end_ns + by_ns if row.end_ns else 0
    return replace(row, start_ns=row.start_ns + by_ns, end_ns=end_ns, events=events)


def with_value(o: Observation, attribute: str, value: Value, shape: Shape) -> Row:
    """The observation's row, saying that the attribute has this value (None: not there)."""
    names = shape.attributes.get(attribute, (attribute,))
    row = o.row
    if o.event is not None:
        assert isinstance(row, Span)
        event = replace(o.event, attributes=_set(o.event.attributes, names, value))
        return replace(row, events=(*row.events[: o.index], event, *row.events[o.index + 1 :]))
    if isinstance(row, Span):
        return replace(row, attributes=_set(row.attributes, names, value))
    return replace(row, value=_set_path(row.value, _path(row, names), value))


def _set(attributes: Mapping[str, Value], names: Sequence[str], value: Value) -> dict[str, Value]:
    name = next((n for n in names if attributes.get(n) not in (None, "")), names[0])
    rest = {k: v for k, v in attributes.items() if k not in names}
    return rest if value is None else {**rest, name: value}


def _path(record: Record, names: Sequence[str]) -> str:
    """Where in its envelope a record says it, or would."""
    return next((n for n in names if dig(record.value, n) not in (None, "")), names[-1])


def _set_path(value: Mapping[str, Value], path: str, to: Value) -> dict[str, Value]:
    name, _, rest = path.partition(".")
    if not rest:
        others = {k: v for k, v in value.items() if k != name}  # other nulls stay what they are
        return others if to is None else {**others, name: to}
    below = value.get(name)
    return {**value, name: _set_path(below if isinstance(below, Mapping) else {}, rest, to)}


# ---- what nobody saw


def invented(
    bound: BoundFlow,
    rule: Rule,
    step: str,
    at_ns: int,
    *,
    after: Observation | None = None,
    said: Mapping[str, Value] | None = None,
) -> Row:
    """A row that would be an occurrence of the step at that moment, as far as anybody could tell.

    `after`: what led to it, its parent or the message that it handled; `said`: values that it must have.
    """
    shape = bound.shape
    wanted = shape.steps[step]
    values = _values(bound, rule, step, at_ns, after) | dict(said or {})
    serial = (at_ns * 64 + sorted(shape.steps).index(step)) % (1 << 64)
    name = wanted.names[0].replace("*", "x").replace("?", "x")
    made: Row
    if wanted.sort == "record":
        made = Record(topic=name, partition=-1, offset=serial % (1 << 60), made_ns=at_ns, seen_ns=at_ns)
        if after is not None and isinstance(after.row, Span):
            made = replace(made, value={"metadata": {"traceparent": f"00-{after.row.trace_id}-{after.row.span_id}-01"}})
    else:
        others = [x.of.row.service for x in bound.occurrences.get(step, ())]
        service = wanted.service or (others[0] if others else "") or (after.row.service if after else "")
        spans = sorted(bound.flow.spans, key=lambda s: (abs(s.start_ns - at_ns), s.id))
        near = next((s for s in spans if not service or s.service == service), None)  # whoever spoke then may say it
        service = service or (near.service if near is not None else UNSEEN)
        instance = near.instance if near is not None else UNSEEN
        made = Span(
            trace_id=f"{serial:032x}",
            span_id=f"{serial:016x}",
            service=service,
            instance=instance,
            name=name if wanted.sort == "span" else UNSEEN,
            kind=wanted.kind or "internal",
            start_ns=at_ns,
            end_ns=at_ns,
            status="error" if wanted.status == "error" else "unset",
            events=(Event(name=name, time_ns=at_ns),) if wanted.sort == "event" else (),
        )
        made = _led(made, after)
    of = Observation(row=made)
    if isinstance(made, Span) and made.events:
        of = Observation(row=made, event=made.events[0], index=0)
    for attribute, value in values.items():
        row = with_value(of, attribute, value, shape)
        of = replace(of, row=row, event=row.events[0]) if of.event and isinstance(row, Span) else Observation(row=row)
    return of.row


def _led(span: Span, after: Observation | None) -> Span:
    """The span as the child of what led to it, or as the handling of that message."""
    if after is None:
        return span
    if isinstance(after.row, Span):
        return replace(span, trace_id=after.row.trace_id, parent_span_id=after.row.span_id)
    record = after.row
    said = {
        "messaging.operation": "process",
        "messaging.destination.name": record.topic,
        "messaging.destination.partition.id": str(record.partition),
        "messaging.kafka.offset": str(record.offset),
    }
    return replace(span, attributes={**span.attributes, **said})


def _values(bound: BoundFlow, rule: Rule, step: str, at_ns: int, after: Observation | None) -> dict[str, Value]:
    """What an occurrence of the step would say: what the step asks for, what the flow says everywhere, who it is."""
    wanted = bound.shape.steps[step]
    out: dict[str, Value] = {}
    for name in wanted.identity:
        out[name] = {"is": f"{UNSEEN} {at_ns}"} if name == "data" else f"{UNSEEN}-{at_ns}"
    for attribute, condition in wanted.where.items():
        out[attribute] = fulfilling(condition, None)
    for each in bound.shape.assertions:
        carried = getattr(each, "attribute", None)
        if isinstance(carried, str) and each.kind == "propagates":
            out[carried] = common(bound, carried, getattr(each, "one_of", ()))
    for paired in (*getattr(rule, "same", ()), *getattr(rule, "for_each", ())):
        if after is not None:
            out[paired] = bound.value(after, paired).value
    return {k: v for k, v in out.items() if v is not None and k != ""}


def common(bound: BoundFlow, attribute: str, allowed: Sequence[Scalar] = ()) -> Value:
    """The first value of an attribute in the flow that is allowed; else the first allowed one."""
    names = bound.shape.attributes.get(attribute, (attribute,))
    fine = {canonical(v) for v in allowed}
    for row in sorted(bound.flow.members, key=lambda m: Observation(row=m.row).first_ns):
        value = own(row.row, names)
        if value is not None and (not fine or canonical(value) in fine):
            return value
    return allowed[0] if allowed else None


def fulfilling(condition: Condition | Scalar, seen: Value) -> Value:
    """A value that fulfils a condition, the nearest to `seen` that is easily found; None: it must be absent."""
    if not isinstance(condition, Condition):
        return condition
    if condition.exists is False:
        return None
    now = number(seen) if seen is not None else None
    tries: list[Value] = [seen, condition.eq, *(condition.in_ or ())]
    for limit, step in ((condition.ge, 0), (condition.le, 0), (condition.gt, 1), (condition.lt, -1)):
        if limit is not None:
            tries += [limit, limit + step, limit + step * 0.001]
    if condition.ne is not None and isinstance(condition.ne, bool):
        tries.append(not condition.ne)
    tries += [now + 1, now - 1] if now is not None else []
    tries += [UNSEEN, 0, 1, True, False]
    return next((t for t in tries if t is not None and holds(t, condition)), UNSEEN)
