"""Other times: something comes later, two things change places, a clock is off.

In: rows. Out: mutations. Only what one clock alone stamped wrongly leaves the truth as it was.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise

from verifier.clock import UNCERTAINTY_NS, Clocks
from verifier.flows import Row
from verifier.mutate.patch import Mutation, begins, changed, named
from verifier.spans import Record, Span

SECOND_NS = 10**9


def delay_alone(rows: Sequence[Row], by_ns: int = SECOND_NS) -> Iterator[Mutation]:
    """Each row in turn comes later, and nothing else does."""
    for row in rows:
        what = f"{named(row)} comes {_said(by_ns)} later, and nothing else does"
        yield changed("delay_alone", what, [(row, later(row, by_ns))], truth="changed")


def delay(rows: Sequence[Row], by_ns: int = SECOND_NS) -> Iterator[Mutation]:
    """Each row in turn comes later, with all that it caused."""
    clocks = Clocks(rows=rows, records_complete=lambda _: True)
    for row in rows:
        caused = [other for other in rows if other.id == row.id or row.id in clocks.ancestors(other)]
        what = f"{named(row)} and what it caused ({len(caused) - 1} more) come {_said(by_ns)} later"
        yield changed("delay", what, [(r, later(r, by_ns)) for r in caused], truth="changed")


def delay_rest(rows: Sequence[Row], by_ns: int = SECOND_NS) -> Iterator[Mutation]:
    """Each row in turn comes later, with all that began at or after its beginning: the flow pauses before it."""
    for row in rows:
        rest = [other for other in rows if begins(other) >= begins(row)]
        if len(rest) < len(rows):
            what = f"{named(row)} and all that came after it come {_said(by_ns)} later"
            yield changed("delay_rest", what, [(r, later(r, by_ns)) for r in rest], truth="changed")


def all_later(rows: Sequence[Row], by_ns: int = SECOND_NS) -> Iterator[Mutation]:
    """The whole flow happens at another time."""
    pairs = [(row, later(row, by_ns)) for row in rows]
    yield changed("all_later", f"the whole flow comes {_said(by_ns)} later", pairs, truth="unchanged")


def swap(rows: Sequence[Row], groups: Mapping[str, Sequence[Row]] | None = None) -> Iterator[Mutation]:
    """Each two neighbours in time change their times; with `groups` (step -> rows) only rows of different steps."""
    order = sorted(rows, key=lambda r: (begins(r), str(r.id)))
    if groups is not None:
        of = {row.id: step for step, members in groups.items() for row in members}
        order = [row for row in order if row.id in of]
    for a, b in pairwise(order):
        if groups is not None and of[a.id] == of[b.id]:
            continue
        if begins(a) != begins(b):
            yield swapped(a, b)


def swapped(a: Row, b: Row) -> Mutation:
    """Each of the two begins when the other began, and takes as long as it took."""
    by = begins(b) - begins(a)
    pairs = [(a, later(a, by)), (b, later(b, -by))]
    return changed("swap", f"{named(a)} and {named(b)} change places in time", pairs, truth="changed")


def shift_clock(
    rows: Sequence[Row], by_ns: int = UNCERTAINTY_NS - 1_000_000, *, publishers: Mapping[str, str] | None = None
) -> Iterator[Mutation]:
    """The clock of each service in turn is off: every time that it stamped, and nothing else.

    Its spans, and when it made its records (`publishers`: what records call a service -> its name on spans); not when
    somebody else saw these. Within the uncertainty that was said nothing changes. Beyond it (`by_ns` larger) the
    premise on clocks is broken, and causal pairs in the wrong order show it.
    """
    for service in sorted({row.service for row in rows if isinstance(row, Span)}):
        pairs: list[tuple[Row, Row]] = []
        for row in rows:
            if isinstance(row, Span):
                pairs += [(row, later(row, by_ns))] if row.service == service else []
            elif row.made_ns not in (None, row.seen_ns) and (publishers or {}).get(row.service, row.service) == service:
                pairs.append((row, replace(row, made_ns=(row.made_ns or 0) + by_ns)))
        kind = "shift_clock" if abs(by_ns) <= UNCERTAINTY_NS else "shift_clock_far"
        yield changed(kind, f"the clock of {service} is off by {_said(by_ns)}", pairs, truth="unchanged")


def later(row: Row, by_ns: int) -> Row:
    """The row at a later time (an earlier one, if negative)."""
    if isinstance(row, Record):
        made = None if row.made_ns is None else row.made_ns + by_ns
        return replace(row, made_ns=made, seen_ns=row.seen_ns + by_ns)
    return replace(
        row,
        start_ns=row.start_ns + by_ns,
        end_ns=row.end_ns + by_ns if row.end_ns else 0,
        events=tuple(replace(event, time_ns=event.time_ns + by_ns) for event in row.events),
    )


def _said(by_ns: int) -> str:
    for unit, name in ((3600 * SECOND_NS, "h"), (60 * SECOND_NS, "min"), (SECOND_NS, "s"), (10**6, "ms")):
        if by_ns % unit == 0:
            return f"{by_ns // unit} {name}"
    return f"{by_ns} ns"
