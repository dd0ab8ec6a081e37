"""What belongs together, and why: gathered flows as text.

In: a `Gathering`. Out: lines for people: a summary, one flow row by row with the reason of each, strays with the reason
why they belong nowhere. Plain text, at most 80 columns where names allow.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence

from verifier.flows import Flow, Gathering, Member, Row, Stray
from verifier.shape import Correlation
from verifier.spans import Observation, Record, Span, message_ids
from verifier.wording import clean, moment, wrap

_VARIABLE = re.compile(r"[0-9a-fA-F]{8}-[0-9a-fA-F-]{27}|[0-9a-fA-F]{16,}|\b\d{4,}\b")
"""The part of a name that differs from call to call: uuids, long hex, numbers."""

LEAST = 4
"""How many characters of an id tell enough."""

REASONS = {
    "own": "it carries the key itself",
    "message": "it is of the same message as",
    "parent": "it is below",
    "children": "all keyed rows below it agree; one is",
    "link": "it is linked with",
    "alias": "its alias leads to this key only, as seen on",
    "shared": "the keyed rows below or beside it disagree: it serves several flows",
}


def summary(gathering: Gathering, correlation: Correlation) -> Iterator[str]:
    """Every flow in a few lines, then what is in none."""
    flows = gathering.flows
    strays = len(gathering.strays)
    yield f"{_count(len(flows), 'flow')} by {correlation.key}; {_count(strays, 'row')} in no flow"
    for flow in flows.values():
        yield ""
        yield from head(flow)
    several = [
        (alias, value, keys)
        for alias, leads in gathering.aliases.items()
        for value, keys in leads.items()
        if len(keys) > 1
    ]
    if several:
        yield ""
        yield "leads to several flows, so it is evidence of none:"
        for alias, value, keys in several:
            yield f"  {clean(alias)}={clean(value)}"
            yield from (f"    {clean(key)}" for key in keys)
    if gathering.strays:
        yield ""
        yield from strays_by_reason(gathering.strays, correlation)


def head(flow: Flow) -> Iterator[str]:
    """What one flow is made of."""
    yield f"{flow.name}={clean(flow.key)}"
    spans, records = flow.spans, flow.records
    traces = _count(len(flow.traces), "trace")
    yield f"  {_count(len(spans), 'span')}, {_count(len(records), 'record')}, {traces}"
    rows = [Observation(row=m.row) for m in flow.members]
    yield f"  {moment(min(o.first_ns for o in rows))} .. {moment(max(o.last_ns for o in rows))}"
    why = Counter[str](m.why for m in flow.members)
    yield "  why      " + ", ".join(f"{w} {why[w]}" for w in REASONS if why[w])
    for alias, values in flow.aliases.items():
        yield f"  {clean(alias)}"
        yield from (f"    {clean(value)}" for value in values)
    weak = sum(m.by_alias for m in flow.members)
    if weak:
        yield f"  by alias only: {_count(weak, 'row')}; where spans may be lost, they prove nothing"
    if flow.shared:
        yield f"  shared with other flows: {_count(len(flow.shared), 'row')}"
    if flow.orphans:
        yield f"  parent never seen: {_count(len(flow.orphans), 'row')}"
    if flow.crossing:
        yield f"  caused by another flow: {_count(len({edge.row.id for edge in flow.crossing}), 'row')}"


def rows(flow: Flow, gathering: Gathering) -> Iterator[str]:
    """One flow, row by row, each with the reason why it is there."""
    yield from head(flow)
    every = _every(gathering)
    for member in (*flow.members, *flow.shared):
        at = moment(Observation(row=member.row).first_ns)
        yield ""
        yield from _entry(member.row, f"  {at[11:23]}  ")
        yield from wrap(f"{member.why}: {_reason(member, every, flow)}", first=" " * 16, rest=" " * 18)


def about(gathering: Gathering, wanted: str, correlation: Correlation) -> Iterator[str]:
    """Where a row is, and why: `wanted` names it, or begins one of its names; an alias's value says where it leads."""
    chosen = matching(gathering, wanted)
    for alias, leads in sorted(gathering.aliases.items()):
        for value in sorted(chosen & leads.keys()):
            yield f"{clean(alias)}={clean(value)}"
            several = ", so it is evidence of none" if len(leads[value]) > 1 else ""
            yield f"  leads to {_count(len(leads[value]), 'flow')}{several}"
            yield from (f"    {correlation.key}={clean(key)}" for key in leads[value])
    every = _every(gathering)
    for flow in gathering.flows.values():
        for member in (*flow.members, *flow.shared):
            if chosen & _names(member.row):
                yield from _entry(member.row, "")
                yield f"  in {flow.name}={clean(flow.key)}"
                yield from wrap(f"{member.why}: {_reason(member, every, flow)}", first="  ", rest="    ")
    for stray in gathering.strays:
        if chosen & ({*_names(stray.row), stray.value} if stray.value else _names(stray.row)):
            yield from _entry(stray.row, "")
            yield from wrap(f"in no flow: {why_not(stray, correlation)}", first="  ", rest="    ")


