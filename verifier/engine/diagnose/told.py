"""What the evidence tells of itself: candidates for a cause that need no guess.

In: a `Case`, its steps bound, its findings. Out: `Cause`s, not yet judged: an attempt that failed, a message that came
twice with all that followed, a value that changed at one hop, one value that makes two one or one two, a pause after
which all came late, a start after its own effects, a clock that is off.
"""

from collections.abc import Sequence
from itertools import pairwise

from verifier.binding import BoundFlow
from verifier.diagnosis import Cause, CauseSort, Edit
from verifier.engine.diagnose.alike import alike
from verifier.engine.diagnose.candidates import step_of
from verifier.engine.diagnose.case import Case
from verifier.engine.diagnose.edits import common
from verifier.flows import Row
from verifier.spans import Observation, Record, Span, Value, message_ids, own
from verifier.values import canonical
from verifier.verdict import Finding, Late, Mismatch, Misordered, Missing, Unexpected

LEAST_PAUSE_NS, MOST_PAUSES, MOST_PLACES, NEAR_MS_NS = 500_000_000, 6, 8, 1_000_000
"""From how long on a pause is thought to be one, how many of the longest are tried, and how many places before it."""


def told(case: Case, bound: BoundFlow, found: Sequence[Finding]) -> list[Cause]:
    """What the evidence tells of itself."""
    out: list[Cause] = []
    for row in case.rows:
        if isinstance(row, Span) and row.status == "error":
            o = Observation(row=row)
            out.append(of_edit(Edit(sort="failed", of=o, step=step_of(bound, o), service=row.service)))
    out += _repeated(case, bound)
    for finding in found:
        if isinstance(finding, Mismatch):
            out += _value(case, bound, finding)
    out += alike(bound, found)
    out += _pauses(case, bound, found)
    out += _after_effects(case, bound)
    out += _clock(case, bound)
    return out


def _repeated(case: Case, bound: BoundFlow) -> list[Cause]:
    """Rows that say what an earlier one said, each with all that followed from it."""
    out: list[Cause] = []
    seen: dict[tuple[object, ...], Row] = {}
    for row in sorted(case.rows, key=lambda r: (Observation(row=r).first_ns, r.id)):
        said = _said(row)
        first = seen.setdefault(said, row)
        if first is row:
            continue
        ids = set(message_ids(row)) - set(message_ids(first))
        gone_too = [
            r
            for r in case.rows
            if r is not first
            and (r is row or row.id in bound.clocks.ancestors(r) or ids & set(message_ids(r)))
            and r.id not in bound.clocks.ancestors(row)
        ]
        edits = tuple(
            Edit(sort="extra", of=o, step=step_of(bound, o), service=r.service)
            for r in gone_too
            for o in (Observation(row=r),)
        )
        o = Observation(row=row)
        again = isinstance(row, Span) or any(kind == "event" for kind, *_ in ids)  # a record's exact copy is harmless
        out.append(
            Cause(
                sort="duplicated" if again else "extra",
                edits=edits,
                step=step_of(bound, o),
                service=row.service,
                of=o,
                since_ns=o.first_ns,
            )
        )
    return out


def _said(row: Row) -> tuple[object, ...]:
    """What a row says, without what is new each time: ids of the message, times."""
    if isinstance(row, Record):
        data = row.value.get("data")
        return (row.topic, canonical(data) if data else str(row.id))
    of = own(row, ("event_id", "messaging.message.id"))
    if of is None and not row.attributes:
        return row.id
    new = ("event_id", "messaging.message.id", "traceparent")
    kept = {k: v for k, v in row.attributes.items() if k not in new and "offset" not in k}
    return (row.service, row.name, row.status, canonical(kept))


def _value(case: Case, bound: BoundFlow, finding: Mismatch) -> list[Cause]:
    """The value as it was before, on every row that carries the other one; and the other way round."""
    name = finding.attribute
    names = bound.shape.attributes.get(name, (name,))
    if finding.how == "condition":
        return []
    if finding.how == "lost":
        to = common(bound, name)
        said_by = {r.id: r for e in finding.evidence for r in _said_by(bound, e.of.row)}
        rows = list(said_by.values())
        return [_at_hop(bound, name, rows, None, to)] if to is not None else []
    ways = [(finding.seen, finding.expected)] + ([(finding.expected, finding.seen)] if finding.how == "changed" else [])
    out = []
    for bad, good in ways:
        rows = [r for r in case.rows if (v := own(r, names)) is not None and canonical(v) == canonical(bad)]
        if finding.how == "not_allowed":
            allowed = good if isinstance(good, tuple) else ()
            good = common(bound, name, [v for v in allowed if isinstance(v, str | int | float | bool)])
        if rows:
            out.append(_at_hop(bound, name, rows, bad, good))
    return out


def _said_by(bound: BoundFlow, row: Row) -> tuple[Row, ...]:
    """Who should have said a value that a row lacks: the message that it handled, else the row itself."""
    return (bound.message(row) if isinstance(row, Span) else ()) or (row,)


