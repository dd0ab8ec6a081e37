"""Findings in words: the only place with sentences about them.

In: findings, verdicts, absences and losses, as data. Out: text in which nothing that telemetry says can break a line
or a terminal: control characters are written out, long values elided in the middle.

    title      a finding in one fragment             expected, observed   with numbers, units and times
    headline   the same, no surer than its verdict   account              a rule as labelled lines
    story      a flow, as plain text
"""

import json
import re
import unicodedata
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import accumulate

from verifier.clock import INFINITY_NS, Interval, Order
from verifier.flows import Stray
from verifier.shape import split_point
from verifier.spans import Loss, Observation, Record, Span, Value, consumes
from verifier.verdict import (
    WORST_FIRST,
    Absence,
    AssertionVerdict,
    Broken,
    Early,
    Evidence,
    Finding,
    FlowVerdict,
    Illegal,
    Judged,
    Late,
    Mismatch,
    Misordered,
    Missing,
    Unexpected,
    Unproven,
    Unreadable,
    Verdict,
)

LONGEST = 200
"""How many characters of one text from telemetry are shown."""
MOST_FINDINGS, MOST_EVIDENCE, MOST_PREMISES = 5, 6, 6
WIDTH = 80
Row = tuple[str, str]
"""A label and what stands beside it; several rows in a row under one label show it once."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SCOPES = ("after ", "before ", "between ")
_SIGNS = re.compile(r"[-._/:=,]")


# ---- findings


def title(finding: Finding) -> str:
    """The finding in one fragment, the whole story; what can't be told begins with "whether" or "perhaps"."""
    match finding:
        case Missing():
            said = _missing(finding)
        case Unexpected():
            said = _unexpected(finding)
        case Mismatch():
            said = _mismatch(finding)
        case Misordered():
            return _misordered(finding)
        case Late() | Early():
            if not finding.certain and finding.doubt is None:
                return clean(f"whether {_bound(finding)} can't be told: it took {between(finding.took)}", most=None)
            said = f"{_came(finding)} {between(finding.took)} after {_point(finding.first)}, expected {_limit(finding)}"
        case Illegal():
            moved = f"{clean(finding.machine)} moved from {clean(finding.source)} to {clean(finding.target)}"
            said = f"{moved}, " + ("which is not allowed" if finding.state is None else f"but was at {finding.state}")
        case Unreadable():
            where = f" at {finding.step}" if finding.step and finding.step not in finding.what.split() else ""
            return clean(
                f"{finding.what}{where} can't be told" + (f": {finding.why}" if finding.why else ""), most=None
            )
        case Unproven(activated=True):
            said = "nothing was seen against it, but that proves nothing here"
        case Unproven():
            said = "nothing was seen that it applies to, but that proves nothing here"
        case Broken():
            said = f"the rule {finding.rule} itself failed: {clean(finding.exception)}"
        case _:
            said = finding.word
    if not finding.certain and finding.doubt:
        said = f"perhaps {said}: {clean(finding.doubt)}"
    return clean(said, most=None)


def headline(judged: Judged) -> str:
    """The title, claiming no more than the verdict does."""
    finding = judged.finding
    if judged.verdict is Verdict.PENDING:
        if isinstance(finding, Missing):
            return f"still awaited: {_wanted(finding)}"
        return f"not final{'' if judged.due_ns is None else f' until {moment(judged.due_ns)}'}: {title(finding)}"
    if judged.verdict is Verdict.INCONCLUSIVE and finding.certain and judged.reason:
        nothing = ":" if isinstance(finding, Unproven) else ", but that proves nothing:"
        return f"{title(finding)}{nothing} {clean(judged.reason)}"
    return title(finding)


