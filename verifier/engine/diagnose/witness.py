"""The witness of a finding: the smallest set of observations that alone gives it, judged again to be sure.

In: a `Case` and one of its findings. Out: a `Witness`, or None where no part of the flow gives the finding (it hangs
on a loss or an unknown fact) or the flow is too large. No observation of it can be removed: without any one of them
the rule says something else. What doesn't matter of them is left out of `drawn`, which is judged again too.

    rows of the evidence ─> enough? else all rows ─> remove in halves, then one by one ─> events ─> attributes
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from verifier.diagnosis import Witness
from verifier.engine.diagnose.case import Budget, Case, about, name_of, same
from verifier.flows import Row, RowId, sort_key
from verifier.shape import split_point
from verifier.spans import Observation, Record, Span, Value, message_ids
from verifier.verdict import Illegal, Judged, Misordered, Missing

Gives = Callable[[Sequence[Row]], bool]


def witness_of(case: Case, number: int, found: Judged, budget: Budget) -> Witness | None:
    """The witness of one finding of the rule with that number."""

    def gives(rows: Sequence[Row]) -> bool:
        if not budget.take(len(rows) + 1):
            return False
        rules = case.again(case.with_rows(rows), (number,))
        return any(same(found, other) for rule in rules for other in rule.findings)

    every = (*case.rows, *(m.row for m in case.flow.shared))
    pointed = {e.of.row.id for e in found.finding.evidence}
    rows = next((list(some) for some in (_near(every, pointed), every) if gives(some)), None)
    if rows is None:
        return None
    left: list[Row] | None = None
    while rows != left:  # what an event was needed for may have gone with another one
        left = rows
        rows = _fewest_events(fewest(rows, gives), gives)
    plain = renamed(bare(rows, gives), gives)
    drawn = apart(plain)
    guilty = _guilty(found, rows)
    return Witness(
        rows=tuple(rows),
        drawn=tuple(drawn),
        guilty=tuple(new.id for old, new in zip(plain, drawn, strict=True) if old.id in guilty),
        neighbours=_neighbours(case, found),
        facts=case.facts,
        at_ns=case.setting.sight.at_ns,
    )


def _near(rows: Sequence[Row], pointed: set[RowId]) -> list[Row]:
    """The rows that the finding names, and those of their messages."""
    ids = {m for row in rows if row.id in pointed for m in message_ids(row)}
    return [row for row in rows if row.id in pointed or ids & set(message_ids(row))]


def fewest(rows: Sequence[Row], gives: Gives) -> list[Row]:
    """Rows of which none can be removed: halves first, then smaller parts, one by one at last."""
    kept = sorted(rows, key=sort_key)
    part = max(len(kept) // 2, 1)
    while True:
        removed = False
        at = 0
        while at < len(kept):
            rest = kept[:at] + kept[at + part :]
            if gives(rest):
                kept, removed = rest, True
            else:
                at += part
        if part == 1 and not removed:
            return kept
        part = part if removed and part == 1 else max(part // 2, 1)


def _fewest_events(rows: list[Row], gives: Gives) -> list[Row]:
    """The rows with only those of their events that matter."""
    for i, row in enumerate(rows):
        if not isinstance(row, Span) or not row.events:
            continue
        if gives([*rows[:i], replace(row, events=()), *rows[i + 1 :]]):
            rows = [*rows[:i], replace(row, events=()), *rows[i + 1 :]]
            continue
        for event in row.events:
            at = rows[i]
            assert isinstance(at, Span)
            less = [*rows[:i], replace(at, events=tuple(e for e in at.events if e is not event)), *rows[i + 1 :]]
            if gives(less):
                rows = less
    return rows


def bare(rows: Sequence[Row], gives: Gives) -> list[Row]:
    """The rows without what doesn't matter of them: attributes, kinds, parents and links that lead nowhere."""
    kept = list(rows)
    for i in range(len(kept)):
        for less in _lessen(kept[i], {row.id for row in kept}):
            changed = [*kept[:i], less(kept[i]), *kept[i + 1 :]]
            if changed[i] != kept[i] and gives(changed):
                kept = changed
    return kept


def _lessen(row: Row, ids: set[RowId]) -> list[Callable[[Row], Row]]:
    """Ways to take something off a row, the most at once first."""
    if isinstance(row, Record):
        return [_less(headers=()), _less(key=None), *(_without(path) for path in _paths(row.value))]
    ways = [_less(trace_state="", kind="unspecified"), _less(attributes={}), _less(links=()), _less(resource={})]
    ways += [_less(status="unset")] if row.status == "ok" else []
    ways += [_less(parent_span_id=None)] if row.parent not in ids else []
    ways += [_without_attribute(name) for name in sorted(row.attributes)]
    ways += [_without_of_event(n, name) for n, event in enumerate(row.events) for name in sorted(event.attributes)]
    return ways


def _less(**fields: Any) -> Callable[[Row], Row]:
    return lambda row: replace(row, **fields)


def _paths(value: Value, front: str = "") -> list[str]:
    """Every path into an envelope, whole branches before what they hold."""
    out: list[str] = []
    if isinstance(value, Mapping):
        for name in sorted(value):
            out.append(f"{front}{name}")
            out += _paths(value[name], f"{front}{name}.")
    return out


