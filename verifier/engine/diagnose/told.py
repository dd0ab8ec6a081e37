"""What the evidence tells of itself: candidates for a cause that need no guess.

In: a `Case`, its steps bound, its findings. Out: `Cause`s, not yet judged: an attempt that failed, a message that came
twice with all that followed, a value that changed at one hop, rows of one trace that seem to be of another flow.
"""

from collections.abc import Sequence

from verifier.binding import BoundFlow
from verifier.diagnosis import Cause, CauseSort, Edit
from verifier.engine.diagnose.candidates import step_of
from verifier.engine.diagnose.case import Case
from verifier.engine.diagnose.edits import common
from verifier.flows import Row
from verifier.spans import Observation, Record, Span, Value, message_ids, own
from verifier.values import canonical
from verifier.verdict import Finding, Mismatch


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
    out += _traces(case, bound, found)
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
        out.append(
            Cause(
                sort="duplicated",
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
        rows = [e.of.row for e in finding.evidence]
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


def _traces(case: Case, bound: BoundFlow, found: Sequence[Finding]) -> list[Cause]:
    """All rows of a trace that some finding points at, taken out: they may be of another flow."""
    pointed = {e.of.row.id[0] for finding in found for e in finding.evidence if isinstance(e.of.row, Span)}
    out: list[Cause] = []
    for trace in sorted(pointed)[:8]:
        rows = [r for r in case.rows if (r.trace_id if isinstance(r, Span) else (r.parent or ("",))[0]) == trace]
        if 1 < len(rows) < len(case.rows) / 2:
            first = Observation(row=rows[0])
            edits = tuple(Edit(sort="extra", of=Observation(row=r), service=r.service) for r in rows)
            out.append(
                Cause(
                    sort="extra",
                    edits=edits,
                    step=step_of(bound, first),
                    service=first.row.service,
                    of=first,
                    since_ns=first.first_ns,
                )
            )
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
