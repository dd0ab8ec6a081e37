"""What is worth saying of a run before its verdicts: flows that are not there, services never heard, cycles.

In: a gathering, shapes, spans, what was asked. Out: sentences, and the losses that a gathering brings to light.
"""

import difflib
from collections.abc import Iterable, Sequence

from verifier.errors import UsageError
from verifier.flows import Gathering
from verifier.options import Expected
from verifier.shape import Shape
from verifier.spans import Behind, Loss, Record, Span
from verifier.verdict import FlowVerdict, Judged, Missing, Verdict
from verifier.wording import count

MOST_PLACES, MOST_GROUPS = 4, 8
"""So many records of a group, and groups with a topic, are named."""


def absent(gathering: Gathering, name: str, key: str) -> str:
    """That a flow is not there, with what may have been meant."""
    near = difflib.get_close_matches(key, list(gathering.flows), n=1, cutoff=0.5)
    led = sorted({k for alias in gathering.aliases.values() for k in alias.get(key, ())})
    begun = sorted(k for k in gathering.flows if k.startswith(key))
    hint = ""
    if led:
        hint = f"; it is an alias of {', '.join(led)}: ask with --correlation-id {key}"
    elif len(begun) > 1:
        return f"{key} begins {len(begun)} flows: {', '.join(begun[:3])}{' …' * (len(begun) > 3)}; give more of it"
    elif near:
        hint = f"; did you mean {near[0]}?"
    return f"no flow {name}={key} in these sources, which have {count(len(gathering.flows), 'flow')}{hint}"


def cycles(gathering: Gathering) -> list[str]:
    """A note where rows are their own ancestors."""
    if not gathering.cycles:
        return []
    them = "spans are their own ancestors (a parent cycle): their parents were set aside"
    one = "span is its own ancestor (a parent cycle): its parent was set aside"
    return [f"{gathering.cycles} {one if gathering.cycles == 1 else them}"]


def unheard(group: Sequence[Shape], spans: Sequence[Span]) -> list[str]:
    """A note for each service that a shape speaks of and no span is from, with the nearest that there is."""
    heard = sorted({span.service for span in spans})
    if not heard:
        return []
    wanted = {step.service: None for shape in group for step in shape.steps.values() if step.service is not None}
    out = []
    for service in wanted:
        if service not in heard:
            near = difflib.get_close_matches(service, heard, n=1)
            hint = f"did you mean {near[0]}?" if near else f"spans are from {', '.join(heard[:8])}"
            out.append(f"no span of service {service} was read; {hint}")
    return out


def waiting(behind: Sequence[Behind]) -> list[str]:
    """A note for each group and topic with records that the group had not passed when its offsets were asked for."""
    left: dict[tuple[str, str], list[str]] = {}
    for one in behind:
        left.setdefault((one.group, one.topic), []).extend(f"{one.partition}:{offset}" for offset in one.offsets)
    out = []
    for (group, topic), places in left.items():
        shown = ", ".join(places[:MOST_PLACES]) + (", …" if len(places) > MOST_PLACES else "")
        what = f"{count(len(places), 'record')} of {topic}"
        out.append(f"group {group} has not passed {what} (partition:offset {shown}): perhaps not handled yet")
    more = len(out) - MOST_GROUPS
    return out[:MOST_GROUPS] + ([f"and {more} more such groups and topics"] if more > 0 else [])


def untold(group: Sequence[Shape], records: Sequence[Record]) -> list[str]:
    """A note for each topic that a shape speaks of, that was not read, and that one no shape knows is spelled like."""
    read = {record.topic for record in records}
    wanted = {t: None for shape in group for step in shape.steps.values() if step.sort == "record" for t in step.names}
    unknown = sorted(read - set(wanted))
    out = []
    for topic in wanted:
        near = difflib.get_close_matches(topic, unknown, n=1, cutoff=0.9)
        if topic not in read and near and not any(c in topic for c in "*?["):
            out.append(f"no record of topic {topic} was read; did you mean {near[0]}?")
    return out


def unjudged(gathering: Gathering, group: Sequence[Shape], spans: Iterable[Span]) -> list[str]:
    """That shapes had nothing to judge, as no row leads to a flow of theirs, with what may have been meant."""
    if gathering.flows:
        return []
    key = group[0].flow.key
    near = like(key, spans, most=1)
    hint = f"; did you mean {near[0]}?" if near else ""
    return [f"shape {shape.shape} judged no flow: no row carries or leads to its key {key}{hint}" for shape in group]


def endless(shapes: Iterable[Shape], flows: Sequence[FlowVerdict]) -> list[str]:
    """A note for each shape with flows that nothing but their end steps, or nothing but the input's end, closes."""
    pending = {f.shape for f in flows if f.verdict is Verdict.PENDING}
    lacking = {f.shape for f in flows if any(_lacks(j) for a in f.assertions for j in a.findings)}
    notes = []
    for s in shapes:
        if s.shape in pending and s.flow.ends is not None and s.flow.gives_up is None:
            notes.append(
                f"shape {s.shape} has no `gives_up`: a flow whose end never comes stays pending; add `gives_up: 26h`"
            )
        if s.shape in lacking and s.flow.ends is None:
            notes.append(
                f"shape {s.shape} has no `ends`: a flow is over when the input is, so what one under way still lacked "
                "is called missing; add `ends` with its last step, and `gives_up`"
            )
    return notes


def _lacks(judged: Judged) -> bool:
    """Whether it is violated by what should have come before its flow was over, whenever that is."""
    finding = judged.finding
    return judged.verdict is Verdict.VIOLATED and isinstance(finding, Missing) and finding.limit_ns is None


def like(key: str, spans: Iterable[Span], *, most: int) -> list[str]:
    """Attributes that were read and are spelled like a key that was not, the nearest first."""
    seen = sorted({name for span in spans for name in span.attributes})
    return difflib.get_close_matches(key, seen, n=most, cutoff=0.6)


def hidden(gathering: Gathering) -> tuple[Loss, ...]:
    """Losses of rows in no flow that may have been of any: a key may be among what was dropped."""
    out: dict[str, Loss] = {}
    for stray in gathering.strays:
        row = stray.row
        if isinstance(row, Span) and row.dropped_attributes:
            what = f"attributes of {row.service} {row.name} were dropped, its key perhaps among them"
            out.setdefault(
                row.service, Loss(kind="dropped_attributes", where=row.service, what=what, service=row.service)
            )
    return tuple(out[service] for service in sorted(out))


def known_key(expected: Expected, shapes: Iterable[Shape]) -> None:
    """UsageError if no shape has the key or a fact of an expected flow."""
    keys = sorted({s.flow.key for s in shapes})
    if expected.name not in keys:
        raise UsageError(f"--expect {expected.name}={expected.key}: no shape's key is {expected.name}; it is {keys[0]}")
    facts = sorted({f for s in shapes for f in s.facts})
    for name in expected.facts:
        if name not in facts:
            near = difflib.get_close_matches(name, facts, n=1)
            hint = f"; did you mean {near[0]}?" if near else f"; there are: {', '.join(facts) or 'none'}"
            raise UsageError(f"--expect …,{name}=…: no shape has a fact {name}{hint}")
