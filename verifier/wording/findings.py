"""A finding in words: its title, what was expected, what was seen, how it is known.

In: findings as data. Out: sentences; they claim no more than the verdict does.
"""

from collections.abc import Sequence

from verifier.clock import INFINITY_NS, Order
from verifier.shape import split_point
from verifier.spans import Observation, Record, Span, consumes
from verifier.verdict import (
    Broken,
    Detached,
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
    Verdict,
)
from verifier.wording import hops
from verifier.wording.bounds import about, bound, came, jumped, limit, stopped
from verifier.wording.hops import pointed
from verifier.wording.text import between, clean, count, duration, listed, moment, value


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
                return clean(f"whether {bound(finding)} can't be told: it took {about(finding)}", most=None)
            said = f"{came(finding)} {about(finding)} after {pointed(finding.first)}, expected {limit(finding)}"
        case Illegal():
            moved = f"{clean(finding.machine)} moved from {clean(finding.source)} to {clean(finding.target)}"
            wrong = "which is not allowed" if finding.state is None else f"though it was at {finding.state}"
            said = f"{moved}, {wrong}"
        case Detached():
            return clean(hops.title(finding), most=None)
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
            awaited = f"not seen, but {clean(judged.reason or '')}" if _outlasts(judged, finding) else "still awaited"
            return f"{awaited}: {_wanted(finding)}"
        return f"not final{'' if judged.due_ns is None else f' until {moment(judged.due_ns)}'}: {title(finding)}"
    if judged.verdict is Verdict.INCONCLUSIVE and finding.certain and judged.reason:
        nothing = ":" if isinstance(finding, Unproven) else ", but that proves nothing:"
        return f"{title(finding)}{nothing} {clean(judged.reason)}"
    return title(finding)


def _outlasts(judged: Judged, finding: Missing) -> bool:
    """Whether it stays open after its own bound, as a chain does until its flow is over."""
    if judged.reason is None or finding.due_ns is None:
        return False
    return judged.due_ns is None or judged.due_ns - finding.due_ns > 10**9


def expected(finding: Finding) -> str | None:
    """What was expected, with numbers, units and times; None where the title says all there is to say."""
    said: str | None = None
    match finding:
        case Missing():
            said = _wanted(finding)
        case Unexpected(wanted=str()):
            said = _occurrences(finding.wanted, finding)
        case Unexpected(wrote=str()):
            said = f"no write to {finding.wrote}"
        case Unexpected(step=None):
            said = "no error"
        case Unexpected():
            said = f"no {finding.step}{_scope(finding)}"
        case Mismatch(how="lost"):
            said = f"{finding.attribute} to be there"
        case Mismatch(how="constant"):
            said = f"at least {value(finding.expected)} different values of {finding.attribute}"
        case Mismatch(how="shared"):
            said = f"each {finding.attribute} in one flow"
        case Mismatch(how="crossed"):
            said = "no flow to lead to another"
        case Mismatch(how="not_allowed") if isinstance(finding.expected, tuple):
            said = f"{finding.attribute} to be one of {listed(map(value, finding.expected))}"
        case Mismatch():
            said = f"{finding.attribute} {value(finding.expected)}"
        case Misordered(wanted=wanted) if wanted > 1:
            said = f"{wanted} {split_point(finding.first)[1]} before {pointed(finding.then)}"
        case Misordered() if not _scoped(finding):
            said = f"{pointed(finding.first)} before {pointed(finding.then)}"
        case Late() | Early():
            said = f"{pointed(finding.then)} {limit(finding)} {'after' if isinstance(finding, Early) else 'of'} "
            said += pointed(finding.first)
        case Illegal():
            to = listed(finding.allowed, "or") if finding.allowed else "no other state"
            said = f"from {finding.source if finding.state is None else finding.state} to {to}"
        case Detached():
            said = hops.expected(finding)
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
            there = f"{pointed(finding.since or finding.before or '')} at {_time(finding, finding.evidence[:1])}"
            either = f"no {listed((*finding.instead, finding.step or 'other'), 'and no')}"
            said = f"{there}, {either} {'before' if finding.since is None else 'answers'} it"
        case Unexpected(wrote=str()):
            said = f"{clean(finding.message or '')} at {_time(finding, finding.evidence[1:2])}"
        case Unexpected():
            what = "an error" if finding.step is None else finding.step
            said = f"{what} at {_time(finding, finding.evidence[:1] if finding.step is None else None)}"
            said += f": {clean(finding.message)}" if finding.message else ""
        case Mismatch(how="lost"):
            said = f"no {finding.attribute}{_where(finding)}"
        case Mismatch(how="constant" | "shared" | "crossed"):
            said = f"in the flows {_keys(finding.flows)}"
        case Mismatch():
            said = f"{finding.attribute} {value(finding.seen)}{_where(finding)}"
        case Misordered():
            said = _seen_order(finding)
        case Late() | Early():
            said = f"{between(finding.took)}{jumped(finding.jumped)}"
            said += stopped(finding.stopped) if isinstance(finding, Late) else ""
        case Illegal():
            said = f"from {finding.source} to {finding.target} at {_time(finding, finding.evidence[-1:])}"
        case Detached():
            said = hops.seen(finding)
        case Unreadable() if finding.raw is not None:
            said = value(finding.raw)
    if isinstance(finding, Missing) and finding.attempts:
        why = listed(dict.fromkeys(m or "status ERROR" for m in finding.attempts))
        said = f"{said or 'nothing'}; {count(len(finding.attempts), 'failed attempt')}: {why}"
    return None if said is None else clean(said, most=None)