def expected(finding: Finding) -> str | None:
    """What was expected, with numbers, units and times; None where the title says all there is to say."""
    said: str | None = None
    match finding:
        case Missing():
            said = _wanted(finding)
        case Unexpected(wanted=str()):
            said = _occurrences(finding.wanted, finding)
        case Unexpected(step=None):
            said = "no error"
        case Unexpected():
            said = f"no {finding.step}{_scope(finding)}"
        case Mismatch(how="lost"):
            said = f"{finding.attribute} to be there"
        case Mismatch(how="not_allowed") if isinstance(finding.expected, tuple):
            said = f"{finding.attribute} to be one of {_listed(map(value, finding.expected))}"
        case Mismatch():
            said = f"{finding.attribute} {value(finding.expected)}"
        case Misordered(wanted=wanted) if wanted > 1:
            said = f"{wanted} {split_point(finding.first)[1]} before {_point(finding.then)}"
        case Misordered() if not _scoped(finding):
            said = f"{_point(finding.first)} before {_point(finding.then)}"
        case Late() | Early():
            said = f"{_point(finding.then)} {_limit(finding)} {'after' if isinstance(finding, Early) else 'of'} "
            said += _point(finding.first)
        case Illegal():
            to = _listed(finding.allowed, "or") if finding.allowed else "no other state"
            said = f"from {finding.source if finding.state is None else finding.state} to {to}"
    return None if said is None else clean(said, most=None)


def observed(finding: Finding) -> str | None:
    """What was seen, with numbers, units and times; None where nothing was."""
    said: str | None = None
    match finding:
        case Missing() | Unexpected() if finding.seen is not None:
            low, high = finding.seen
            said = _occurrences(str(low) if low == high else f"{low} to {high}", finding)
        case Missing(state=str()):
            said = f"{finding.state} since {_time(finding, finding.evidence[-1:])}"
        case Missing(since=str()) | Missing(before=str()) if finding.evidence:
            there = f"{_point(finding.since or finding.before or '')} at {_time(finding, finding.evidence[:1])}"
            either = f"no {_listed((*finding.instead, finding.step or 'other'), 'and no')}"
            said = f"{there}, {either} {'before' if finding.since is None else 'answers'} it"
        case Unexpected():
            what = "an error" if finding.step is None else finding.step
            said = f"{what} at {_time(finding, finding.evidence[:1] if finding.step is None else None)}"
            said += f": {clean(finding.message)}" if finding.message else ""
        case Mismatch(how="lost"):
            said = f"no {finding.attribute}{_where(finding)}"
        case Mismatch():
            said = f"{finding.attribute} {value(finding.seen)}{_where(finding)}"
        case Misordered():
            said = _seen_order(finding)
        case Late() | Early():
            said = f"{between(finding.took)}{_jumped(finding.jumped)}"
        case Illegal():
            said = f"from {finding.source} to {finding.target} at {_time(finding, finding.evidence[-1:])}"
        case Unreadable() if finding.raw is not None:
            said = value(finding.raw)
    return None if said is None else clean(said, most=None)


def basis(finding: Finding) -> str | None:
    """How the order or the distance of two points is known."""
    order = finding.order if isinstance(finding, Misordered | Late | Early) else None
    if order is None:
        return None
    clocks = f" ({_listed(_clocks(order, finding.evidence))})" if order.clocks else ""
    return clean(f"{order.basis}{clocks}", most=None)


# ---- what they rest on


def absence(absence: Absence) -> str:
    """What is claimed not to have come, and until when."""
    rows = [word for word, asked in (("span", absence.spans), ("record", absence.records)) if asked]
    what = _listed(absence.steps, "or") if absence.steps else " or ".join(rows) or "observation"
    until = "before the flow ends" if absence.until_ns is None else f"before {moment(absence.until_ns)}"
    return clean(f"no further {what} {until}", most=None)


def loss(loss: Loss) -> str:
    """A sign that observations are missing: how many, of what kind, where."""
    said = f"{loss.count} × {loss.kind.replace('_', ' ')} at {clean(loss.where)}"
    return f"{said}: {clean(loss.what)}" if loss.what else said


def stray(stray: Stray) -> str:
    """A row in no flow, and why."""
    row = stray.row
    if isinstance(row, Record):
        what = f"record {clean(row.topic)} {row.partition}:{row.offset}"
    else:
        what = f"span {clean(row.name)} of {clean(row.service)}"
    if stray.alias is None:
        why = "it carries no key, and nothing ties it to a row that does"
    elif len(stray.leads_to) > 1:
        keys = _more([clean(key) for key in stray.leads_to], 5)
        why = f"{stray.alias} {clean(stray.value or '')} leads to {len(stray.leads_to)} flows: {keys}"
    else:
        why = f"{stray.alias} {clean(stray.value or '')} leads to no flow"
    return clean(f"{what} is in no flow: {why}", most=None)