def _without(path: str) -> Callable[[Row], Row]:
    def cut(value: Mapping[str, Value], parts: Sequence[str]) -> dict[str, Value]:
        below = value.get(parts[0])
        if len(parts) == 1 or not isinstance(below, Mapping):
            return {k: v for k, v in value.items() if k != parts[0]}
        return {k: (cut(below, parts[1:]) if k == parts[0] else v) for k, v in value.items()}

    def less(row: Row) -> Row:
        assert isinstance(row, Record)
        return replace(row, value=cut(row.value, path.split(".")))

    return less


def _without_attribute(name: str) -> Callable[[Row], Row]:
    def less(row: Row) -> Row:
        assert isinstance(row, Span)
        return replace(row, attributes={k: v for k, v in row.attributes.items() if k != name})

    return less


def _without_of_event(number: int, name: str) -> Callable[[Row], Row]:
    def less(row: Row) -> Row:
        assert isinstance(row, Span)
        events = list(row.events)
        events[number] = replace(
            events[number], attributes={k: v for k, v in events[number].attributes.items() if k != name}
        )
        return replace(row, events=tuple(events))

    return less


def renamed(rows: list[Row], gives: Gives) -> list[Row]:
    """The rows with processes called `service`, `service#2`: which clocks are one is what matters of them."""
    names: dict[tuple[str, str], str] = {}
    for row in rows:
        if isinstance(row, Span) and row.instance is not None and (row.service, row.instance) not in names:
            nth = 1 + sum(service == row.service for service, _ in names)
            names[row.service, row.instance] = row.service if nth == 1 else f"{row.service}#{nth}"
    changed = [
        replace(row, instance=names[row.service, row.instance]) if isinstance(row, Span) and row.instance else row
        for row in rows
    ]
    return changed if gives(changed) else rows


def apart(rows: Sequence[Row]) -> list[Row]:
    """The rows in their order, each tree of them in a trace of its own: what is left of a trace need not hang together.

    Traces count from 1, as in a sketch.
    """
    ids: dict[RowId, Span] = {row.id: row for row in rows if isinstance(row, Span)}
    traces: dict[RowId, str] = {}
    for row in rows:
        if isinstance(row, Span):
            traces.setdefault(_root(row, ids).id, f"{len(traces) + 1:032x}")
    trace: dict[RowId, str] = {i: traces[_root(span, ids).id] for i, span in ids.items()}
    return [_moved(row, trace) for row in rows]


def _root(span: Span, ids: Mapping[RowId, Span]) -> Span:
    seen: set[RowId] = set()
    while span.parent is not None and span.parent in ids and span.id not in seen:
        seen.add(span.id)
        span = ids[span.parent]
    return span


def _moved(row: Row, trace: Mapping[RowId, str]) -> Row:
    """A row with the traces that it and what it points to were moved to."""
    if isinstance(row, Span):
        links = tuple(replace(x, trace_id=trace.get((x.trace_id, x.span_id), x.trace_id)) for x in row.links)
        return replace(row, trace_id=trace[row.id], links=links)
    metadata = row.value.get("metadata")
    if row.parent is None or row.parent not in trace or not isinstance(metadata, Mapping):
        return row
    said = f"00-{trace[row.parent]}-{row.parent[1]}-01"
    return replace(row, value={**row.value, "metadata": {**metadata, "traceparent": said}})


def _guilty(found: Judged, rows: Sequence[Row]) -> set[RowId]:
    """The rows that the finding points at: its subject, which of missing things is what they should have followed."""
    finding = found.finding
    if not finding.evidence:
        return set()
    ids = {row.id for row in rows}
    first = finding.evidence[-1] if isinstance(finding, Illegal) else finding.evidence[0]
    if finding.word in ("late", "early", "mismatch") and len(finding.evidence) > 1:
        first = finding.evidence[1]
    if isinstance(finding, Misordered):
        first = next((e for e in finding.evidence if e.role == split_point(finding.then)[1]), first)
    if isinstance(finding, Missing) and finding.state is not None:
        first = finding.evidence[0]
    return {first.of.row.id} & ids


def _neighbours(case: Case, found: Judged) -> tuple[Observation, ...]:
    """For a state machine the moves before and after the one that is wrong."""
    finding = found.finding
    machine = getattr(finding, "machine", None)
    if machine is None or not finding.evidence:
        return ()
    step = case.plan.shape.steps[case.plan.shape.machines[machine].moves_by.step]
    moves = sorted(
        (
            Observation(row=row, event=event, index=n)
            for row in case.rows
            if isinstance(row, Span)
            for n, event in enumerate(row.events)
            if event.name in step.names
        ),
        key=lambda o: (o.first_ns, o.id),
    )
    mine = about(finding)
    at = [n for n, o in enumerate(moves) if name_of(o) in mine]
    if not at:
        return ()
    around = [n for n in (at[0] - 1, at[-1] + 1) if 0 <= n < len(moves)]
    return tuple(moves[n] for n in around)