def matching(gathering: Gathering, wanted: str) -> frozenset[str]:
    """The names of rows that are `wanted`; if none is, those that begin with it, if it is long enough to tell."""
    wanted = wanted.strip("[]")
    every = names(gathering)
    exact = every & {wanted, wanted.lower()}
    if exact or len(wanted) < LEAST:
        return exact
    return frozenset(name for name in every if name.lower().startswith(wanted.lower()))


def names(gathering: Gathering) -> frozenset[str]:
    """Every id by which one may ask for rows: of spans, traces and messages, places of records, values of aliases."""
    found: set[str] = set()
    for flow in gathering.flows.values():
        for member in (*flow.members, *flow.shared):
            found |= _names(member.row)
    for stray in gathering.strays:
        found |= _names(stray.row)
        found |= {stray.value} if stray.value else set()
    return frozenset(found.union(*gathering.aliases.values()))


def strays_by_reason(strays: Sequence[Stray], correlation: Correlation) -> Iterator[str]:
    """Rows in no flow, those of one service, name and reason together."""
    groups: dict[tuple[str, str, str], list[Stray]] = defaultdict(list)
    for stray in strays:
        reason = why_not(stray, correlation, with_value=False)
        groups[_service(stray.row), _VARIABLE.sub("*", Observation(row=stray.row).name), reason].append(stray)
    yield f"in no flow: {_count(len(strays), 'row')}"
    for (service, name, reason), members in sorted(groups.items(), key=lambda g: (-len(g[1]), g[0])):
        yield f"  {len(members)} x {clean(service)} {clean(name)}"
        yield from wrap(reason, first="      ", rest="      ")
        yield f"      e.g. {_id(members[0].row)}"


def why_not(stray: Stray, correlation: Correlation, *, with_value: bool = True) -> str:
    """Why a row is in no flow."""
    key = correlation.key
    if stray.alias is None:
        aliases = " and no ".join((key, *correlation.aliases))
        return f"it has no {aliases}, and no relative, message or link that leads to one"
    value = f"={clean(stray.value or '')}" if with_value else ""
    if not stray.leads_to:
        return f"its {stray.alias}{value} leads to no {key}"
    return f"its {stray.alias}{value} leads to {len(stray.leads_to)} flows, so to none"


def _reason(member: Member, every: dict[object, Row], flow: Flow) -> str:
    text = REASONS[member.why]
    through = every.get(member.through) if member.through is not None else None
    if member.why == "alias":
        said = member.row.attributes if isinstance(member.row, Span) else member.row.value
        mine = {(alias, str(said.get(alias))) for alias in flow.aliases}
        named = [f"{a}={clean(v)}" for a, values in flow.aliases.items() for v in values if (a, v) in mine]
        text = text.replace("its alias", named[0]) if named else text
    return f"{text} {_named(through)}" if through is not None else text


def _every(gathering: Gathering) -> dict[object, Row]:
    found: dict[object, Row] = {}
    for flow in gathering.flows.values():
        found.update({m.row.id: m.row for m in (*flow.members, *flow.shared)})
    return found


def _entry(row: Row, margin: str) -> Iterator[str]:
    """What a row is, and under it what names it in the world."""
    blank = " " * len(margin)
    if isinstance(row, Record):
        yield f"{margin}[{clean(row.topic)} {row.partition}:{row.offset}]"
        yield f"{blank}published by {clean(row.service) or 'an unnamed service'}"
        return
    yield f"{margin}{clean(row.service)} {clean(row.name)}"
    yield f"{blank}{_id(row)}"


def _named(row: Row) -> str:
    """A row in a sentence."""
    return _id(row) if isinstance(row, Record) else f"{clean(row.service)} {clean(row.name)} (span {row.span_id})"


def _service(row: Row) -> str:
    return row.service if isinstance(row, Span) else f"record of {row.service or 'an unnamed service'}:"


def _id(row: Row) -> str:
    if isinstance(row, Record):
        return f"[{clean(row.topic)} {row.partition}:{row.offset}]"
    return f"trace {row.trace_id} span {row.span_id}"


def _names(row: Row) -> frozenset[str]:
    own = (row.span_id, row.trace_id) if isinstance(row, Span) else (f"{row.topic} {row.partition}:{row.offset}",)
    return frozenset((*own, *(ids[1] for ids in message_ids(row) if ids[0] == "event")))


def _count(n: int, thing: str) -> str:
    return f"{n} {thing}" if n == 1 else f"{n} {thing}s"


def lines(parts: Iterable[str]) -> str:
    """The lines as one text."""
    return "\n".join(parts) + "\n"