def witness(evidence: Evidence) -> str:
    """An observation under the name that it plays: who and what, when, and the ids to find it by; each on a line."""
    of, row = evidence.of, evidence.of.row
    if isinstance(row, Record):
        said = f"record {clean(row.topic)} {row.partition}:{row.offset}\n{_period(evidence)}"
    else:
        name = clean(row.name) if of.event is None else f"event {clean(of.event.name)} in {clean(row.name)}"
        ids = f"trace {clean(row.trace_id)} span {clean(row.span_id)}"
        said = f"{clean(row.service)} {name}\n{_period(evidence)}\n{ids}"
    return f"{clean(evidence.role)} = {said}"


# ---- rules and flows


def flow_headline(flow: FlowVerdict) -> str:
    """Why the flow has its verdict, in one fragment."""
    if flow.reason:
        return clean(flow.reason, most=None)
    for rule in flow.assertions:
        if rule.verdict is flow.verdict:
            for judged in rule.findings:
                if judged.verdict is rule.verdict:
                    return headline(judged)
    if flow.verdict is Verdict.SATISFIED:
        held = sum(rule.verdict is Verdict.SATISFIED for rule in flow.assertions)
        return f"{count(held, 'rule')} held"
    if flow.due_ns is not None:
        return f"it is not over; the next rule is due at {moment(flow.due_ns)}"
    return "it is not over" if flow.verdict is Verdict.PENDING else "no rule says more"


def account(rule: AssertionVerdict) -> list[Row]:
    """A rule on a flow as labelled lines; a line without label is the heading of a finding."""
    rows: list[Row] = []
    place = f" ({clean(rule.at)})" if rule.at else ""
    for judged in rule.findings[:MOST_FINDINGS]:
        anomaly = f" [{judged.finding.anomaly}]" if judged.finding.anomaly else ""
        rows.append(("", f"{judged.verdict} {rule.id}{place}: {headline(judged)}{anomaly}"))
        rows += _details(judged)
    if not rule.findings:
        rows.append(("", f"{rule.verdict} {rule.id}{place}"))
    elif len(rule.findings) > MOST_FINDINGS:
        rows.append(("", f"and {len(rule.findings) - MOST_FINDINGS} more findings of {rule.id}"))
    return rows


def story(flow: FlowVerdict) -> str:
    """The flow in plain text: the whole story in the first line, which is not wrapped; then, in 80 columns, why."""
    key = clean(flow.key)
    short = key if len(key) <= 12 else f"{key[:8]}…"
    said = "no shape" if flow.verdict is None else f"{clean(flow.shape or 'no shape')} {flow.verdict}"
    out = [f"{said} for {clean(flow.name)}={short}: {flow_headline(flow)}"]
    out += layout([("Flow", f"{clean(flow.name)}={key}"), ("Rows", size(flow))])
    for rule in worst_first(flow.assertions):
        if rule.verdict not in (Verdict.SATISFIED, Verdict.VACUOUS, Verdict.PENDING):
            out += ["", *layout(account(rule), indent="  ")]
    summary = pending(flow)
    if summary is not None:
        out += ["", *layout([("", summary)], indent="  ")]
    return "\n".join(out)


def pending(flow: FlowVerdict) -> str | None:
    """Which rules of a flow are not decided yet, and when the next can be."""
    rules = [rule for rule in flow.assertions if rule.verdict is Verdict.PENDING]
    if not rules:
        return None
    due = min((rule.due_ns for rule in rules if rule.due_ns is not None), default=None)
    when = "" if due is None else f", the next due at {moment(due)}"
    return f"pending {count(len(rules), 'rule')}{when}: {_more([rule.id for rule in rules], 20)}"


def worst_first(rules: Iterable[AssertionVerdict]) -> list[AssertionVerdict]:
    """The rules of a flow, the worst first, else as the shape has them."""
    return sorted(rules, key=lambda rule: WORST_FIRST.index(rule.verdict))


def size(flow: FlowVerdict) -> str:
    """How much was seen of a flow, and from when until when."""
    said = f"{count(flow.spans, 'span')} and {count(flow.records, 'record')} in {count(len(flow.traces), 'trace')}"
    if flow.opened_ns is not None and flow.last_seen_ns is not None:
        said += f", {_from_to(flow.opened_ns, flow.last_seen_ns)}"
    return said


