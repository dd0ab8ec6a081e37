"""From spans and records to text that parses back to the same.

In: spans and records, of a sketch or from life. Out: the picture; nothing in it can steer a terminal.
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from verifier.sketch.signs import LOST, MARK, NAME, ORIGIN_NS, TOKEN, UNITS, escaped, scalar
from verifier.spans import Attributes, Record, Span, SpanId, Value

_PLAIN = re.compile(r"\w[\w./:-]*")  # services, topics and instances that need no quotes
_BLANK = re.compile(r"(?<=[^ ]) (?=[^ \\])")
_Thing = TypeVar("_Thing", Span, Record)


def render(
    spans: Iterable[Span],
    records: Iterable[Record] = (),
    *,
    marks: Mapping[SpanId | tuple[str, int, int] | tuple[str, str, int], str] = {},
    origin_ns: int | None = None,
    width: int | None = None,
) -> str:
    """Draws spans and records, from a sketch or from life: traces by their first start, children by theirs.

    `marks` puts a text under the row of a span, of its n-th event (trace, span, n) or of a record, as a comment. Rows
    longer than `width` go on in the next line where they can. `origin_ns` is what prints as 0: the earliest
    start, but `ORIGIN_NS` for what comes from a sketch (its ids count) and if it is at most a day away. Parents that
    run in a circle are cut at the smallest id.

    >>> from verifier.sketch import parse
    >>> print(render(parse("a : one @ 5000us").spans), end="")
    a : one @ 5ms
    """
    scene = _arranged(spans, records)
    if origin_ns is None:
        origin_ns = _origin(scene)
    labels = _labels(scene)
    lines: list[str] = []

    def put(depth: int, text: str, mark: str | None = None) -> None:
        lines.extend(_broken("  " * depth + text, width, rest="  " * depth + "    "))
        for number, part in enumerate(mark.split("\n") if mark is not None else ()):
            lines.append("  " * depth + ("#   " if number else "# ^ ") + escaped(part))

    for depth, item in scene.order:
        if isinstance(item, Record):
            put(depth, _record_text(item, item.parent is not None, origin_ns), marks.get(item.id))
            continue
        span, label = scene.spans[item], labels.get(item)
        lost = scene.above[item] is None and span.parent is not None
        front = (f"&{label} " if label else "") + ("^ " if lost else "")
        put(depth, front + _span_text(span, depth > 0 and span.parent is None, origin_ns), marks.get(span.id))
        for n, event in enumerate(span.events):
            time = _times_text(event.time_ns, event.time_ns, origin_ns)
            text = f"* {_name_text(event.name)} @ {time}{_attributes_text(event.attributes)}"
            put(depth + 1, text, marks.get((*span.id, n)))
        for link in span.links:
            target = scene.first.get((link.trace_id, link.span_id))
            put(depth + 1, f"~> {'?' if target is None else labels[target]}{_attributes_text(link.attributes)}")
        for record in scene.published[item]:
            put(depth + 1, _record_text(record, record.parent != span.id, origin_ns), marks.get(record.id))
    return "".join(line + "\n" for line in lines)


def _broken(text: str, width: int | None, *, rest: str) -> Iterator[str]:
    """The row in lines of at most `width`, broken at single blanks; inside a word only if it is longer than a line."""
    while width is not None and len(text) > width:
        cut = max((m.start() for m in _BLANK.finditer(text, len(rest) + 1, width - 1)), default=0)
        if cut:
            yield f"{text[:cut]} \\"
            text = rest + text[cut + 1 :]
            continue
        cut = next((n for n in range(width - 2, len(rest) + 1, -1) if " " not in text[n - 1 : n + 1]), 0)
        if not cut:
            break
        yield f"{text[:cut]} \\"
        text = f"{rest}\\{text[cut:]}"
    yield text


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
        drawn = all(span.trace_id < f"{LOST:032x}" for span in scene.spans)  # ids that count come from a sketch
    else:
        earliest_ns = next((item.seen_ns for _, item in scene.order if isinstance(item, Record)), ORIGIN_NS)
        drawn = False
    near_ns = (10_000 if drawn else 1) * UNITS["d"]
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
    whole, part = divmod(abs(time_ns), UNITS[unit])
    decimals = f".{part:0{len(str(UNITS[unit])) - 1}}".rstrip("0") if part else ""
    return f"{'-' if time_ns < 0 else ''}{whole}{decimals}{unit}"


def _unit(time_ns: int) -> str:
    """Minutes, hours and days only if they are whole: the decimals of others end."""
    whole = next((unit for unit in ("d", "h", "m") if time_ns % UNITS[unit] == 0), None)
    return whole or next((unit for unit in ("s", "ms", "us") if abs(time_ns) >= UNITS[unit]), "ns")


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
    return "." not in name and name.isprintable() and bool(NAME.fullmatch(name))


def _key_text(name: str) -> str:
    plain = NAME.fullmatch(name) and name.isprintable() and not name.startswith("$")
    return name if plain else _quoted(name)


def _name_text(name: str) -> str:
    plain = name.isprintable() and name.strip(" ") == name != "" and not MARK.search(name)
    return name if plain and not any(sign in f" {name} " for sign in ('"', "=", " @ ")) else _quoted(name)


def _plain_text(name: str) -> str:
    return name if _PLAIN.fullmatch(name) else _quoted(name)


def _value_text(value: Value) -> str:
    if isinstance(value, str):
        plain = TOKEN.fullmatch(value) and value.isprintable() and '"' not in value and value[0] not in "[{"
        return value if plain and scalar(value) == value else _quoted(value)
    return escaped(json.dumps(_jsonable(value), ensure_ascii=False, sort_keys=True))


def _jsonable(value: Value) -> object:
    if isinstance(value, bytes):
        return {"$hex": value.hex()}
    if isinstance(value, Mapping):
        return {name: _jsonable(item) for name, item in value.items()}
    return [_jsonable(item) for item in value] if isinstance(value, tuple | list) else value


def _quoted(text: str) -> str:
    return escaped(json.dumps(text, ensure_ascii=False))
