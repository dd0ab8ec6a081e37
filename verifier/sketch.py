r"""A sketch: a small text picture of spans and records, parsed and printed here.

In: text, or spans and records. Out: a `Sketch`, or text that parses back to the same. Tests, docs, examples of
assertions, bug reports and the terminal use it. One row is one thing; what is indented (by two blanks or more) belongs
to the nearest span above that is less indented; blank lines and lines that start with # say nothing.

    # service : span name @ start..end, then attributes
    batch_orchestrator : POST /v1/batches/register @ 0..12ms $kind=server batch_id=b1
      * state.changed @ 3ms from=new to=ready
      [batches.registered 0:17] @ 13ms event_id=e1 data.course_code=ENG5
      &send batch_orchestrator : publish @ 10..11.5ms
      essay_lifecycle#2 : consume ! @ 40..55ms "no such course" retry=1 final=false
        ~> send
        ~> ?
    ^ spell_checker : check @ 1s..? text="two words" ids=["a", "b"]
    [batches.closed 0:3] @ ..2s $key=b1

Rows:

    service : name @ time k=v      a span; at column 0 the root of a new trace, deeper a child of the span above
    service#2 : name @ time        another process of the service: its instance is "service#2", else just "service"
    service : name ! @ time "m"    status error, with its message if there is one; + in place of ! is status ok
    &label service : name @ time   a span with a label, for links to point to
    ^ service : name @ time        a span whose parent is not in the sketch; indented, of the trace of the span above
    * name @ time k=v              an event of the span above
    ~> label k=v                   a link from the span above to the labelled one
    ~> ? k=v                       a link to a span that is not in the sketch
    [topic 0:17] @ time path=v     a Kafka record, partition:offset; published by the span above; at column 0 it
                                   does not say by whom
    ^ [topic 0:17] @ time path=v   a record published by a span that is not in the sketch

Times count from `ORIGIN_NS`, in ns, us, ms, s, m, h or d, with decimals; a unit left out is that of the other side:

    0..12ms   500us..1.5s   -2..1ms   5..3ms (ends before it starts)   5ms (takes no time)   5ms..? (no end known)
    of a record: 13ms (known)   13..20ms (made..seen)   ..20ms (seen; it does not say when it was made)

Attributes are name=value, on a record dotted paths into its JSON envelope (a quoted name there is one key, dots and
all). true, false, null, 12 and -1.5 are what they look like; "…", […] and {…} are JSON; {"$hex": "00ff"} is bytes; all
else is a string. Names that start with $ are fields: of a span $kind, $instance (null: unknown), $state (its trace
state) and $root=true (indented, yet without a parent); of a record $key and $sampled=false (flag of its traceparent).

A name of any kind that could be misread (" @ ", quotes, control characters) is written as a JSON string. Ids count in
the order of the picture. Resources, headers and counts of dropped things are not in the picture.
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

from verifier.errors import SpecError
from verifier.spans import Attributes, Event, Link, Record, Span, SpanId, Value, dig

ORIGIN_NS = 1_767_225_600_000_000_000
"""Time zero of a sketch: 2026-01-01T00:00:00Z."""

_UNITS = {
    "ns": 1,
    "us": 1_000,
    "ms": 1_000_000,
    "s": 1_000_000_000,
    "m": 60 * 1_000_000_000,
    "h": 3_600 * 1_000_000_000,
    "d": 86_400 * 1_000_000_000,
}
_FAR_NS = 10**20  # beyond 64 bits on either side: whatever telemetry can say is printed and parsed
_DEEP = 64  # levels of an attribute's value; keeps us off the interpreter's recursion limit
_LOST = 0xDEAD0000  # ids from here on are of things that are not in the sketch
_KINDS = ("unspecified", "internal", "server", "client", "producer", "consumer")
_STATUS = {"": "unset", "!": "error", "+": "ok"}
_Fields = Mapping[str, tuple[str, ...]]  # field -> the values it may have; none: any
_SPAN_FIELDS: _Fields = {"$kind": _KINDS, "$instance": (), "$state": (), "$root": ("true",)}
_RECORD_FIELDS: _Fields = {"$key": (), "$sampled": ("false",)}
_CONSTANTS: Mapping[str, Value] = {
    "true": True,
    "false": False,
    "null": None,
    "NaN": float("nan"),
    "Infinity": float("inf"),
    "-Infinity": float("-inf"),
}
_INTEGER = re.compile(r"-?(?:0|[1-9][0-9]{0,99})")  # 007 is a string: an id keeps its zeros
_DECIMAL = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+(?:[eE][+-]?[0-9]+)?|[eE][+-][0-9]+)")  # 12e4 too is an id
_HEX = re.compile(r"(?:[0-9a-f]{2})*")
_MOMENT = re.compile(r"(-?)([0-9]{1,30})(?:\.([0-9]{1,30}))?([A-Za-z]*)")
_DOTS, _UNKNOWN = re.compile(r"\.\."), re.compile(r"\?")
_LABEL, _TARGET = re.compile(r"[\w.-]+"), re.compile(r"[\w.-]+|\?")
_PLACE = re.compile(r"(-?[0-9]{1,19}):(-?[0-9]{1,19})")
_TOPIC, _NAME, _TOKEN = re.compile(r'[^ "\]]+'), re.compile(r'[^ "=]+'), re.compile(r"[^ ]+")
_INSTANCE, _MARK, _NOTHING = re.compile(r"#(.+)\Z"), re.compile(r"(?:^| +)([!+])\Z"), re.compile(r"(?!)")
_PLAIN = re.compile(r"\w[\w./:-]*")  # services, topics and instances that need no quotes
_JSON = json.JSONDecoder()
_Thing = TypeVar("_Thing", Span, Record)


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
        _Row(line, number)
        for number, line in enumerate(text.split("\n"), 1)
        if (seen := line.strip(" \t\r")) and not seen.startswith("#")
    ]
    margin = min((row.at for row in rows if not row.sees("\t")), default=0)
    page = _Page()
    for row in rows:
        try:
            _read(page, row, row.at - margin)
        except _Problem as problem:
            page.problems.append(problem)
    spans = tuple(_finished(page, draft) for draft in page.drafts)
    if page.problems:
        raise SpecError([str(problem) for problem in sorted(page.problems, key=lambda problem: problem.place)])
    return Sketch(spans=spans, records=tuple(page.records))


def render(
    spans: Iterable[Span],
    records: Iterable[Record] = (),
    *,
    marks: Mapping[SpanId | tuple[str, int, int], str] = {},
    origin_ns: int | None = None,
) -> str:
    """Draws spans and records, from a sketch or from life: traces by their first start, children by theirs.

    `marks` puts a text under the row of a span or record, as a comment. `origin_ns` is what prints as 0: the earliest
    start, but `ORIGIN_NS` for what comes from a sketch (its ids count) and if it is at most a day away. Parents that
    run in a circle are cut at the smallest id.

    >>> print(render(parse("a : one @ 5000us").spans), end="")
    a : one @ 5ms
    """
    scene = _arranged(spans, records)
    if origin_ns is None:
        origin_ns = _origin(scene)
    labels = _labels(scene)
    lines: list[str] = []

    def put(depth: int, text: str, mark: str | None = None) -> None:
        lines.append("  " * depth + text)
        for number, part in enumerate(mark.split("\n") if mark is not None else ()):
            lines.append("  " * depth + ("#   " if number else "# ^ ") + _escaped(part))

    for depth, item in scene.order:
        if isinstance(item, Record):
            put(depth, _record_text(item, item.parent is not None, origin_ns), marks.get(item.id))
            continue
        span, label = scene.spans[item], labels.get(item)
        lost = scene.above[item] is None and span.parent is not None
        front = (f"&{label} " if label else "") + ("^ " if lost else "")
        put(depth, front + _span_text(span, depth > 0 and span.parent is None, origin_ns), marks.get(span.id))
        for event in span.events:
            time = _times_text(event.time_ns, event.time_ns, origin_ns)
            put(depth + 1, f"* {_name_text(event.name)} @ {time}{_attributes_text(event.attributes)}")
        for link in span.links:
            target = scene.first.get((link.trace_id, link.span_id))
            put(depth + 1, f"~> {'?' if target is None else labels[target]}{_attributes_text(link.attributes)}")
        for record in scene.published[item]:
            put(depth + 1, _record_text(record, record.parent != span.id, origin_ns), marks.get(record.id))
    return "".join(line + "\n" for line in lines)


# ---- reading


class _Problem(Exception):
    def __init__(self, line: int, column: int, text: str) -> None:
        super().__init__(f"sketch:{line}:{column}: {text}")
        self.place = (line, column)


class _Row:
    """One line and how far it has been read; what does not fit raises a `_Problem` that says what was expected."""

    __slots__ = ("at", "number", "text")

    def __init__(self, line: str, number: int) -> None:
        self.text, self.number = line.rstrip(" \t\r"), number
        self.at = 0
        self.blanks()

    def problem(self, text: str, at: int | None = None) -> _Problem:
        return _Problem(self.number, (self.at if at is None else at) + 1, _escaped(text))

    def blanks(self) -> None:
        while self.sees(" "):
            self.at += 1

    def sees(self, prefixes: str | tuple[str, ...]) -> bool:
        return self.text.startswith(prefixes, self.at)

    def takes(self, word: str) -> bool:
        """Whether `word` comes next; goes past it and the blanks behind it."""
        if found := self.sees(word):
            self.at += len(word)
            self.blanks()
        return found

    def next(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        if found := pattern.match(self.text, self.at):
            self.at = found.end()
        return found

    def need(self, pattern: re.Pattern[str], expected: str) -> str:
        found = self.next(pattern)
        if not found:
            raise self.problem(f"expected {expected}.")
        return found[0]

    def upto(self, separator: str, expected: str) -> str:
        """The text before the next ` separator `."""
        end = self.text.find(f" {separator} ", max(self.at - 1, 0))
        if end < 0:
            raise self.problem(f"expected ' {separator} ' {expected}.")
        found, self.at = self.text[self.at : end].strip(" "), end + len(separator) + 2
        self.blanks()
        return found

    def json(self, levels: int = 0) -> Value:
        start = self.at
        try:
            found, self.at = _JSON.raw_decode(self.text, start)
            return _typed(found, levels)
        except json.JSONDecodeError as error:
            text = f"expected valid JSON ({error.msg}); quote a string that only looks like it."
            raise self.problem(text, error.pos) from None
        except (ValueError, RecursionError):
            raise self.problem(f"expected JSON of at most {_DEEP} levels and ordinary numbers.", start) from None

    def title(self, separator: str, tail: re.Pattern[str], expected: str) -> tuple[str, str]:
        """A name, quoted or plain, with the sign that may stand behind it, up to the separator."""
        start = self.at
        if self.sees('"'):
            name, rest = str(self.json()), self.upto(separator, expected)
        else:
            name, rest = self.upto(separator, expected), ""
            if sign := tail.search(name):
                name, rest = name[: sign.start()], sign[0]
            if not name:
                raise self.problem('expected a name; an empty one is written "".', start)
        sign = tail.fullmatch(rest)
        if rest and not sign:
            raise self.problem(f"expected ' {separator} ' behind the quoted name, not '{rest}'.", start)
        return name, sign[1] if sign else ""

    def times(self) -> tuple[int | None, int | None]:
        """Both sides of `a..b`, twice the same for `a`; None for a side that is unknown."""
        start = self.at
        first, dots = self.next(_MOMENT), self.next(_DOTS)
        second = self.next(_MOMENT) if dots else None
        unknown = dots and first and not second and self.next(_UNKNOWN)
        if not (second or unknown or (first and not dots)) or not self.ends():
            raise self.problem("expected a time such as '5ms', '0..12ms', '1s..1.5s' or '5ms..?'.", start)
        one, two = (self._time_ns(here, other) for here, other in ((first, second), (second, first)))
        self.blanks()
        return one, two if dots else one

    def ends(self) -> bool:
        """Whether a word ends here."""
        return self.at == len(self.text) or self.sees(" ")

    def _time_ns(self, time: re.Match[str] | None, other: re.Match[str] | None) -> int | None:
        if time is None:
            return None
        part: str = time[3] or ""
        number, unit = int(time[2] + part), time[4] or (other[4] if other else "")
        if unit not in _UNITS and (unit or number):
            raise self.problem(f"expected a time with one of the units {', '.join(_UNITS)}.", time.start())
        scale: int = 10 ** len(part)
        time_ns, rest = divmod(number * _UNITS.get(unit, 1), scale)  # whole numbers all the way: exact
        if rest:
            raise self.problem("expected a time in whole nanoseconds; this one is finer.", time.start())
        if time_ns > _FAR_NS:
            raise self.problem("expected a time at most 3,000 years from zero.", time.start())
        return ORIGIN_NS - time_ns if time[1] else ORIGIN_NS + time_ns

    def attributes(self, known: _Fields, *, paths: bool = False) -> tuple[dict[str, Value], dict[str, str | None]]:
        """All `name=value` to the end of the row: attributes, and fields as text (None for null)."""
        attributes: dict[str, Value] = {}
        fields: dict[str, str | None] = {}
        while self.at < len(self.text):
            start, quoted = self.at, self.sees('"')
            name = str(self.json()) if quoted else self.need(_NAME, "name=value")
            if not self.sees("="):
                raise self.problem(f"expected '=' and a value right behind '{name}'; quote values with blanks.")
            self.at += 1
            path = tuple(name.split(".")) if paths and not quoted else (name,)
            begin, value = self.at, self._value(len(path))
            if quoted or not name.startswith("$"):
                if not _planted(attributes, path, value):
                    raise self.problem(f"'{name}' already has a value, expected each name once.", start)
                continue
            text = value if value is None or isinstance(value, str) else self.text[begin : self.at].rstrip(" ")
            if name not in known:
                hint = f"one of {', '.join(known)}" if known else "none on this row"
                raise self.problem(f"'{name}' is no field, expected {hint}; quote an attribute with '$'.", start)
            if name in fields:
                raise self.problem(f"'{name}' already has a value, expected each name once.", start)
            if known[name] and text not in known[name]:
                raise self.problem(f"expected '{name}=' with {' or '.join(known[name])}, not '{text}'.", start)
            fields[name] = text
        return attributes, fields

    def _value(self, levels: int) -> Value:
        start = self.at
        if levels > _DEEP:
            raise self.problem(f"expected a path of at most {_DEEP} parts.", start)
        if self.sees(('"', "[", "{")):
            value = self.json(levels)
        else:
            value = _scalar(self.need(_TOKEN, "a value behind '='; an empty one is written \"\""))
        if not self.ends():
            raise self.problem("expected a blank behind the value; quote a string that looks like JSON.", start)
        self.blanks()
        return value


@dataclass(slots=True)
class _Draft:
    """A span while its events and links are still to come."""

    indent: int
    span: Span
    events: list[Event] = field(default_factory=list)
    links: list[tuple[_Problem, str, Attributes]] = field(default_factory=list)


@dataclass(slots=True)
class _Page:
    """What has been read so far; `open` is the way from the root to the row above."""

    drafts: list[_Draft] = field(default_factory=list)
    records: list[Record] = field(default_factory=list)
    open: list[_Draft] = field(default_factory=list)
    labels: dict[str, SpanId] = field(default_factory=dict)
    problems: list[_Problem] = field(default_factory=list)
    traces: int = 0
    lost: int = 0

    def missing(self) -> SpanId:
        """The id of one more span that is not in the sketch, in a trace of its own."""
        self.lost += 1
        return f"{_LOST + self.lost:032x}", f"{_LOST + self.lost:016x}"


def _read(page: _Page, row: _Row, indent: int) -> None:
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


def _event(row: _Row) -> Event:
    name, _ = row.title("@", _NOTHING, "and a time behind the event's name, such as '@ 3ms'")
    start = row.at
    time_ns, same_ns = row.times()
    if time_ns is None or time_ns != same_ns:
        raise row.problem("expected one time: an event takes no time.", start)
    return Event(name=name, time_ns=time_ns, attributes=row.attributes({})[0])


def _read_span(page: _Page, row: _Row, indent: int, *, label: str, orphan: bool) -> None:
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
    name, sign = row.title("@", _MARK, "and the times behind the span's name, such as '@ 0..12ms'")
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


def _record(page: _Page, row: _Row, *, orphan: bool) -> Record:
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
        if not _planted(value, ("metadata", "traceparent"), traceparent):
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


def _planted(value: dict[str, Value], path: tuple[str, ...], item: Value) -> bool:
    """Puts an item at the end of a path of objects, unless something else is in the way."""
    for part in path[:-1]:
        child = value.setdefault(part, {})
        if not isinstance(child, dict):
            return False
        value = child
    free = path[-1] not in value
    if free:
        value[path[-1]] = item
    return free


def _scalar(token: str) -> Value:
    if token in _CONSTANTS:
        return _CONSTANTS[token]
    if _INTEGER.fullmatch(token):
        return int(token)
    return float(token) if _DECIMAL.fullmatch(token) else token


def _typed(value: object, levels: int) -> Value:
    """What JSON gave, as an attribute's value."""
    if levels > _DEEP:
        raise RecursionError
    if isinstance(value, list):
        return tuple(_typed(item, levels + 1) for item in value)
    if isinstance(value, dict):
        said = value.get("$hex")
        if len(value) == 1 and isinstance(said, str) and _HEX.fullmatch(said):
            return bytes.fromhex(said)
        return {name: _typed(item, levels + 1) for name, item in value.items()}
    assert value is None or isinstance(value, str | bool | int | float)
    return value