# ---- titles


def _missing(finding: Missing) -> str:
    step, state = finding.step or "what was expected", finding.state
    if state is not None and finding.final:
        return f"the state stays at {clean(state)}, expected {_listed(map(clean, finding.final), 'or')}"
    if state is not None:
        return f"the state stays at {clean(state)} for more than {duration(finding.limit_ns or 0)}"
    if finding.seen is not None and not finding.before:
        return f"{step} occurred {_times(*finding.seen)}{_for(finding.group)}, expected {finding.wanted}"
    within = "" if finding.limit_ns is None else f" within {duration(finding.limit_ns)}"
    if finding.instead:
        after = "" if finding.since is None else f"{' of' if within else ' after'} {_point(finding.since)}"
        return f"neither {_listed((*finding.instead, step), 'nor')} came{within}{after}"
    if finding.since is not None:
        yet = f", yet {_point(finding.before)} came" if finding.before else ""
        return f"{step} did not follow {_point(finding.since)}{within}{yet}"
    if finding.before is not None:
        wanted = f", expected {finding.wanted}" if finding.wanted else ""
        return f"no {step} came before {_point(finding.before)}{wanted}"
    return f"{step} never came{within}"


def _unexpected(finding: Unexpected) -> str:
    if finding.seen is not None:
        return f"{finding.step} occurred {_times(*finding.seen)}{_for(finding.group)}, expected {finding.wanted}"
    message = f": {clean(finding.message)}" if finding.message else ""
    if finding.step is None:
        failed = finding.evidence[0].of.name if finding.evidence else "an operation"
        return f"{clean(finding.service or 'a service')} {clean(failed)} failed{message}"
    return f"{finding.step} happened{_scope(finding) or ' and may not'}{message}"


def _mismatch(finding: Mismatch) -> str:
    name, seen, wanted = clean(finding.attribute), value(finding.seen), value(finding.expected)
    match finding.how:
        case "changed":
            return f"{name} changed from {wanted} to {seen}{_where(finding)}"
        case "lost":
            return f"{name} was lost{_where(finding)}"
        case "not_allowed":
            one_of = _listed(map(value, finding.expected)) if isinstance(finding.expected, tuple) else wanted
            return f"{name} is {seen}{_where(finding)}, expected one of {one_of}"
    return f"{name} is {seen}{_where(finding)}, expected {wanted}"


def _misordered(finding: Misordered) -> str:
    then, times = _point(finding.then), _times(finding.wanted, finding.wanted)
    if finding.certain:
        edge, first = split_point(finding.first)
        done = f"{split_point(finding.then)[1]} {_done(finding)}"
        if finding.wanted > 1 or finding.seen:
            verb = "finished" if edge == "end" else "occurred"
            said = f"{done} after {first} had {verb} {_times(finding.seen, finding.seen)}, expected {finding.wanted}"
        else:
            said = f"{done} before {first}{' had finished' if edge == 'end' else ''}"
        return clean(said, most=None)
    if finding.first == finding.then:
        what = f"which {then} came first"
    elif _scoped(finding):
        what = f"whether {then} came {finding.first}"
    else:
        what = f"whether {_point(finding.first)} came {f'{times} ' if finding.wanted > 1 else ''}before {then}"
    return clean(f"{what} can't be told: {_untold(finding)}", most=None)


def _untold(finding: Misordered) -> str:
    """Why an order can't be told."""
    order = finding.order
    if order is None or finding.doubt:
        return clean(finding.doubt or "nothing orders them")
    if order.clocks is None:
        return order.basis
    clocks = f"the clocks of {_listed(_clocks(order, finding.evidence))}"
    if order.basis == "clocks too close":
        apart = f"{duration(order.apart_ns)} apart" if order.apart_ns else "at the same time"
        return f"{apart}, and {clocks} may differ by more"
    return f"{clocks} contradict a cause and its effect" if "contradict" in order.basis else f"{order.basis}, {clocks}"


# ---- parts of sentences