def basis(finding: Finding) -> str | None:
    """How the order or the distance of two points is known."""
    order = finding.order if isinstance(finding, Misordered | Late | Early) else None
    if order is None:
        return None
    if order.clocks is None:
        return clean(order.basis, most=None)
    clocks = listed(_clocks(order, finding.evidence))
    said = f"by the clocks of {clocks}" if order.basis == "clocks apart" else f"{order.basis} ({clocks})"
    return clean(said, most=None)


def _missing(finding: Missing) -> str:
    step, state = finding.step or "what was expected", finding.state
    machine = clean(finding.machine or "the state")
    if state is not None and finding.final:
        return f"{machine} stays at {clean(state)}, expected {listed(map(clean, finding.final), 'or')}"
    if state is not None:
        return f"{machine} stays at {clean(state)} for more than {duration(finding.limit_ns or 0)}"
    if finding.seen is not None and not finding.before:
        return f"{step} occurred {_times(*finding.seen)}{_for(finding.group)}, expected {finding.wanted}"
    within = "" if finding.limit_ns is None else f" within {duration(finding.limit_ns)}"
    if finding.instead:
        after = "" if finding.since is None else f"{' of' if within else ' after'} {pointed(finding.since)}"
        return f"neither {listed((*finding.instead, step), 'nor')} came{within}{after}"
    if finding.since is not None:
        yet = f", yet {pointed(finding.before)} came" if finding.before else ""
        return f"{step} did not follow {pointed(finding.since)}{within}{yet}"
    if finding.before is not None:
        wanted = f", expected {finding.wanted}" if finding.wanted else ""
        return f"no {step} came before {pointed(finding.before)}{wanted}"
    return f"{step} never came{within}"


def _unexpected(finding: Unexpected) -> str:
    if finding.seen is not None:
        return f"{finding.step} occurred {_times(*finding.seen)}{_for(finding.group)}, expected {finding.wanted}"
    message = f": {clean(finding.message)}" if finding.message else ""
    if finding.step is None:
        failed = finding.evidence[0].of.name if finding.evidence else "an operation"
        return f"{clean(finding.service or 'a service')} {clean(failed)} failed{message}"
    if finding.wrote is not None:
        return f"{finding.step} wrote {clean(finding.wrote)}{message}"
    return f"{finding.step} happened{_scope(finding) or ' and may not'}{message}"


def _mismatch(finding: Mismatch) -> str:
    name, seen, wanted = clean(finding.attribute), value(finding.seen), value(finding.expected)
    match finding.how:
        case "changed" if finding.between is not None:
            first, last = map(pointed, finding.between)
            return f"{name} changed from {wanted} to {seen} between {first} and {last}"
        case "changed":
            return f"{name} changed from {wanted} to {seen}{_where(finding)}"
        case "lost":
            return f"{name} was lost{_where(finding)}"
        case "constant":
            many, among = count(len(str(finding.seen).split(", ")), "value"), count(len(finding.flows), "flow")
            only = f"is {seen}" if many == "1 value" else f"has only {many} ({seen})"
            return f"{name} {only} in all {among}{_where(finding)}, expected {wanted} different values"
        case "shared":
            return f"{name} {seen} is in {count(len(finding.flows), 'flow')}: {_keys(finding.flows)}"
        case "crossed":
            ends = [e.of.name for e in finding.evidence]
            return f"flow {wanted} led to flow {seen}: {clean(ends[-1])} follows {clean(ends[0])} by {_by(finding)}"
        case "not_allowed":
            one_of = listed(map(value, finding.expected)) if isinstance(finding.expected, tuple) else wanted
            return f"{name} is {seen}{_where(finding)}, expected one of {one_of}"
    return f"{name} is {seen}{_where(finding)}, expected {wanted}"


