"""Let … Then … However …: a finding explained, and the guilty part of its flow as a sketch.

In: a finding with its verdict and, where the flow was diagnosed, its witness. Out: who is spoken of, what the rule
asks, what contradicts it and how that is known; a sketch that parses back to the witness, marked under what is wrong.
"""

from collections.abc import Sequence

from verifier.clock import INFINITY_NS, Interval
from verifier.shape import split_point
from verifier.sketch import render
from verifier.spans import Record, Span
from verifier.verdict import (
    Broken,
    Early,
    Evidence,
    Finding,
    Illegal,
    Judged,
    Late,
    Mismatch,
    Misordered,
    Missing,
    Unexpected,
    Unproven,
    Unreadable,
)
from verifier.wording.bounds import about
from verifier.wording.findings import basis, observed, title
from verifier.wording.text import clean, count, duration, listed, moment, value

SKETCHED = 74
"""How wide a sketch is: it stands inside a report of 80 columns."""


def let(finding: Finding) -> list[str]:
    """The observations that a finding is about: name, who and what, when."""
    days = {moment(_shown(t))[:10] for e in finding.evidence for t in (_start(e),)}
    return [f"{clean(e.role)} = {_named(e)}, {_when(e, dated=len(days) > 1)}" for e in finding.evidence]


def then(finding: Finding) -> str | None:
    """What the rule asks for, as a sentence."""
    said: str | None = None
    match finding:
        case Missing():
            said = _asked(finding)
        case Unexpected(wanted=str()):
            said = f"{finding.step} occurs {_times(finding.wanted)}{_for(finding.group)}"
        case Unexpected(step=None):
            said = "no operation of the flow fails"
        case Unexpected(after=str()):
            said = f"no {finding.step} comes after {finding.after}"
        case Unexpected(before=str()):
            said = f"no {finding.step} comes before {finding.before}"
        case Unexpected():
            said = f"{finding.step} does not happen"
        case Mismatch(how="changed"):
            said = f"{finding.attribute} is the same in the whole flow"
        case Mismatch(how="lost"):
            said = f"{finding.attribute} is there at {finding.step or 'every step'}"
        case Mismatch(how="not_allowed") if isinstance(finding.expected, tuple):
            said = f"{finding.attribute} is one of {listed(map(value, finding.expected), 'or')}"
        case Mismatch():
            said = f"{finding.attribute} of {finding.step or 'it'} is {value(finding.expected)}"
        case Misordered(scope=None) if finding.wanted > 1:
            said = f"{_verb(finding.then)} only after {finding.wanted} {split_point(finding.first)[1]}"
        case Misordered(scope=None):
            said = f"{_verb(finding.then)} only after {_past(finding.first)}"
        case Late():
            said = f"{finding.then} comes within {duration(finding.limit_ns)} of {finding.first}"
        case Early():
            said = f"{finding.then} comes no sooner than {duration(finding.limit_ns)} after {finding.first}"
        case Illegal():
            to = listed(finding.allowed, "or") if finding.allowed else "no other state"
            start = finding.source if finding.state is None else finding.state
            said = f"{finding.machine} moves from {start} only to {to}"
    return None if said is None else clean(f"{said}.", most=None)


def however(judged: Judged) -> str | None:
    """What contradicts it, with how that is known."""
    finding = judged.finding
    said: str | None
    match finding:
        case Missing(state=str()):
            said = f"{finding.machine or 'it'} stayed at {observed(finding)}"
            said += _until(finding)
        case Missing(seen=(0, 0)) if finding.before is None:
            said = f"none was seen{_until(finding)}"
        case Missing():
            said = _never(finding)
        case Unexpected(after=str()) | Unexpected(before=str()):
            said = _beside(finding)
        case Misordered() if finding.certain:
            said = _against(finding)
        case Mismatch(how="changed") if len(finding.evidence) > 1:
            said = f"it is {value(finding.seen)} from {_clock(_shown(finding.evidence[1].start), dated=False)} on"
        case Mismatch(how="lost"):
            its = finding.evidence and isinstance(finding.evidence[-1].of.row, Record)
            said = "the record doesn't have it" if its else "neither the span nor its message has it"
        case Late() | Early():
            said = f"it took {observed(finding)}"
        case Illegal():
            said = f"it moved {observed(finding)}{_though(finding)}"
        case Unproven() | Broken() | Unreadable():
            return None
        case _:
            said = observed(finding) or title(finding)
    how = basis(finding)
    return None if said is None else clean(f"{said}{f' ({how})' if how else ''}.", most=None)


