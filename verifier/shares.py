"""What one flow adds to a rule that judges the whole run: keyed aggregates, not traces.

In: what a kind reads of one bound flow. Out: a `Share`: for each owner and value one `Entry` with the observation that
says it, so that a run of many flows stays small; `fewest` and `most` count them as an interval.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from verifier.binding import BoundFlow
from verifier.spans import Observation, Record
from verifier.values import canonical
from verifier.verdict import Evidence


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """That a flow has `value` for `owner`: first seen at `evidence`, by `count` observations.

    `owner` or `value` None: it can't be read, `why` says why. `doubt`: whether the observation counts can't be told.
    `weak`: its row is in the flow by a guess (an alias, the rows below it, a link). An edge from the flow `other` has
    its `cause`, which may be in that flow by a guess (`weak_cause`).
    """

    owner: str | None = None
    value: str | None = None
    evidence: Evidence
    count: int = 1
    weak: bool = False
    why: str = ""
    doubt: str | None = None
    settled_by: str | None = None
    other: str | None = None
    how: str = ""
    cause: Evidence | None = None
    weak_cause: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """What the flow `name`=`key` adds; `doubt`: why it can't be told whether the rule applies to it."""

    name: str
    key: str
    entries: tuple[Entry, ...] = ()
    doubt: str | None = None


def shown(flow: BoundFlow, role: str, of: Observation) -> Evidence:
    """An observation as evidence that names its flow."""
    return replace(flow.evidence(role, of), flow=flow.flow.key)


def folded(flow: BoundFlow, found: Iterable[Entry]) -> tuple[Entry, ...]:
    """One entry for all that say the same: the one that is in the flow by no guess, else the earliest."""
    weak = {m.row.id for m in flow.flow.members if m.weak}
    kept: dict[tuple[str, ...], Entry] = {}
    for one in found:
        entry = replace(one, weak=one.evidence.of.row.id in weak)
        what = (
            *(str(part) for part in (one.owner, one.value, one.other)),
            *(str(yes) for yes in (one.owner is None, one.value is None, one.doubt is None, one.count > 0)),
            one.how,
        )
        old = kept.get(what)
        first = entry if old is None else min(old, entry, key=_strongest)
        kept[what] = replace(first, count=entry.count + (old.count if old else 0))
    return tuple(kept[what] for what in sorted(kept))


def certain(shares: Iterable[Share]) -> Iterable[tuple[Share, Entry, str | None]]:
    """Every entry with its share and why it may not count (None: it surely does), those by no guess first."""
    every = [(s, e, e.doubt or s.doubt) for s in shares for e in s.entries]
    return sorted(every, key=lambda x: (x[2] is not None, _strongest(x[1]), x[0].key))


def fewest(values: Iterable[tuple[str | None, int]]) -> int:
    """How many different values there are at least; of (value or None, how many observations say so) that surely count.

    What can't be read may be equal to what is known.
    """
    given = list(values)
    known = {v for v, _ in given if v is not None}
    return len(known) or int(any(n for _, n in given))


def most(values: Iterable[tuple[str | None, int]]) -> int:
    """How many different values there can be: what can't be read may be different from all else."""
    given = list(values)
    return len({v for v, _ in given if v is not None}) + sum(n for v, n in given if v is None)


def key_of(flow: BoundFlow, o: Observation, attributes: Sequence[str]) -> tuple[str | None, str]:
    """What these attributes of an observation say together, as one text; None and why if one can't be read.

    The flow's key is known also where the observation doesn't carry it; it is meant where no attribute is named.
    """
    said: list[str] = []
    for attribute in attributes or (flow.flow.name,):
        if attribute == flow.flow.name:
            said.append(canonical(flow.flow.key))
            continue
        seen = flow.value(o, attribute)
        if seen.state != "known":
            return None, f"{attribute}: {seen.why or 'it is not there'}"
        said.append(canonical(seen.value))
    return said[0] if len(said) == 1 else canonical(tuple(said)), ""


def once(*evidence: Evidence) -> tuple[Evidence, ...]:
    """Each observation once, in the order given."""
    kept: dict[object, Evidence] = {}
    for one in evidence:
        kept.setdefault((one.of.id, one.role), one)
    return tuple(kept.values())


def silent(row: object, of: tuple[object, ...]) -> bool:
    """Whether a value that is not there was looked for on a span alone: only a record surely lacks what it lacks."""
    return not isinstance(row, Record) and all(r is row for r in of)


def _strongest(entry: Entry) -> tuple[bool, int, tuple[str, ...]]:
    return (entry.weak or entry.weak_cause, entry.evidence.of.first_ns, entry.evidence.of.id)