# ---- drawing


@dataclass(frozen=True, slots=True, kw_only=True)
class _Scene:
    """Who stands below whom. Spans are named by their index: two bodies can have one id."""

    spans: Sequence[Span]
    first: Mapping[SpanId, int]
    above: Sequence[int | None]
    published: Sequence[Sequence[Record]]
    order: Sequence[tuple[int, int | Record]]  # depth, span or record at column 0, in the order of the picture


def _arranged(spans: Iterable[Span], records: Iterable[Record]) -> _Scene:
    rows = _sorted(spans, lambda span: (span.start_ns, span.id))
    first: dict[SpanId, int] = {}
    for index, span in enumerate(rows):
        first.setdefault(span.id, index)
    above = [first.get(span.parent) if span.parent else None for span in rows]
    _cut_circles(rows, above)
    children: list[list[int]] = [[] for _ in rows]
    tops: dict[str, list[int]] = {}
    starts: dict[str, int] = {}
    for index, span in enumerate(rows):
        starts.setdefault(span.trace_id, span.start_ns)
        over = above[index]
        (tops.setdefault(span.trace_id, []) if over is None else children[over]).append(index)
    for indexes in tops.values():  # one row of a trace at column 0, best a true root; the others below it
        indexes.sort(key=lambda index: rows[index].parent is not None)
        children[indexes[0]].extend(indexes[1:])
    published: list[list[Record]] = [[] for _ in rows]
    roots: list[tuple[tuple[int, int, str, int, int], int | Record]] = []
    for record in _sorted(records, lambda record: (record.seen_ns, record.id)):
        publisher = first.get(record.parent) if record.parent else None
        if publisher is None and record.parent and record.parent[0] in tops:
            publisher = tops[record.parent[0]][0]
        if publisher is None:
            roots.append(((record.seen_ns, 1, *record.id), record))
        else:
            published[publisher].append(record)
    roots += [((starts[trace_id], 0, trace_id, 0, 0), indexes[0]) for trace_id, indexes in tops.items()]
    order: list[tuple[int, int | Record]] = []
    todo = [(0, item) for _, item in sorted(roots, key=lambda root: root[0], reverse=True)]
    while todo:  # not by recursion: traces can be deeper than the interpreter's stack
        depth, item = todo.pop()
        order.append((depth, item))
        if isinstance(item, int):
            todo += [(depth + 1, child) for child in reversed(children[item])]
    return _Scene(spans=rows, first=first, above=above, published=published, order=order)


