"""Other values: an attribute of a span, of an event, or of a record's payload is another one, empty, or not there.

In: rows, which names, and the values that were seen under each name. Out: mutations whose truth is `changed`: a service
that wrote something else did something else. (What a limit dropped, and said so, is in `loss`.)
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from verifier.flows import Row
from verifier.mutate.patch import Mutation, changed, named
from verifier.spans import Event, Record, Span, Value
from verifier.values import canonical

MAX_DEPTH = 3
"""How deep names go into a record's envelope (`data.currency` is 2)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """One place that holds a value: an attribute of the row, or of its event with this index."""

    row: Row
    name: str
    value: Value
    event: int | None = None

    def with_value(self, value: Value, *, remove: bool = False) -> Row:
        """The row with another value here, or with none."""
        if isinstance(self.row, Record):
            return replace(self.row, value=put(self.row.value, self.name.split("."), value, remove=remove))
        if self.event is None:
            return replace(self.row, attributes=put(self.row.attributes, [self.name], value, remove=remove))
        old = self.row.events[self.event]
        new = replace(old, attributes=put(old.attributes, [self.name], value, remove=remove))
        return replace(self.row, events=(*self.row.events[: self.event], new, *self.row.events[self.event + 1 :]))

    def __str__(self) -> str:
        inside = f" of event {_event(self).name}" if self.event is not None else ""
        return f"{self.name}{inside} of {named(self.row)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pool:
    """The values that were seen under each name: a changed value is one that exists elsewhere, where there is one."""

    seen: Mapping[str, tuple[Value, ...]] = field(default_factory=dict)

    def other(self, site: Site) -> Value:
        """Another value than the site's, of the same type."""
        mine = canonical(site.value)
        short = site.name.rpartition(".")[2]
        for value in self.seen.get(short, ()):
            if canonical(value) != mine:
                return value
        return made_up(site.value)


def pool(rows: Sequence[Row], names: frozenset[str] | None = None) -> Pool:
    """The values of these rows by the last part of their name."""
    found: dict[str, dict[str, Value]] = {}
    for site in sites(rows, names):
        if site.value is not None and site.value != "":
            found.setdefault(site.name.rpartition(".")[2], {}).setdefault(canonical(site.value), site.value)
    return Pool(seen={name: tuple(v for _, v in sorted(values.items())) for name, values in found.items()})


def sites(rows: Sequence[Row], names: frozenset[str] | None = None) -> Iterator[Site]:
    """Every place that holds a plain value; `names` only these."""
    for row in rows:
        if isinstance(row, Record):
            for name, value in _paths(row.value, "", MAX_DEPTH):
                if names is None or name in names:
                    yield Site(row=row, name=name, value=value)
            continue
        yield from _of(row, row.attributes, None, names)
        for n, event in enumerate(row.events):
            yield from _of(row, event.attributes, n, names)


def change_value(
    rows: Sequence[Row], names: frozenset[str] | None = None, seen: Pool | None = None
) -> Iterator[Mutation]:
    """Each value in turn is another one."""
    values = seen if seen is not None else pool(rows, names)
    for site in sites(rows, names):
        if site.value is not None and site.value != "":
            other = values.other(site)
            what = f"{site} is {canonical(other)} instead of {canonical(site.value)}"
            new = site.with_value(other)
            yield changed("change_value", what, [(site.row, new)], truth="changed", attribute=site.name)


def empty_value(rows: Sequence[Row], names: frozenset[str] | None = None) -> Iterator[Mutation]:
    """Each text in turn is empty, which is no value."""
    for site in sites(rows, names):
        if isinstance(site.value, str) and site.value:
            pair = (site.row, site.with_value(""))
            yield changed("empty_value", f"{site} is empty", [pair], truth="changed", attribute=site.name)


def remove_value(rows: Sequence[Row], names: frozenset[str] | None = None) -> Iterator[Mutation]:
    """Each value in turn was never written."""
    for site in sites(rows, names):
        pair = (site.row, site.with_value(None, remove=True))
        yield changed("remove_value", f"{site} is not there", [pair], truth="changed", attribute=site.name)


def fail(rows: Sequence[Row]) -> Iterator[Mutation]:
    """Each span in turn ends in an error."""
    for row in rows:
        if isinstance(row, Span) and row.status != "error":
            new = replace(row, status="error", status_message="it failed")
            yield changed("fail", f"{named(row)} ends in an error", [(row, new)], truth="changed")


def made_up(value: Value) -> Value:
    """A value that nobody wrote, of the same type."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int | float):
        return value + 1
    if isinstance(value, str):
        flipped = {"true": "false", "false": "true", "True": "False", "False": "True"}.get(value)
        return flipped or (str(int(value) + 1) if value.isdecimal() else f"{value}-other")
    return "other"


def _of(span: Span, attributes: Mapping[str, Value], event: int | None, names: frozenset[str] | None) -> Iterator[Site]:
    for name, value in sorted(attributes.items()):
        if (names is None or name in names) and not isinstance(value, Mapping | tuple):
            yield Site(row=span, name=name, value=value, event=event)


def _event(site: Site) -> Event:
    assert isinstance(site.row, Span)
    assert site.event is not None
    return site.row.events[site.event]


def _paths(value: Mapping[str, Value], front: str, depth: int) -> Iterator[tuple[str, Value]]:
    for name, inner in sorted(value.items()):
        if isinstance(inner, Mapping):
            if depth > 1:
                yield from _paths(inner, f"{front}{name}.", depth - 1)
        elif not isinstance(inner, tuple):
            yield f"{front}{name}", inner


def put(into: Mapping[str, Value], path: Sequence[str], value: Value, *, remove: bool) -> Mapping[str, Value]:
    """The mapping with another value at a path, or with none."""
    head, *rest = path
    if rest:
        inner = into.get(head)
        assert isinstance(inner, Mapping), f"{head} of {'.'.join(path)} holds nothing"
        return {**into, head: put(inner, rest, value, remove=remove)}
    if remove:
        return {n: v for n, v in into.items() if n != head}
    return {**into, head: value}
