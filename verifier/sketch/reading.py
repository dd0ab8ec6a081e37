"""From text to a sketch: row by row, each below the nearest span above that is less indented.

In: text. Out: a `Sketch`, or a `SpecError` with every problem of the text.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from verifier.errors import SpecError
from verifier.sketch.row import Fields, Problem, Row, planted
from verifier.sketch.signs import LOST, MARK
from verifier.spans import Attributes, Event, Link, Record, Span, SpanId, dig

_KINDS = ("unspecified", "internal", "server", "client", "producer", "consumer")
_STATUS = {"": "unset", "!": "error", "+": "ok"}
_SPAN_FIELDS: Fields = {"$kind": _KINDS, "$instance": (), "$state": (), "$root": ("true",)}
_RECORD_FIELDS: Fields = {"$key": (), "$sampled": ("false",)}
_LABEL, _TARGET = re.compile(r"[\w.-]+"), re.compile(r"[\w.-]+|\?")
_PLACE = re.compile(r"(-?[0-9]{1,19}):(-?[0-9]{1,19})")
_TOPIC = re.compile(r'[^ "\]]+')
_INSTANCE, _NOTHING = re.compile(r"#(.+)\Z"), re.compile(r"(?!)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sketch:
    """What a picture shows, in the order of the picture."""

    spans: tuple[Span, ...]
    records: tuple[Record, ...]


def parse(text: str) -> Sketch:
    """Reads a sketch; a margin that all rows share is taken off.

    Raises `SpecError` with every problem of the text, each starting with `sketch:line:column`.

    >>> parse("orders : POST /orders @ 0..12ms").spans[0].name
    'POST /orders'
    """
    rows = [
        Row(line, number) for number, line in _whole(text) if (seen := line.strip(" \t\r")) and not seen.startswith("#")
    ]
    margin = min((row.at for row in rows if not row.sees("\t")), default=0)
    page = _Page()
    for row in rows:
        try:
            _read(page, row, row.at - margin)
        except Problem as problem:
            page.problems.append(problem)
    spans = tuple(_finished(page, draft) for draft in page.drafts)
    if page.problems:
        raise SpecError([str(problem) for problem in sorted(page.problems, key=lambda problem: problem.place)])
    return Sketch(spans=spans, records=tuple(page.records))


def _whole(text: str) -> Iterator[tuple[int, str]]:
    """Each row with the number of its first line; one that ends in a blank and a backslash goes on in the next line,
    without the blank if that begins with a backslash."""
    begun, start = "", 0
    for number, line in enumerate(text.split("\n"), 1):
        part = line.rstrip(" \t\r")
        if begun:
            more = part.strip(" ")
            part, number = begun + (more[1:] if more.startswith("\\") else f" {more}"), start
        if part.endswith(" \\") and not part.lstrip().startswith("#"):
            begun, start = part[:-2], number
            continue
        begun = ""
        yield number, part
    if begun:
        yield start, begun


@dataclass(slots=True)
class _Draft:
    """A span while its events and links are still to come."""

    indent: int
    span: Span
    events: list[Event] = field(default_factory=list)
    links: list[tuple[Problem, str, Attributes]] = field(default_factory=list)


@dataclass(slots=True)
class _Page:
    """What has been read so far; `open` is the way from the root to the row above."""

    drafts: list[_Draft] = field(default_factory=list)
    records: list[Record] = field(default_factory=list)
    open: list[_Draft] = field(default_factory=list)
    labels: dict[str, SpanId] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    traces: int = 0
    lost: int = 0

    def missing(self) -> SpanId:
        """The id of one more span that is not in the sketch, in a trace of its own."""
        self.lost += 1
        return f"{LOST + self.lost:032x}", f"{LOST + self.lost:016x}"


def _read(page: _Page, row: Row, indent: int) -> None:
    if row.sees("\t"):
        raise row.problem("expected blanks, not a tab: indent each level by two.")
    while page.open and page.open[-1].indent >= indent:
        page.open.pop()
    above = page.open[-1] if page.open else None
    # Noted without leaving the row: what stands below it is not wrong because of it.
    if above and indent - above.indent < 2:
        page.problems.append(row.problem("expected an indent of two blanks or more below the span above."))
    elif indent and not above:
        page.problems.append(row.problem("expected a row at column 0: no span above it is less indented."))
    start = row.at
    if row.takes("*"):
        if not above:
            raise row.problem("expected the event indented below the span in which it happened.", start)
        above.events.append(_event(row))
    elif row.takes("~>"):
        if not above:
            raise row.problem("expected the link indented below the span from which it leads.", start)
        label = row.need(_TARGET, "the label of a span, or '?', behind '~>'")
        row.blanks()
        unknown = row.problem(f"expected '?' or a label that a span has; no span has '&{label}'.", start)
        above.links.append((unknown, label, row.attributes({})[0]))
    else:
        label = row.need(_LABEL, "a label of letters and digits behind '&'") if row.takes("&") else ""
        row.blanks()
        orphan = row.takes("^")
        if not row.takes("["):
            _read_span(page, row, indent, label=label, orphan=orphan)
        elif label:
            raise row.problem("expected '&label' only in front of a span: links lead to spans.", start)
        else:
            page.records.append(_record(page, row, orphan=orphan))


def _event(row: Row) -> Event:
    name, _ = row.title("@", _NOTHING, "and a time behind the event's name, such as '@ 3ms'")
    start = row.at
    time_ns, same_ns = row.times()
    if time_ns is None or time_ns != same_ns:
        raise row.problem("expected one time: an event takes no time.", start)
    return Event(name=name, time_ns=time_ns, attributes=row.attributes({})[0])


def _read_span(page: _Page, row: Row, indent: int, *, label: str, orphan: bool) -> None:
    above = page.open[-1].span if page.open else None
    page.traces += above is None
    trace_id, span_id = above.trace_id if above else f"{page.traces:032x}", f"{len(page.drafts) + 1:016x}"
    # Entered before the row is read to its end, so that one bad row is one problem.
    draft = _Draft(indent, Span(trace_id=trace_id, span_id=span_id, service="", name="", start_ns=0, end_ns=0))
    page.drafts.append(draft)
    page.open.append(draft)
    start = row.at
    if label and page.labels.setdefault(label, draft.span.id) != draft.span.id:
        raise row.problem(f"expected each label once, but '&{label}' stands in front of two spans.", start)
    service, suffix = row.title(
        ":", _INSTANCE, "between service and span name, as in 'orders : POST /orders @ 0..12ms'"
    )
    name, sign = row.title("@", MARK, "and the times behind the span's name, such as '@ 0..12ms'")
    begin = row.at
    start_ns, end_ns = row.times()
    if start_ns is None:
        raise row.problem("expected the time when the span started, such as '0..12ms'.", begin)
    message, begin = "", row.at
    if row.sees('"'):
        message = str(row.json())
        if row.sees("="):  # it was the quoted name of the first attribute
            message, row.at = "", begin
        elif not row.ends():
            raise row.problem("expected a blank behind the quoted message.")
        row.blanks()
    attributes, fields = row.attributes(_SPAN_FIELDS)
    if "$root" in fields and (not above or orphan):
        raise row.problem("expected '$root=true' only on an indented span without '^'.", start)
    parent = page.missing()[1] if orphan else above.span_id if above and "$root" not in fields else None
    draft.span = replace(
        draft.span,
        parent_span_id=parent,
        service=service,
        instance=fields.get("$instance", f"{service}#{suffix}" if suffix else service),
        name=name,
        kind=fields.get("$kind") or "unspecified",
        start_ns=start_ns,
        end_ns=end_ns or 0,
        status=_STATUS[sign],
        status_message=message,
        attributes=attributes,
        trace_state=fields.get("$state") or "",
    )


def _record(page: _Page, row: Row, *, orphan: bool) -> Record:
    start = row.at
    topic = str(row.json()) if row.sees('"') else row.need(_TOPIC, "a topic behind '['")
    row.blanks()
    partition, offset = row.need(_PLACE, "partition:offset behind the topic, such as '0:17'").split(":")
    row.blanks()
    if not row.takes("]") or not row.takes("@"):
        raise row.problem("expected '] @ ' and the record's time behind partition and offset.")
    begin = row.at
    made_ns, seen_ns = row.times()
    if seen_ns is None:
        raise row.problem("expected the time when the record was seen, such as '13ms' or '13..20ms'.", begin)
    value, fields = row.attributes(_RECORD_FIELDS, paths=True)
    parent = page.missing() if orphan else None
    if page.open:
        above = page.open[-1].span
        parent = (above.trace_id, parent[1] if parent else above.span_id)
    if "$sampled" in fields and not parent:
        raise row.problem("expected '$sampled=false' only on a record that a span published.", start)
    headers: tuple[tuple[str, str], ...] = ()
    if parent:
        traceparent = f"00-{parent[0]}-{parent[1]}-{'00' if '$sampled' in fields else '01'}"
        if isinstance(dig(value, "metadata.traceparent"), str):
            raise row.problem("expected no metadata.traceparent: the place in the sketch says who published it.", start)
        if not planted(value, ("metadata", "traceparent"), traceparent):
            headers = (("traceparent", traceparent),)  # the envelope has no room for it
    return Record(
        topic=topic,
        partition=int(partition),
        offset=int(offset),
        key=fields.get("$key"),
        headers=headers,
        made_ns=made_ns,
        seen_ns=seen_ns,
        value=value,
    )


def _finished(page: _Page, draft: _Draft) -> Span:
    """The span with its events and links, now that all labels are known."""
    links = []
    for unknown, label, attributes in draft.links:
        if label != "?" and label not in page.labels:
            page.problems.append(unknown)
            continue
        trace_id, span_id = page.missing() if label == "?" else page.labels[label]
        links.append(Link(trace_id=trace_id, span_id=span_id, attributes=attributes))
    return replace(draft.span, events=tuple(draft.events), links=tuple(links))