def _sorted(rows: Iterable[_Thing], key: Callable[[_Thing], tuple[int, tuple[str | int, ...]]]) -> list[_Thing]:
    found = sorted(rows, key=key)
    if len({row.id for row in found}) < len(found):  # two bodies under one id
        found.sort(key=lambda row: (key(row), repr(row)))
    return found


def _cut_circles(rows: Sequence[Span], above: list[int | None]) -> None:
    """Takes the parent from the smallest id of each circle of parents."""
    walks = [-1] * len(rows)  # the walk that came by
    for start in range(len(rows)):
        index: int | None = start
        while index is not None and walks[index] < 0:
            walks[index] = start
            index = above[index]
        if index is None or walks[index] != start:
            continue
        circle, step = [index], above[index]
        while step is not None and step != index:
            circle.append(step)
            step = above[step]
        above[min(circle, key=lambda index: rows[index].id)] = None


def _origin(scene: _Scene) -> int:
    if scene.spans:
        earliest_ns = scene.spans[0].start_ns  # sorted
        drawn = all(span.trace_id < f"{_LOST:032x}" for span in scene.spans)  # ids that count come from a sketch
    else:
        earliest_ns = next((item.seen_ns for _, item in scene.order if isinstance(item, Record)), ORIGIN_NS)
        drawn = False
    near_ns = (10_000 if drawn else 1) * _UNITS["d"]
    return ORIGIN_NS if abs(earliest_ns - ORIGIN_NS) <= near_ns else earliest_ns