def _seen_order(finding: Misordered) -> str | None:
    order, first, then = finding.order, finding.first, finding.then
    if finding.wanted > 1:
        return f"{finding.seen} {split_point(first)[1]} surely before it"
    if order is None or order.answer == "yes":
        return None
    if order.answer == "unknown":
        return f"{duration(order.apart_ns)} apart" if order.apart_ns else None
    if order.basis == "causal":
        return f"{_point(then)} led to {_point(first)}"
    if order.basis == "one partition":
        return f"{split_point(then)[1]} has the lower offset in the partition"
    return f"{_point(then)} {duration(order.apart_ns)} before {_point(first)}" if order.apart_ns else None


def _wanted(finding: Missing) -> str:
    step, state = finding.step or "", finding.state
    by = f", by {moment(finding.due_ns)}" if finding.due_ns is not None else ""
    if state is not None:
        to = f"the state to be {_listed(finding.final, 'or')}" if finding.final else f"the state to leave {state}"
        within = "" if finding.limit_ns is None else f" within {duration(finding.limit_ns)}"
        return f"{to}{within}{by}"
    if finding.before is not None and finding.since is None:
        return f"{finding.wanted or ''} {step} before {_point(finding.before)}".strip()
    if finding.seen is not None:
        return f"{_occurrences(finding.wanted, finding)}{by}"
    either = _listed((*finding.instead, step), "or")
    if finding.since is None:
        return f"{either}{by}"
    within = " after" if finding.limit_ns is None else f" within {duration(finding.limit_ns)} of"
    return f"{either}{within} {_point(finding.since)}{by}"


def _came(finding: Late | Early) -> str:
    return f"{_point(finding.then)} came"


def _limit(finding: Late | Early) -> str:
    return f"{'not before' if isinstance(finding, Early) else 'within'} {duration(finding.limit_ns)}"


def _bound(finding: Late | Early) -> str:
    if isinstance(finding, Early):
        return f"{_came(finding)} no sooner than {duration(finding.limit_ns)} after {_point(finding.first)}"
    return f"{_came(finding)} within {duration(finding.limit_ns)} of {_point(finding.first)}"


def _jumped(jumped: Interval | None) -> str:
    if jumped is None or jumped.hi == 0:
        return ""
    return f", of it {between(jumped)} advanced by the test clock"


def _point(point: str) -> str:
    """`confirmed`, `the end of confirmed`."""
    return f"the {point}" if split_point(point)[1] != point else point


def _scope(finding: Unexpected) -> str:
    parts = [("after", finding.after), ("before", finding.before)]
    return " and".join(f" {word} {_point(point)}" for word, point in parts if point)


def _scoped(finding: Misordered) -> bool:
    """Whether it is about a scope ("after ready") and not about two points."""
    return finding.first.startswith(_SCOPES)


def _for(group: str | None) -> str:
    return f" for {clean(group)}" if group else ""


def _where(finding: Mismatch) -> str:
    places = dict.fromkeys(clean(place) for place in (finding.step, finding.service, finding.topic) if place)
    return f" at {', '.join(places)}" if places else ""


def _done(finding: Misordered) -> str:
    """What the second point did, as the observation has it: it was handled, was published, happened."""
    edge, step = split_point(finding.then)
    of = next((e.of for e in finding.evidence if e.role == step), None)
    if edge == "end":
        return "finished"
    if of is not None and isinstance(of.row, Record):
        return "was published"
    return "was handled" if of is not None and of.event is None and _handles(of) else "happened"


def _handles(of: Observation) -> bool:
    return isinstance(of.row, Span) and consumes(of.row)


def _clocks(order: Order, evidence: tuple[Evidence, ...]) -> list[str]:
    """The two clocks by the services that they stamp; the raw names where both are of one service."""
    names: dict[str, str] = {}
    for row in (e.of.row for e in evidence):
        if isinstance(row, Span):
            names[row.instance or f"{row.service} {row.trace_id} {row.span_id}"] = row.service
    clocks = order.clocks or ()
    said = [clean(names.get(clock, clock)) for clock in clocks]
    return said if len(set(said)) == len(said) else [clean(clock) for clock in clocks]


