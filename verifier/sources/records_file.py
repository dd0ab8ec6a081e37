"""A file of Kafka records: one JSON object per line.

    {"topics": {"orders": {"0": [17, 42]}}}                                           first line, may be missing
    {"topic", "partition", "offset", "key", "headers", "timestamp_ms" or "seen_unix", "value"}

`timestamp_type`, Kafka's word for whose clock said `timestamp_ms`, may stand in a line too.

In: a `Stream`. Out: records, losses and the offsets that the first line says were read, in a `Shelf`.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import msgspec

from verifier.sources import stream
from verifier.sources.assemble import LIMIT_NS, MAX_DEPTH
from verifier.sources.file import check_head, cut_off, opens_document, refuse, too_long
from verifier.sources.otlp_json import UNREADABLE
from verifier.sources.sniff import binary, described, is_records, snippet, unreadable
from verifier.sources.stream import Stream
from verifier.sources.tally import Tally
from verifier.spans import Record, Value

EXPECTED = "Kafka records (one JSON object with topic, partition, offset and value per line)"
Topics = Mapping[str, Mapping[int, tuple[int, int]]]

_TIME = re.compile(
    r"(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d)(?:(:\d\d)(?:[.,](\d{1,9})\d*)?)?\s?([Zz]|[+-]\d\d(?::?\d\d)?)?", re.ASCII
)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class BadRecord(Exception):
    """A record that cannot be read: the field, what was seen and what was expected."""


@dataclass(slots=True, kw_only=True)
class Shelf:
    """What one records file gave. `topics` is None if it has no header: then it speaks of every topic."""

    file: str
    tally: Tally = field(default_factory=Tally)
    records: list[Record] = field(default_factory=list)
    topics: Topics | None = None


def read(source: Stream) -> Shelf:
    """All records of one file; raises `NotTelemetry` if not one line can be used."""
    head = check_head(source, EXPECTED)
    shelf = Shelf(file=source.name)
    if binary(head):
        shelf.tally.add("bad_line", source.name, "saw binary data, perhaps spans (give such a file with --spans)")
        refuse(source, shelf.tally, EXPECTED, claims=False)
    pieces = source.pieces()
    if opens_document(source.peek_line()):
        data = source.rest()
        if _is_one(data):
            _take(data, 1, shelf, ended=False, first=True)
            pieces = iter(())
        else:
            pieces = iter((data,))
    first = True
    for number, text, ended in stream.lines(pieces):
        if text is None:
            shelf.tally.add("long_line", source.name, too_long(), line=number)
        elif text and not text.isspace():
            _take(text, number, shelf, ended=ended, first=first)
            first = False
    cut_off(source, shelf.tally)
    if not shelf.records and shelf.topics is None:
        refuse(source, shelf.tally, EXPECTED, claims=b'"topic' in head and b'"offset"' in head)
    return shelf


def joined(all_topics: list[Topics | None], tally: Tally, file: str) -> Topics | None:
    """What several files speak of: everything if one of them does, else what their headers say together."""
    ranges: dict[str, dict[int, list[tuple[int, int]]]] = {}
    for topics in all_topics:
        if topics is None:
            return None
        for topic, partitions in topics.items():
            known = ranges.setdefault(topic, {})
            for partition, offsets in partitions.items():
                known.setdefault(partition, []).append(offsets)
    found: dict[str, dict[int, tuple[int, int]]] = {}
    for topic, parts in sorted(ranges.items()):
        found[topic] = {}
        for partition, pieces in sorted(parts.items()):
            first, after = min(pieces)
            for start, stop in sorted(pieces):
                if start > after:
                    what = f"offsets {after} to {start - 1} of {topic} partition {partition} are in no file"
                    tally.add("truncated", file, what, topic=topic)
                after = max(after, stop)
            found[topic][partition] = (first, after)
    return found


def _is_one(data: bytes) -> bool:
    """Whether an input of many lines is one JSON value."""
    try:
        msgspec.json.decode(data)
    except UNREADABLE:
        return False
    return True


def _take(text: bytes, line: int, shelf: Shelf, *, ended: bool, first: bool) -> None:
    try:
        value = msgspec.json.decode(text)
    except UNREADABLE as problem:
        kind, what = unreadable(problem, text, ended)
        shelf.tally.add(kind, shelf.file, what, line=line)
        return
    if not isinstance(value, dict) or not (is_records(value) or value.keys() & {"topic", "partition", "offset"}):
        what = f"saw {described(value)}, expected an object with topic, partition, offset and value"
        shelf.tally.add("bad_line", shelf.file, what, line=line)
    elif "topic" not in value and "topics" in value:
        try:
            if not first:
                raise BadRecord("topics: saw it on a later line, expected it on the first")
            shelf.topics = _topics(value["topics"])
        except BadRecord as problem:
            shelf.tally.add("bad_record", shelf.file, f"{problem}; the line was set aside", line=line)
    else:
        put(value, text, shelf, line=line)


def put(fields: dict[str, object], text: bytes, shelf: Shelf, *, line: int | None = None, place: str = "") -> None:
    """Puts a record on the shelf, given as the fields of a line; what of it can't be read is counted.

    `text` is what the fields were read from; `line` or `place` (`orders 0:17`) say where.
    """
    named = fields.get("topic")
    topic = named if isinstance(named, str) else None
    at = f"{place}: " if place else ""
    try:
        record = _record(fields, text)
    except BadRecord as problem:
        what = f"{at}{problem}; the {'line' if line is not None else 'record'} was set aside"
        shelf.tally.add("bad_record", shelf.file, what, line=line, topic=topic)
        return
    shelf.records.append(record)
    if not record.value and fields.get("value", "missing") is not None:
        seen = described(fields["value"]) if "value" in fields else "missing (null says that there is none)"
        what = f"{at}its value is {seen}, expected a JSON object: which flow it is of can't be told"
        shelf.tally.add("opaque_record", shelf.file, what, line=line, topic=topic)


def _topics(value: object) -> Topics:
    expected = "expected topic -> partition -> [first offset, next offset]"
    if not isinstance(value, dict):
        raise BadRecord(f"topics: saw {snippet(value)}, {expected}")
    topics: dict[str, dict[int, tuple[int, int]]] = {}
    for topic, partitions in value.items():
        if not isinstance(partitions, dict):
            raise BadRecord(f"topics.{topic}: saw {snippet(partitions)}, {expected}")
        topics[topic] = {}
        for partition, offsets in partitions.items():
            pair = offsets if isinstance(offsets, list) else []
            if not (re.fullmatch(r"[0-9]{1,9}", partition) and len(pair) == 2 and all(map(_whole, pair))):
                raise BadRecord(f"topics.{topic}.{partition}: saw {snippet(offsets)}, {expected}")
            if pair[0] > pair[1]:
                raise BadRecord(f"topics.{topic}.{partition}: saw {pair}, expected the first offset first")
            topics[topic][int(partition)] = (pair[0], pair[1])
    return topics


def _record(line: dict[str, object], text: bytes) -> Record:
    topic, partition, offset, key = line.get("topic"), line.get("partition"), line.get("offset"), line.get("key")
    if not isinstance(topic, str) or not topic:
        raise BadRecord(f"topic: saw {_seen(line, 'topic')}, expected a name")
    if not isinstance(partition, int) or not _whole(partition):
        raise BadRecord(f"partition: saw {_seen(line, 'partition')}, expected a whole number from 0")
    if not isinstance(offset, int) or not _whole(offset):
        raise BadRecord(f"offset: saw {_seen(line, 'offset')}, expected a whole number from 0")
    if key is not None and not isinstance(key, str):
        raise BadRecord(f"key: saw {_seen(line, 'key')}, expected a string or null")
    headers = _headers(line.get("headers"))
    value = _envelope(line.get("value"), text)
    made_ns, seen_ns = _times(line, value)
    return Record(
        topic=topic,
        partition=partition,
        offset=offset,
        key=key,
        headers=headers,
        made_ns=made_ns,
        seen_ns=seen_ns,
        value=value,
    )


def _headers(value: object) -> tuple[tuple[str, str], ...]:
    pairs = list(value.items()) if isinstance(value, dict) else [] if value is None else value
    found = []
    for pair in pairs if isinstance(pairs, list) else [pairs]:
        if not isinstance(pair, list | tuple) or len(pair) != 2:
            raise BadRecord(f"headers: saw {snippet(pair)}, expected [name, value] pairs, an object or null")
        name, said = pair
        if not isinstance(name, str) or not isinstance(said, str | None):
            raise BadRecord(f"headers: saw {snippet(name)} with {snippet(said)}, expected a name and a string or null")
        found.append((name, said or ""))
    return tuple(found)


def _envelope(value: object, text: bytes) -> dict[str, Value]:
    """The value as an object; empty if it is none."""
    if isinstance(value, str):
        text = value.encode()
        try:
            value = msgspec.json.decode(text)
        except UNREADABLE:
            return {}
    if not isinstance(value, dict):
        return {}
    # Nobody may choke on it later; and as few brackets as that can't be nested deeper, so this is cheap.
    if text.count(b"{") + text.count(b"[") > MAX_DEPTH and _depth(value) > MAX_DEPTH:
        raise BadRecord(f"value: saw values nested more than {MAX_DEPTH} deep, expected less")
    return {name: _frozen(inner) for name, inner in value.items()}


def _frozen(value: object) -> Value:
    if isinstance(value, list):
        return tuple([_frozen(inner) for inner in value])
    if isinstance(value, dict):
        return {name: _frozen(inner) for name, inner in value.items()}
    assert value is None or isinstance(value, str | bool | int | float)
    return value


def _depth(value: object) -> int:
    deepest, level = 0, [value]
    while level := [inner for each in level for inner in _inside(each)]:
        deepest += 1
    return deepest


def _inside(value: object) -> list[object]:
    return list(value.values()) if isinstance(value, dict) else value if isinstance(value, list) else []


def _times(line: dict[str, object], value: Mapping[str, Value]) -> tuple[int | None, int]:
    """(made, seen): equal if the broker says when; else the record is no younger than its envelope says.

    A `timestamp_type` of CreateTime (Kafka's default) says that it is the producer's clock, to the millisecond.
    """
    broker, reader, by = line.get("timestamp_ms"), line.get("seen_unix"), line.get("timestamp_type")
    if by not in (None, "CreateTime", "LogAppendTime"):
        raise BadRecord(f"timestamp_type: saw {_seen(line, 'timestamp_type')}, expected CreateTime or LogAppendTime")
    if (exact := _positive(broker, 1_000_000)) is not None:
        return exact, exact + (999_999 if by == "CreateTime" else 0)
    if (seen := _positive(reader, 1_000_000_000)) is None:
        if broker is None and reader is None:
            raise BadRecord("saw neither timestamp_ms nor seen_unix, expected one of them, a time since 1970")
        name = "timestamp_ms" if broker is not None else "seen_unix"
        raise BadRecord(f"{name}: saw {_seen(line, name)}, expected timestamp_ms or seen_unix, a time since 1970")
    said = value.get("event_timestamp")
    made = _parsed(said) if isinstance(said, str) else _positive(said, 1_000_000_000)
    return (min(made, seen) if made is not None else None), seen


def _positive(value: object, unit_ns: int) -> int | None:
    """A number of units as nanoseconds; None if it is no time."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < LIMIT_NS:
        return None
    time_ns = round(value * unit_ns)
    return time_ns if 0 < time_ns <= LIMIT_NS else None


def _parsed(text: str) -> int | None:
    """ISO 8601 as nanoseconds; without an offset it is UTC."""
    if (parts := _TIME.fullmatch(text.strip())) is None:
        return None
    day, minutes, seconds, fraction, zone = parts.groups()
    try:
        moment = datetime.fromisoformat(f"{day}T{minutes}{seconds or ':00'}{(zone or 'Z').upper()}")
        whole = (moment - _EPOCH) // timedelta(seconds=1)
    except (ValueError, OverflowError):
        return None
    time_ns = whole * 1_000_000_000 + int((fraction or "").ljust(9, "0"))
    return time_ns if time_ns > 0 else None


def _whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1 << 63


def _seen(line: dict[str, object], name: str) -> str:
    return snippet(line[name]) if name in line else "nothing"