def sketch(judged: Judged) -> str | None:
    """The witness as a sketch, with a mark under what is wrong; None where there is none, or it is empty.

    Where something is missing it says as of when that was judged.
    """
    witness = judged.witness
    if witness is None or not witness.drawn:
        return None
    said = mark(judged.finding)
    marks: dict[tuple[str, str] | tuple[str, int, int] | tuple[str, str, int], str] = {}
    for row in witness.drawn:
        if row.id in witness.guilty:
            events = isinstance(row, Span) and row.events and judged.finding.evidence[-1].of.event is not None
            marks[(*row.id, 0) if events and isinstance(row, Span) else row.id] = said
    spans = [row for row in witness.drawn if isinstance(row, Span)]
    records = [row for row in witness.drawn if isinstance(row, Record)]
    origin_ns = origin(judged)
    text = render(spans, records, marks=marks, origin_ns=origin_ns, width=SKETCHED)
    if witness.at_ns is not None and judged.finding.absences:
        text += f"# judged as of {duration(round(witness.at_ns - origin_ns, -6))} after its first row\n"
    return text


def origin(judged: Judged) -> int:
    """The moment that the sketch of a witness prints as 0: its first row's."""
    rows = judged.witness.drawn if judged.witness is not None else ()
    times = [r.start_ns if isinstance(r, Span) else r.seen_ns if r.made_ns is None else r.made_ns for r in rows]
    return min(times, default=0)


def mark(finding: Finding) -> str:
    """A few words for under the guilty line."""
    said = finding.anomaly or finding.word
    match finding:
        case Missing(state=str()):
            said = f"stays at {finding.state}"
        case Missing(seen=(int(low), _), before=None):
            said = f"{finding.step} occurs {_times(str(low))}, expected {finding.wanted}"
        case Missing(before=str(), since=None):
            said = f"no {finding.step} before it"
        case Missing():
            within = "" if finding.limit_ns is None else f" within {duration(finding.limit_ns)}"
            said = f"no {listed((*finding.instead, finding.step or 'answer'), 'and no')} followed{within}"
        case Unexpected(step=None):
            said = "failed"
        case Unexpected(seen=(int(low), _)):
            said = f"{finding.step} occurs {_times(str(low))}, expected {finding.wanted}"
        case Unexpected(after=str()):
            said = f"after {finding.after}"
        case Unexpected(before=str()):
            said = f"before {finding.before}"
        case Unexpected():
            said = "may not happen"
        case Mismatch(how="changed"):
            said = f"{finding.attribute} was {value(finding.expected)}, now {value(finding.seen)}"
        case Mismatch(how="lost"):
            said = f"no {finding.attribute}"
        case Mismatch(how="not_allowed"):
            said = f"{finding.attribute} {value(finding.seen)} is not allowed"
        case Mismatch():
            said = f"{finding.attribute} {value(finding.seen)}, expected {value(finding.expected)}"
        case Misordered():
            said = f"before {_past(finding.first)}"
        case Late():
            said = f"{about(finding)} after {finding.first}, allowed {duration(finding.limit_ns)}"
        case Early():
            said = f"{about(finding)} after {finding.first}, not before {duration(finding.limit_ns)}"
        case Illegal():
            said = "not allowed" if finding.state is None else f"but it was at {finding.state}"
    return clean(said, most=SKETCHED - 8)


def _asked(finding: Missing) -> str:
    step = finding.step or "it"
    within = "" if finding.limit_ns is None else f" within {duration(finding.limit_ns)}"
    if finding.state is not None:
        machine = finding.machine or "the machine"
        return f"{machine} ends at {listed(finding.final, 'or')}" if finding.final else f"{machine} moves on{within}"
    if finding.since is not None:
        return f"{finding.since} is followed by {listed((*finding.instead, step), 'or')}{within}"
    if finding.before is not None:
        many = f"{finding.wanted} " if finding.wanted else ""
        return f"{_verb(finding.before)} only after {many}{step}"
    if finding.wanted is not None:
        return f"{step} occurs {_times(finding.wanted)}{_for(finding.group)}"
    return f"{step} happens{within}"


