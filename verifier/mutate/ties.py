"""Broken ties: a parent that is not there, a context that was lost, ids of another flow.

In: rows (and those of another flow). Out: mutations.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from hashlib import sha256

from verifier.flows import Row
from verifier.mutate.patch import Mutation, changed, named
from verifier.mutate.values import put, sites
from verifier.spans import Record, Span, Value, dig


def orphan(rows: Sequence[Row]) -> Iterator[Mutation]:
    """The parent of each span in turn is one that nobody saw."""
    for row in rows:
        if isinstance(row, Span) and row.parent_span_id:
            new = replace(row, parent_span_id=sha256(row.span_id.encode()).hexdigest()[:16])
            what = f"the parent of {named(row)} is a span that is not there"
            yield changed("orphan", what, [(row, new)], truth="lost", announced=True)


def new_root(rows: Sequence[Row]) -> Iterator[Mutation]:
    """Each span, or record, in turn lost its context: it has no parent, and nothing says that it had one."""
    for row in rows:
        if isinstance(row, Span) and row.parent_span_id:
            new: Row = replace(row, parent_span_id=None)
        elif isinstance(row, Record) and row.parent is not None:
            value = row.value
            if dig(value, "metadata.traceparent") is not None:
                value = put(value, ["metadata", "traceparent"], None, remove=True)
            new = replace(row, value=value, headers=tuple(h for h in row.headers if h[0] != "traceparent"))
        else:
            continue
        yield changed("new_root", f"{named(row)} lost its context", [(row, new)], truth="lost")


def mix_ids(rows: Sequence[Row], ids: Mapping[str, Value]) -> Iterator[Mutation]:
    """Each row in turn carries an id of another flow: `ids` are its names and the other flow's values."""
    for site in sites(rows, frozenset(ids)):
        other = ids[site.name]
        if site.value != other and site.value:
            what = f"{site} is that of another flow"
            new = site.with_value(other)
            yield changed("mix_ids", what, [(site.row, new)], truth="changed", attribute=site.name)