def _by(finding: Mismatch) -> str:
    """The kind of edge: `its parent`, `a link`, `a message`."""
    return {"parent": "its parent", "link": "a link"}.get(finding.edge or "", "a message")


def _keys(keys: Sequence[str], most: int = 5) -> str:
    """Keys of flows; of many the first."""
    shown = [clean(key) for key in keys[:most]]
    return listed(shown) if len(keys) <= most else f"{', '.join(shown)} and {len(keys) - most} more"


def _misordered(finding: Misordered) -> str:
    then, times = pointed(finding.then), _times(finding.wanted, finding.wanted)
    if finding.certain:
        edge, first = split_point(finding.first)
        done = f"{split_point(finding.then)[1]} {_done(finding)}"
        if finding.wanted > 1 or finding.seen:
            verb = "finished" if edge == "end" else "come"
            said = f"{done} when only {finding.seen} of {finding.wanted} {first} had {verb}"
        else:
            said = f"{done} before {first}{' had finished' if edge == 'end' else ''}"
        return clean(said, most=None)
    if finding.first == finding.then:
        what = f"which {then} came first"
    elif _scoped(finding):
        what = f"whether {then} came {finding.first}"
    else:
        what = f"whether {pointed(finding.first)} came {f'{times} ' if finding.wanted > 1 else ''}before {then}"
    return clean(f"{what} can't be told: {_untold(finding)}", most=None)


def _untold(finding: Misordered) -> str:
    """Why an order can't be told."""
    order = finding.order
    if order is None or finding.doubt:
        return clean(finding.doubt or "nothing orders them")
    if order.clocks is None:
        return order.basis
    clocks = f"the clocks of {listed(_clocks(order, finding.evidence))}"
    if order.basis == "clocks too close":
        apart = f"{duration(order.apart_ns)} apart" if order.apart_ns else "at the same time"
        return f"{apart}, and {clocks} may differ by more"
    return f"{clocks} contradict a cause and its effect" if "contradict" in order.basis else f"{order.basis}, {clocks}"


def _seen_order(finding: Misordered) -> str | None:
    order, first, then = finding.order, finding.first, finding.then
    if finding.wanted > 1:
        return f"{finding.seen} {split_point(first)[1]} surely before it"
    if order is None or order.answer == "yes":
        return None
    if order.answer == "unknown":
        return f"{duration(order.apart_ns)} apart" if order.apart_ns else None
    if order.basis == "causal":
        return f"{pointed(then)} led to {pointed(first)}"
    if order.basis == "one partition":
        return f"{split_point(then)[1]} has the lower offset in the partition"
    return f"{pointed(then)} {duration(order.apart_ns)} before {pointed(first)}" if order.apart_ns else None


def _wanted(finding: Missing) -> str:
    step, state = finding.step or "", finding.state
    by = f", by {moment(finding.due_ns)}" if finding.due_ns is not None else ""
    if state is not None:
        to = f"the state to be {listed(finding.final, 'or')}" if finding.final else f"the state to leave {state}"
        within = "" if finding.limit_ns is None else f" within {duration(finding.limit_ns)}"
        return f"{to}{within}{by}"
    if finding.before is not None and finding.since is None:
        return f"{finding.wanted or ''} {step} before {pointed(finding.before)}".strip()
    if finding.seen is not None:
        return f"{_occurrences(finding.wanted, finding)}{by}"
    either = listed((*finding.instead, step), "or")
    if finding.since is None:
        return f"{either}{by}"
    within = " after" if finding.limit_ns is None else f" within {duration(finding.limit_ns)} of"
    return f"{either}{within} {pointed(finding.since)}{by}"


def _scope(finding: Unexpected) -> str:
    parts = [("after", finding.after), ("before", finding.before)]
    return " and".join(f" {word} {pointed(point)}" for word, point in parts if point)


def _scoped(finding: Misordered) -> bool:
    """Whether it is about a scope ("after ready") and not about two points."""
    return finding.scope is not None


def _for(group: str | None) -> str:
    return f" for {clean(group)}" if group else ""


def _where(finding: Mismatch) -> str:
    places = [*dict.fromkeys(clean(p) for p in (finding.step, finding.service, finding.topic) if p)]
    more = f" ({', '.join(places[1:])})" if places[1:] else ""
    return f" at {places[0]}{more}" if places else ""


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