def _labels(scene: _Scene) -> dict[int, str]:
    """A label for each span that a link leads to: a … z, aa, ab …, from top to bottom."""
    targets = {scene.first.get((link.trace_id, link.span_id)) for span in scene.spans for link in span.links}
    labels: dict[int, str] = {}
    for _, item in scene.order:
        if isinstance(item, int) and item in targets:
            number, label = len(labels) + 1, ""
            while number:
                number, letter = divmod(number - 1, 26)
                label = chr(ord("a") + letter) + label
            labels[item] = label
    return labels


def _span_text(span: Span, second_root: bool, origin_ns: int) -> str:
    service, fields = _plain_text(span.service), ""
    suffix = (span.instance or "").removeprefix(f"{span.service}#")
    if span.instance not in (span.service, suffix) and _PLAIN.fullmatch(suffix):
        service += f"#{suffix}"
    elif span.instance != span.service:
        fields += f" $instance={_value_text(span.instance)}"
    if span.kind != "unspecified":
        fields += f" $kind={span.kind}"
    if second_root:
        fields += " $root=true"
    if span.trace_state:
        fields += f" $state={_value_text(span.trace_state)}"
    sign = {"error": " !", "ok": " +"}.get(span.status, "")
    times = _times_text(span.start_ns, span.end_ns or None, origin_ns)
    message = f" {_quoted(span.status_message)}" if span.status_message else ""
    return f"{service} : {_name_text(span.name)}{sign} @ {times}{message}{fields}{_attributes_text(span.attributes)}"


