"""Evidence that goes missing: one row, one event, one service, the end of the input, a part that was dropped.

In: rows. Out: mutations whose truth is `lost` (or `unchanged`, where nothing but the end of the input is missing).
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from verifier.flows import Row
from verifier.mutate.patch import Mutation, begins, changed, named
from verifier.spans import Loss, Observation, Record, Span


def drop_span(rows: Sequence[Row]) -> Iterator[Mutation]:
    """Each span in turn never arrives."""
    for row in rows:
        if isinstance(row, Span):
            yield Mutation(kind="drop_span", what=f"{named(row)} is not seen", truth="lost", gone=frozenset({row.id}))


def drop_record(rows: Sequence[Row]) -> Iterator[Mutation]:
    """Each record in turn is not read."""
    for row in rows:
        if isinstance(row, Record):
            what = f"record {named(row)} is not seen"
            yield Mutation(kind="drop_record", what=what, truth="lost", gone=frozenset({row.id}))


def drop_event(rows: Sequence[Row]) -> Iterator[Mutation]:
    """Each span event in turn is not in its span; the span says nothing of it."""
    yield from _without_event(rows, "drop_event", announced=False)


def drop_event_said(rows: Sequence[Row]) -> Iterator[Mutation]:
    """Each span event in turn was dropped by a limit, and the span counts it."""
    yield from _without_event(rows, "drop_event_said", announced=True)


def _without_event(rows: Sequence[Row], kind: str, *, announced: bool) -> Iterator[Mutation]:
    for row in rows:
        for n, event in enumerate(row.events if isinstance(row, Span) else ()):
            assert isinstance(row, Span)
            rest = (*row.events[:n], *row.events[n + 1 :])
            new = replace(row, events=rest, dropped_events=row.dropped_events + announced)
            what = f"event {event.name} of {named(row)} is not seen" + (", and counted as dropped" if announced else "")
            yield changed(kind, what, [(row, new)], truth="lost", announced=announced)


def drop_attribute_said(rows: Sequence[Row], names: frozenset[str] | None = None) -> Iterator[Mutation]:
    """Each attribute of a span in turn was dropped by a limit, and the span counts it; `names` only these."""
    for row in rows:
        for name in sorted(row.attributes) if isinstance(row, Span) else ():
            assert isinstance(row, Span)
            if names is not None and name not in names:
                continue
            rest = {n: v for n, v in row.attributes.items() if n != name}
            new = replace(row, attributes=rest, dropped_attributes=row.dropped_attributes + 1)
            what = f"{name} of {named(row)} was dropped, and counted"
            yield changed("drop_attribute_said", what, [(row, new)], truth="lost", announced=True, attribute=name)


def drop_service(rows: Sequence[Row]) -> Iterator[Mutation]:
    """All spans of one service are not seen: it was sampled out, or its exporter is broken."""
    for service in sorted({row.service for row in rows if isinstance(row, Span)}):
        gone = frozenset(row.id for row in rows if isinstance(row, Span) and row.service == service)
        yield Mutation(kind="drop_service", what=f"no span of {service} is seen", truth="lost", gone=gone)


def drop_topic(rows: Sequence[Row]) -> Iterator[Mutation]:
    """All records of one topic are not seen."""
    for topic in sorted({row.topic for row in rows if isinstance(row, Record)}):
        gone = frozenset(row.id for row in rows if isinstance(row, Record) and row.topic == topic)
        yield Mutation(kind="drop_topic", what=f"no record of {topic} is seen", truth="lost", gone=gone)


def stop_early(rows: Sequence[Row], *, every: Sequence[Row] | None = None) -> Iterator[Mutation]:
    """The input ends early: after each row in turn nothing was seen yet. `every`: the rows of the whole run.

    Nothing is lost: it is what a look at an earlier moment would have shown. Left out are moments at which a span or a
    record was under way: begun, and not yet seen.
    """
    for moment in _moments(rows):
        if any(begins(row) <= moment < _seen_ns(row) for row in rows):
            continue
        gone = frozenset(row.id for row in (every if every is not None else rows) if _seen_ns(row) > moment)
        last = next(row for row in rows if _seen_ns(row) == moment)
        what = f"nothing later than {named(last)} is seen"
        yield Mutation(kind="stop_early", what=what, truth="unchanged", earlier=True, gone=gone)


def truncate(rows: Sequence[Row], *, every: Sequence[Row] | None = None) -> Iterator[Mutation]:
    """The file of spans breaks off after each row in turn, in the middle of a line; records are all there."""
    for moment in _moments([row for row in rows if isinstance(row, Span)]):
        of = [row for row in (every if every is not None else rows) if isinstance(row, Span)]
        gone = frozenset(row.id for row in of if _seen_ns(row) > moment)
        loss = Loss(kind="truncated", where="spans", what="it ends in the middle of a line")
        yield Mutation(
            kind="truncate",
            what=f"the spans break off after {len(of) - len(gone)} of {len(of)}",
            truth="lost",
            announced=True,
            gone=gone,
            losses=(loss,),
        )


def _moments(rows: Sequence[Row]) -> list[int]:
    """When rows were seen, but for the last."""
    return sorted({_seen_ns(row) for row in rows})[:-1]


def _seen_ns(row: Row) -> int:
    return max(Observation(row=row).last_ns, begins(row))
