"""The same thing twice: delivered twice, published twice, handled twice.

In: rows. Out: mutations. Telemetry that is repeated changes nothing; a handler that runs twice does.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from hashlib import sha256

from verifier.flows import Row
from verifier.mutate.patch import Mutation, named
from verifier.spans import Observation, Record, Span

LATER_NS = 40_000_000
"""How long after the flow's last observation a second time is."""


def repeat(rows: Sequence[Row]) -> Iterator[Mutation]:
    """Each row in turn arrives twice, the same to the letter: an exporter's retry, a record read twice."""
    for row in rows:
        yield Mutation(kind="repeat", what=f"{named(row)} arrives twice", truth="unchanged", come=(row,))


def redeliver(rows: Sequence[Row]) -> Iterator[Mutation]:
    """Each record in turn is published again, the same to the letter, and nobody handles it again.

    Consumers that know the message's id drop it: at least once is how brokers deliver.
    """
    for n, row in enumerate(rows):
        if isinstance(row, Record):
            again = _again(row, rows, n)
            what = f"record {named(row)} is published again, the same to the letter"
            yield Mutation(kind="redeliver", what=what, truth="unchanged", come=(again,))


def publish_again(rows: Sequence[Row]) -> Iterator[Mutation]:
    """Each record in turn is published again as a new message (a new event id) with the same data."""
    for n, row in enumerate(rows):
        if isinstance(row, Record) and "event_id" in row.value:
            value: Mapping[str, object] = {**row.value, "event_id": f"{row.value['event_id']!s}-again"}
            again = replace(_again(row, rows, n), value=value)  # type: ignore[arg-type]
            what = f"record {named(row)} is published again under a new event id"
            yield Mutation(kind="publish_again", what=what, truth="changed", come=(again,))


def handle_again(rows: Sequence[Row]) -> Iterator[Mutation]:
    """Each span in turn happens a second time, after everything else: a redelivery that was handled twice."""
    last = max((Observation(row=row).last_ns for row in rows), default=0)
    for row in rows:
        if isinstance(row, Span):
            what = f"{named(row)} happens again at the end"
            yield Mutation(kind="handle_again", what=what, truth="changed", come=(moved(row, last + LATER_NS),))


def moved(row: Span, start_ns: int) -> Span:
    """A second span like this one, with an id of its own, that starts at another time."""
    by = start_ns - row.start_ns
    span_id = sha256(f"{row.trace_id}{row.span_id}{start_ns}".encode()).hexdigest()[:16]
    return replace(
        row,
        span_id=span_id,
        start_ns=start_ns,
        end_ns=row.end_ns + by if row.end_ns else 0,
        events=tuple(replace(event, time_ns=event.time_ns + by) for event in row.events),
    )


def _again(row: Record, rows: Sequence[Row], n: int) -> Record:
    last = max(Observation(row=r).last_ns for r in rows) + LATER_NS
    offset = 1_000_000 + max(r.offset for r in rows if isinstance(r, Record)) + n
    made = row.made_ns if row.made_ns is None else last if row.made_ns == row.seen_ns else row.made_ns
    return replace(row, offset=offset, seen_ns=last, made_ns=made)
