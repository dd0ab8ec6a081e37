"""The same thing told twice: once kept, and said so.

In: spans and records, of one source or of several. Out: each id once, sorted, and a `Loss` for each repetition.
Copies that are equal count as repeated; of copies that differ one is kept, chosen by its content alone, so that
the order of the input decides nothing.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import fields, replace
from operator import attrgetter
from typing import TypeVar

from verifier.sources.tally import Tally, in_order
from verifier.spans import Event, Link, Loss, Reading, Record, Span

# The same as `Span.id` and `Record.id`, but faster by far, and it is asked of every row.
_SPAN_ID = attrgetter("trace_id", "span_id")
_RECORD_ID = attrgetter("topic", "partition", "offset")
_Row = TypeVar("_Row", Span, Record)
_Copies = list[tuple[_Row, str]]
"""Rows of one id, each with the url it came from."""


def merge(readings: Sequence[Reading]) -> tuple[tuple[Span, ...], tuple[Record, ...], tuple[Loss, ...]]:
    """The spans, records and losses of all sources as one: each span and record once, equal losses added up.

    Spans are sorted by (start, trace, span id), records by (topic, partition, offset).
    """
    tally = Tally()
    spans = distinct_spans([(reading.url, reading.spans) for reading in readings], tally)
    records = distinct_records([(reading.url, reading.records) for reading in readings], tally)
    return spans, records, _summed([loss for reading in readings for loss in reading.losses] + list(tally.losses()))


def distinct_spans(sources: Sequence[tuple[str, Sequence[Span]]], tally: Tally) -> tuple[Span, ...]:
    """Each span id once, sorted by time."""
    spans = _distinct(sources, _SPAN_ID, _keep_span, tally)
    return tuple(sorted(spans, key=attrgetter("start_ns", "trace_id", "span_id")))


def distinct_records(sources: Sequence[tuple[str, Sequence[Record]]], tally: Tally) -> tuple[Record, ...]:
    """Each (topic, partition, offset) once, sorted by it."""
    return tuple(sorted(_distinct(sources, _RECORD_ID, _keep_record, tally), key=_RECORD_ID))


def canonical(value: object) -> str:
    """A text that two values share only if they are the same to the letter, whatever the order of their keys."""
    if isinstance(value, Mapping):
        return "{" + ",".join(sorted(f"{key!r}:{canonical(inner)}" for key, inner in value.items())) + "}"
    if isinstance(value, tuple):
        return "(" + ",".join(map(canonical, value)) + ")"
    if isinstance(value, Span | Event | Link):
        return "<" + ",".join(canonical(getattr(value, part.name)) for part in fields(value)) + ">"
    return repr(value)


def _distinct(
    sources: Sequence[tuple[str, Sequence[_Row]]],
    row_id: Callable[[_Row], tuple[str | int, ...]],
    keep: Callable[["_Copies[_Row]", str, Tally], _Row],
    tally: Tally,
) -> list[_Row]:
    every = [row for _, rows in sources for row in rows]
    if len(set(map(row_id, every))) == len(every):
        return every
    once = {row_id(row): row for row in every}
    times = Counter(map(row_id, every))
    copies: dict[tuple[str | int, ...], _Copies[_Row]] = {}
    for url, rows in sources:
        for row in rows:
            if times[row_id(row)] > 1:
                copies.setdefault(row_id(row), []).append((row, url))
    # Sorted, so that the first one, which a loss names, is the same whatever the order of the input.
    for key, found in sorted(copies.items()):
        once[key] = keep(found, " + ".join(sorted({url for _, url in found})), tally)
    return list(once.values())


def _keep_span(copies: "_Copies[Span]", where: str, tally: Tally) -> Span:
    bodies = {canonical(span): span for span, _ in copies}
    kept = max(bodies.items(), key=lambda item: (item[1].end_ns, item[0]))[1]
    if len(copies) > len(bodies):
        what = f"span {kept.span_id} of trace {kept.trace_id} was delivered more than once; it counts once"
        tally.add("repeated_span", where, what, count=len(copies) - len(bodies))
    if len(bodies) > 1:
        what = (
            f"span {kept.span_id} of trace {kept.trace_id} was delivered with {len(bodies)} different contents; "
            f"the one that ends last was kept"
        )
        for service in sorted({span.service for span in bodies.values()}):
            tally.add("conflicting_span", where, what, count=len(bodies) - 1, service=service)
    return kept


def _keep_record(copies: "_Copies[Record]", where: str, tally: Tally) -> Record:
    bodies: dict[str, list[Record]] = {}
    for record, _ in copies:
        bodies.setdefault(canonical((record.key, record.headers, record.value)), []).append(record)
    topic, partition, offset = copies[0][0].id
    if len(copies) > len(bodies):
        what = f"record {topic} {partition}:{offset} was read more than once; it counts once"
        tally.add("repeated_record", where, what, count=len(copies) - len(bodies))
    if len(bodies) > 1:
        what = f"record {topic} {partition}:{offset} was read with {len(bodies)} different contents; one was kept"
        tally.add("conflicting_record", where, what, count=len(bodies) - 1, topic=topic)
    _, same = max(bodies.items())
    # Whoever saw it first says the most about when it was published.
    return min(same, key=lambda record: (record.seen_ns, -(record.made_ns or 0)))


def _summed(losses: Iterable[Loss]) -> tuple[Loss, ...]:
    sums: dict[tuple[str, str, str | None, str | None], Loss] = {}
    for loss in in_order(losses):
        key = (loss.kind, loss.where, loss.service, loss.topic)
        if (known := sums.get(key)) is None:
            sums[key] = loss
            continue
        # None means "all along", which is earlier than any time.
        either = None if known.since_ns is None or loss.since_ns is None else min(known.since_ns, loss.since_ns)
        until = None if known.until_ns is None or loss.until_ns is None else max(known.until_ns, loss.until_ns)
        sums[key] = replace(known, count=known.count + loss.count, since_ns=either, until_ns=until)
    return in_order(sums.values())