def _record_text(record: Record, orphan: bool, origin_ns: int) -> str:
    fields = f" $key={_value_text(record.key)}" if record.key is not None else ""
    value = dict(record.value)
    if record.parent:  # the place in the picture says it
        fields += "" if record.parent_sampled else " $sampled=false"
        metadata = value.get("metadata")
        if isinstance(metadata, Mapping):
            said = metadata.get("traceparent")
            value["metadata"] = rest = dict(metadata)
            if isinstance(said, str):
                del rest["traceparent"]
            if not rest:
                del value["metadata"]
    times = _times_text(record.made_ns, record.seen_ns, origin_ns)
    place = f"[{_plain_text(record.topic)} {record.partition}:{record.offset}]"
    return f"{'^ ' if orphan else ''}{place} @ {times}{fields}{_pairs_text(_paths(value))}"


def _times_text(start_ns: int | None, end_ns: int | None, origin_ns: int) -> str:
    """Both sides in the unit that reads best; exact."""
    start, end = (None if time_ns is None else time_ns - origin_ns for time_ns in (start_ns, end_ns))
    if start == end and end is not None:
        return _time_text(end)
    text = f"{'' if start is None else _time_text(start)}..{'?' if end is None else _time_text(end)}"
    if start and end and _unit(start) == _unit(end):
        return text.replace(f"{_unit(start)}..", "..")
    return text