def _details(judged: Judged) -> Iterator[Row]:
    """What stands under the heading of a finding."""
    finding = judged.finding
    at = " at ".join(clean(part) for part in (finding.step, finding.service) if part)
    facts = (
        ("Step" if finding.step else "Service", at),
        ("Expected", expected(finding)),
        ("Seen", observed(finding)),
        ("Basis", basis(finding)),
    )
    yield from ((label, text) for label, text in facts if text)
    yield from (("Evidence", text) for text in _bounded(list(map(witness, finding.evidence)), MOST_EVIDENCE))
    yield from (("Premise", clean(text)) for text in _bounded(judged.premises, MOST_PREMISES))
    if judged.reason and judged.reason != finding.doubt:
        yield "Why", clean(judged.reason, most=None)
    if judged.settled_by:
        yield "Settled by", clean(judged.settled_by, most=None)
    if judged.due_ns is not None:
        yield "Due", moment(judged.due_ns)


def _bounded(texts: Sequence[str], most: int) -> list[str]:
    return [*texts] if len(texts) <= most else [*texts[:most], f"and {len(texts) - most} more"]


def _more(texts: Sequence[str], most: int) -> str:
    return ", ".join(texts) if len(texts) <= most else f"{', '.join(texts[:most])} and {len(texts) - most} more"


def _listed(words: Iterable[str], word: str = "and") -> str:
    *most, last = words
    return f"{', '.join(most)} {word} {last}" if most else last


def _times(low: int, high: int) -> str:
    """`1 time`, `1 to 2 times`."""
    return count(low, "time") if low == high else f"{low} to {high} times"


def _occurrences(how_many: str | None, finding: Missing | Unexpected) -> str:
    """`1 occurrence of content`, `>=1 occurrences of content for event_id=x`."""
    noun = "occurrence" if how_many == "1" else "occurrences"
    return f"{how_many} {noun} of {finding.step}{_for(finding.group)}"