def _never(finding: Missing) -> str:
    step = listed((*finding.instead, finding.step or "such step"), "and no")
    if finding.before is not None:
        return f"{finding.before} came, and no {step} before it"
    said = observed(finding) if finding.seen is not None else None
    if said is None:
        said = f"no {step} came"
    failed = ""
    if finding.attempts:
        why = listed(dict.fromkeys(m or "status ERROR" for m in finding.attempts))
        failed = f"; {count(len(finding.attempts), 'attempt')} failed: {why}"
    if finding.seen is not None and finding.attempts:
        return f"{said}{_until(finding)}"
    return f"{said}{failed}{_until(finding)}"


def _until(finding: Missing) -> str:
    """By when it was due; what has no bound is due when its flow is over."""
    if finding.due_ns is None:
        return ""
    if finding.limit_ns is None:
        return f" until the flow was over, at {moment(finding.due_ns)}"
    due = "it was due" if finding.state is None else "it was to move on"
    return f"; {due} by {moment(finding.due_ns)}"


def _though(finding: Illegal) -> str:
    return "" if finding.state is None else f", though it was at {finding.state}"


def _beside(finding: Unexpected) -> str:
    """When it came, and how long after (or before) what it may not come after."""
    if len(finding.evidence) < 2 or finding.step is None:
        return observed(finding) or title(finding)
    one, other = (_shown(_start(e)) for e in finding.evidence[:2])
    word, point = ("after", finding.after) if finding.after is not None else ("before", finding.before)
    return f"{finding.step} came {duration(abs(one - other))} {word} {point}"


def _against(finding: Misordered) -> str:
    if finding.wanted > 1 or finding.seen:
        first, then = split_point(finding.first)[1], split_point(finding.then)[1]
        return f"{f'only {finding.seen}' if finding.seen else 'no'} {first} surely came before {then}"
    order = finding.order
    edge, step = split_point(finding.then)
    verb = "ended" if edge == "end" else "started"
    if order is not None and order.answer == "no" and order.apart_ns:
        return f"{step} {verb} {duration(order.apart_ns)} before {_past(finding.first)}"
    said = observed(finding)
    return said if said else f"{step} {verb} before {_past(finding.first)}"


def _verb(point: str) -> str:
    """`ready may start`, `ready may end`."""
    edge, step = split_point(point)
    return f"{step} may {'end' if edge == 'end' else 'start'}"


def _past(point: str) -> str:
    """`confirmed ended`, `confirmed started`."""
    edge, step = split_point(point)
    return f"{step} {'ended' if edge == 'end' else 'started'}"


def _times(wanted: str | None) -> str:
    word, _, rest = (wanted or "").partition(" ")  # `2`, `2 (fact lines)`, `1 at most`
    plainly = rest and not rest.startswith("(")
    said = wanted if plainly else word
    return f"{said} {'time' if word == '1' else 'times'}" + (f" {rest}" if rest and not plainly else "")


def _for(group: str | None) -> str:
    return f" for {clean(group)}" if group else ""


def _named(e: Evidence) -> str:
    """Who and what an observation is."""
    row = e.of.row
    if isinstance(row, Record):
        return f"record {clean(row.topic)} {row.partition}:{row.offset}"
    name = clean(row.name) if e.of.event is None else f"event {clean(e.of.event.name)} in {clean(row.name)}"
    return f"{clean(row.service)} {name}"


def _start(e: Evidence) -> Interval:
    return e.start


def _shown(when: Interval) -> int:
    """The moment that stands for an interval."""
    return when.hi if when.lo <= -INFINITY_NS // 2 else when.lo


def _when(e: Evidence, *, dated: bool) -> str:
    """`22:01:07.412 .. .530`; with its day where several days are spoken of."""
    start, end = e.start, e.end
    first = _clock(_shown(start), dated=dated)
    last_ns = start.hi if isinstance(e.of.row, Record) else end.hi
    if last_ns >= INFINITY_NS // 2:
        return f"{first} .. ?"
    last = _clock(last_ns, dated=dated)
    if first == last:
        return first
    return f"{first} .. {last[-4:] if first[:-4] == last[:-4] else last}"


def _clock(ns: int, *, dated: bool) -> str:
    text = moment(ns)
    if "T" not in text:
        return text
    return text[5:23].replace("T", " ") if dated else text[11:23]


def bounded(texts: Sequence[str], most: int) -> list[str]:
    """The first so many, then how many more there are."""
    return [*texts] if len(texts) <= most else [*texts[:most], f"and {len(texts) - most} more"]