def _time_text(time_ns: int) -> str:
    if time_ns == 0:
        return "0"
    unit = _unit(time_ns)
    whole, part = divmod(abs(time_ns), _UNITS[unit])
    decimals = f".{part:0{len(str(_UNITS[unit])) - 1}}".rstrip("0") if part else ""
    return f"{'-' if time_ns < 0 else ''}{whole}{decimals}{unit}"


def _unit(time_ns: int) -> str:
    """Minutes, hours and days only if they are whole: the decimals of others end."""
    whole = next((unit for unit in ("d", "h", "m") if time_ns % _UNITS[unit] == 0), None)
    return whole or next((unit for unit in ("s", "ms", "us") if abs(time_ns) >= _UNITS[unit]), "ns")


def _attributes_text(attributes: Attributes) -> str:
    return _pairs_text((_key_text(name), value) for name, value in attributes.items())


def _pairs_text(pairs: Iterable[tuple[str, Value]]) -> str:
    return "".join(f" {name}={_value_text(value)}" for name, value in sorted(pairs, key=lambda pair: pair[0]))


def _paths(value: Attributes, front: str = "") -> Iterator[tuple[str, Value]]:
    """An envelope as dotted paths; an object with names that a path can't hold stays JSON."""
    for name, item in value.items():
        text = front + (name if front else _quoted(name) if "." in name else _key_text(name))
        if isinstance(item, Mapping) and item and not text.startswith('"') and all(map(_in_path, item)):
            yield from _paths(item, f"{text}.")
        else:
            yield text, item