def _at_hop(bound: BoundFlow, name: str, rows: Sequence[Row], bad: Value, good: Value) -> Cause:
    ids = {r.id for r in rows}
    first = min(rows, key=lambda r: (bool(bound.clocks.ancestors(r) & ids), Observation(row=r).first_ns, r.id))
    edits = tuple(
        Edit(
            sort="changed",
            of=Observation(row=r),
            step=step_of(bound, Observation(row=r)),
            service=r.service,
            attribute=name,
            seen=bad,
            value=good,
        )
        for r in rows
    )
    o = Observation(row=first)
    return Cause(sort="changed", edits=edits, step=step_of(bound, o), service=first.service, of=o, since_ns=o.first_ns)


def _pauses(case: Case, bound: BoundFlow, found: Sequence[Finding]) -> list[Cause]:
    """What came late with all that came after it, or with all that it caused: moved to right after what led to it."""
    rows = sorted(case.rows, key=lambda r: (Observation(row=r).first_ns, r.id))
    late = [f for f in found if isinstance(f, Late | Missing | Misordered | Unexpected)]
    if not late:
        return []
    out: list[Cause] = []
    begun = [Observation(row=r).first_ns for r in rows]
    gaps = sorted(((b - a, n + 1) for n, (a, b) in enumerate(pairwise(begun))), reverse=True)
    least = max(LEAST_PAUSE_NS, gaps[0][0] // 2 if gaps else 0)  # where others wait as long, nothing paused
    for gap, n in gaps[:MOST_PAUSES]:
        if gap >= least:
            out.append(_late(bound, rows[n:], gap - LEAST_PAUSE_NS // 100))
    order = any(not isinstance(f, Missing) for f in late)
    if order and gaps and gaps[0][0] >= least:  # what came last may belong to anywhere before it
        n = gaps[0][1]
        lasts = max(Observation(row=r).last_ns for r in rows[n:]) - begun[n]
        places = [begun[k] + LEAST_PAUSE_NS // 100 for k in range(0, n - 1, max(1, n // MOST_PLACES))]
        places.append(begun[0] - lasts - LEAST_PAUSE_NS // 100)
        out += [_late(bound, rows[n:], begun[n] - at_ns) for at_ns in places]
    ties: list[tuple[int, int]] = []
    for n, row in enumerate(rows):
        above = [Observation(row=r).first_ns for r in rows if r.id in bound.clocks.ancestors(row)]
        if above and begun[n] - max(above) >= least:
            ties.append((begun[n] - max(above), n))
    for gap, n in sorted(ties, reverse=True)[:MOST_PAUSES]:
        caused = [r for r in rows if r is rows[n] or rows[n].id in bound.clocks.ancestors(r)]
        out.append(_late(bound, caused, gap - LEAST_PAUSE_NS // 100))
    return out


def _after_effects(case: Case, bound: BoundFlow) -> list[Cause]:
    """What began after something that it led to: moved to just before the first of that."""
    out: list[Cause] = []
    for row in case.rows:
        effects = [Observation(row=r).first_ns for r in case.rows if row.id in bound.clocks.ancestors(r)]
        o = Observation(row=row)
        if effects and o.first_ns - min(effects) > bound.clocks.uncertainty_ns:
            to = min(effects) - NEAR_MS_NS
            out.append(of_edit(Edit(sort="moved", of=o, at_ns=to, step=step_of(bound, o), service=row.service)))
    return out[:MOST_PAUSES]


def _late(bound: BoundFlow, rows: Sequence[Row], by_ns: int) -> Cause:
    first = Observation(row=rows[0])
    edits = tuple(
        Edit(sort="moved", of=o, at_ns=o.first_ns - by_ns, step=step_of(bound, o), service=o.row.service)
        for o in (Observation(row=r) for r in rows)
    )
    step, service = step_of(bound, first), first.row.service
    return Cause(sort="paused", edits=edits, step=step, service=service, of=first, since_ns=first.first_ns)


def _clock(case: Case, bound: BoundFlow) -> list[Cause]:
    """A process whose clock is so far off that an effect begins before its cause: set right."""
    off: dict[str, int] = {}
    for row in case.rows:
        for cause in case.rows:
            if not (isinstance(row, Span) and isinstance(cause, Span) and bound.clocks.causes(cause, row)):
                continue
            by = cause.start_ns - row.start_ns
            if by > bound.clocks.uncertainty_ns and row.service != cause.service:
                off[row.service] = max(off.get(row.service, 0), by)
                off[f"-{cause.service}"] = max(off.get(f"-{cause.service}", 0), by)
    out: list[Cause] = []
    for name, by in sorted(off.items()):
        service, sign = name.removeprefix("-"), -1 if name.startswith("-") else 1
        rows = [Observation(row=r) for r in case.rows if isinstance(r, Span) and r.service == service]
        shift = sign * (by + NEAR_MS_NS)
        edits = tuple(
            Edit(sort="moved", of=o, at_ns=o.first_ns + shift, step=step_of(bound, o), service=service) for o in rows
        )
        out.append(Cause(sort="clock", edits=edits, service=service, of=rows[0], since_ns=rows[0].first_ns))
    return out


def of_edit(edit: Edit) -> Cause:
    sort: CauseSort = edit.sort
    message = edit.of.row.status_message if edit.of is not None and isinstance(edit.of.row, Span) else None
    return Cause(
        sort=sort,
        edits=(edit,),
        step=edit.step,
        service=edit.service,
        of=edit.of,
        message=message or None,
        since_ns=edit.when_ns,
        steps=(edit.step,) if edit.step and sort == "missing" else (),
    )
