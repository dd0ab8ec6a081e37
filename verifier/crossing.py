"""Causal edges from one flow into another: a parent, a link or a message that leads across.

In: rows, the key that each got, where each one's parent is. Out: a `Crossing` for each edge whose two ends are in
different flows. Rows that several flows share have no key, so an edge through them is none.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from verifier.spans import MessageId, Record, Span, consumes

How = Literal["parent", "link", "message"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Crossing:
    """An edge into another flow: `row` is here, what led to it, `cause`, is in the flow with the key `other`.

    `weak`: the cause is in that flow only by an alias, by the rows below it or by a link.
    """

    row: Span | Record
    cause: Span | Record
    other: str
    how: How
    weak: bool = False


@dataclass(slots=True, kw_only=True)
class _Makers:
    """What made a message: of each flow one row, and one span that sent it; how many records there are of it."""

    by_key: dict[str, int] = field(default_factory=dict)
    senders: dict[str, int] = field(default_factory=dict)
    records: int = 0


def crossings(
    rows: Sequence[Span | Record],
    keys: Sequence[str | None],
    weak: Sequence[bool],
    parents: Sequence[int | None],
    index: Mapping[tuple[str, str] | tuple[str, int, int], int],
    messages: Sequence[tuple[MessageId, ...]],
) -> Iterator[tuple[str, Crossing]]:
    """(key, edge into another flow) for every such edge, in the order of the rows; linear in rows."""
    makers = _makers(rows, keys, weak, messages)
    for i, row in enumerate(rows):
        key = keys[i]
        if key is None:
            continue
        edges: dict[int, How] = {}
        parent = parents[i]
        if parent is not None and keys[parent] != key:
            edges[parent] = "parent"
        for link in row.links if isinstance(row, Span) else ():
            linked = index.get((link.trace_id, link.span_id))
            if linked is not None:
                edges.setdefault(linked, "link")
        if any(m in makers and makers[m].by_key.keys() - {key} for m in messages[i]):  # few messages leave their flow
            for maker in _made_by(row, messages[i], makers):
                edges.setdefault(maker, "message")
        for j, how in sorted(edges.items()):
            other = keys[j]
            if other is not None and other != key:
                yield key, Crossing(row=row, cause=rows[j], other=other, how=how, weak=weak[j])


def _makers(
    rows: Sequence[Span | Record],
    keys: Sequence[str | None],
    weak: Sequence[bool],
    messages: Sequence[tuple[MessageId, ...]],
) -> Mapping[MessageId, _Makers]:
    makers: dict[MessageId, _Makers] = defaultdict(_Makers)
    for i, row in enumerate(rows):
        key = keys[i]
        if isinstance(row, Span) and row.kind != "producer":
            continue
        for m in messages[i]:
            maker = makers[m]
            maker.records += isinstance(row, Record)
            if key is not None:
                for known in (maker.by_key,) if isinstance(row, Record) else (maker.by_key, maker.senders):
                    if key not in known or (weak[known[key]] and not weak[i]):
                        known[key] = i
    return makers


def _made_by(row: Span | Record, ids: tuple[MessageId, ...], makers: Mapping[MessageId, _Makers]) -> list[int]:
    """The rows that made the message which the row handled or is; none where several records come into question."""
    if isinstance(row, Record):  # it was sent under any of its ids
        return sorted({i for m in ids if m in makers for i in makers[m].senders.values()})
    if not consumes(row):
        return []
    for sort in ("offset", "event"):
        known = [makers[m] for m in ids if m[0] == sort and m in makers]
        if sum(k.records for k in known) > 1:
            return []
        found = sorted({i for k in known for i in k.by_key.values()})
        if found:
            return found
    return []