def _in_path(name: str) -> bool:
    return "." not in name and name.isprintable() and bool(_NAME.fullmatch(name))


def _key_text(name: str) -> str:
    plain = _NAME.fullmatch(name) and name.isprintable() and not name.startswith("$")
    return name if plain else _quoted(name)


def _name_text(name: str) -> str:
    plain = name.isprintable() and name.strip(" ") == name != "" and not _MARK.search(name)
    return name if plain and not any(sign in f" {name} " for sign in ('"', "=", " @ ")) else _quoted(name)


def _plain_text(name: str) -> str:
    return name if _PLAIN.fullmatch(name) else _quoted(name)


def _value_text(value: Value) -> str:
    if isinstance(value, str):
        plain = _TOKEN.fullmatch(value) and value.isprintable() and '"' not in value and value[0] not in "[{"
        return value if plain and _scalar(value) == value else _quoted(value)
    return _escaped(json.dumps(_jsonable(value), ensure_ascii=False, sort_keys=True))


def _jsonable(value: Value) -> object:
    if isinstance(value, bytes):
        return {"$hex": value.hex()}
    if isinstance(value, Mapping):
        return {name: _jsonable(item) for name, item in value.items()}
    return [_jsonable(item) for item in value] if isinstance(value, tuple | list) else value


def _quoted(text: str) -> str:
    return _escaped(json.dumps(text, ensure_ascii=False))


def _escaped(text: str) -> str:
    """Leaves nothing in a text that could steer a terminal, hide, or reverse the line."""
    if text.isprintable():
        return text
    halves = text.encode("utf-16-be", "surrogatepass")  # and back: two halves side by side are one sign
    return "".join(
        sign if sign.isprintable() else re.sub("....", r"\\u\g<0>", sign.encode("utf-16-be", "surrogatepass").hex())
        for sign in halves.decode("utf-16-be", "surrogatepass")
    )