def _time(finding: Finding, evidence: Sequence[Evidence] | None = None) -> str:
    """When the last of the evidence began (of a step: of the last one in that role)."""
    if evidence is None:
        evidence = [e for e in finding.evidence if e.role == finding.step] or finding.evidence
    if not evidence:
        return "an unknown time"
    start = evidence[-1].start
    return moment(start.hi if start.lo <= -INFINITY_NS // 2 else start.lo)


def _period(evidence: Evidence) -> str:
    """From when until when the observation was."""
    start, end = evidence.start, evidence.end
    if isinstance(evidence.of.row, Record):
        return f"?..{moment(start.hi)}" if start.lo <= -INFINITY_NS // 2 else _from_to(start.lo, start.hi)
    return f"{moment(start.lo)}..?" if end.hi >= INFINITY_NS // 2 else _from_to(start.lo, end.hi)


def _from_to(start_ns: int, end_ns: int) -> str:
    start, end = moment(start_ns), moment(end_ns)
    if start == end:
        return start
    return f"{start}..{end[11:] if start[:11] == end[:11] else end}"


# ---- text: numbers, moments, values, lines


def duration(ns: int) -> str:
    """An exact time span as people write it: `1.5s`, `250ms`, `26h`, `25h 0m 3s`."""
    if ns < 0:
        return f"-{duration(-ns)}"
    for unit, size in (("ns", 1), ("us", 10**3), ("ms", 10**6)):
        if 0 < ns < size * 1000:
            return f"{_decimal(ns, size)}{unit}"
    minutes, seconds = divmod(ns, 60 * 10**9)
    parts = [(minutes // 60, "h"), (minutes % 60, "m"), (seconds, "s")]
    while len(parts) > 1 and parts[0][0] == 0:
        parts.pop(0)
    while len(parts) > 1 and parts[-1][0] == 0:
        parts.pop()
    return " ".join(f"{_decimal(n, 10**9) if unit == 's' else n}{unit}" for n, unit in parts)


def between(took: Interval) -> str:
    """A time span that is known from two sides: `5.2s to 5.3s`; just one where both are the same."""
    unbounded = (took.lo <= -INFINITY_NS // 2, took.hi >= INFINITY_NS // 2)
    match unbounded:
        case (True, True):
            return "an unknown time"
        case (True, _):
            return f"at most {duration(took.hi)}"
        case (_, True):
            return f"at least {duration(took.lo)}"
    return duration(took.lo) if took.lo == took.hi else f"{duration(took.lo)} to {duration(took.hi)}"


def moment(ns: int) -> str:
    """A moment as ISO 8601 in UTC, to the microsecond; to the nanosecond where it needs it."""
    seconds, rest = divmod(ns, 10**9)
    try:
        at = _EPOCH + timedelta(seconds=seconds)
    except OverflowError:
        return f"{ns} ns after 1970"
    fraction = f"{rest:09d}" if rest % 1000 else f"{rest // 1000:06d}"
    return f"{at.replace(tzinfo=None).isoformat()}.{fraction}Z"


def value(value: Value) -> str:
    """An attribute's value as text: `true`, `SV1`, `''`, `[1, 2]`."""
    if value is None:
        return "nothing"
    if isinstance(value, str):
        return clean(value) or "''"
    if isinstance(value, bytes):
        return clean(f"{len(value)} bytes {value[:LONGEST].hex()}")
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Mapping | tuple):
        return clean(json.dumps(value, ensure_ascii=False, sort_keys=True, default=_jsonable))
    return clean(str(value))


def clean(text: str, *, most: int | None = LONGEST) -> str:
    """Text that can't break a terminal: control and direction characters as `\\xNN`, the middle of long text elided."""
    if most is not None and len(text) > most:
        text = f"{text[: most // 2]}…{text[len(text) - most // 2 + 1 :]}"
    if text.isprintable():
        return text
    return "".join(c if unicodedata.category(c) not in ("Cc", "Cf", "Cs", "Zl", "Zp") else _escaped(c) for c in text)


def count(n: int, noun: str) -> str:
    """`1 span`, `2 spans`."""
    return f"{n} {noun}" if n == 1 else f"{n} {noun}s"


def layout(rows: Sequence[Row], *, indent: str = "", width: int = WIDTH) -> list[str]:
    """Labelled rows as lines of at most `width` columns."""
    lines: list[str] = []
    last = ""
    for label, text in rows:
        if label:
            shown = label if label != last else ""
            lines += wrap(text, first=f"{indent}  {shown:<10} ", rest=f"{indent}  {'':<10} ", width=width)
        else:
            lines += wrap(text, first=indent, rest=f"{indent}    ", width=width)
        last = label
    return lines


def wrap(text: str, *, first: str = "", rest: str = "", width: int = WIDTH) -> list[str]:
    """Lines of at most `width` columns, broken between words; a word that is too long for a line is broken itself."""
    lines: list[str] = []
    for part in text.split("\n"):
        line, empty = rest if lines else first, True
        for word in part.split(" "):
            room = width - _columns(line) - (not empty)
            if _columns(word) > room and not empty:
                lines.append(line)
                line, empty, room = rest, True, width - _columns(rest)
            *full, last = _pieces(word, room, max(width - _columns(rest), 1))
            for piece in full:
                lines.append(line + piece)
                line = rest
            line, empty = f"{line}{'' if empty else ' '}{last}", False
        lines.append(line)
    return [line.rstrip() for line in lines]


def _decimal(ns: int, size: int) -> str:
    whole, rest = divmod(ns, size)
    digits = f"{rest:0{len(str(size)) - 1}d}".rstrip("0") if rest else ""
    return f"{whole}.{digits}" if digits else str(whole)


def _jsonable(value: object) -> object:
    if isinstance(value, bytes):
        return value.hex()
    return dict(value) if isinstance(value, Mapping) else str(value)


def _escaped(c: str) -> str:
    n = ord(c)
    return f"\\x{n:02x}" if n < 0x100 else f"\\u{n:04x}" if n < 0x10000 else f"\\U{n:08x}"


def _columns(text: str) -> int:
    """How many columns of a terminal the text takes."""
    if text.isascii():
        return len(text)
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 0 if unicodedata.combining(c) else 1 for c in text)


def _pieces(word: str, room: int, more: int) -> Iterator[str]:
    """The first piece takes at most `room` columns, the others `more`; broken after a sign where there is one."""
    while _columns(word) > room:
        cut = max(bisect_right(list(accumulate(map(_columns, word))), room), 1)
        sign = max((m.end() for m in _SIGNS.finditer(word, 0, cut)), default=0)
        cut = sign if sign > cut // 2 else cut
        yield word[:cut]
        word, room = word[cut:], more
    yield word
