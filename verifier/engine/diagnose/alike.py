"""Occurrences that count once, or twice, because of one value: candidates for a cause.

In: a `Case`, its steps bound, what is wrong of how often a step occurred. Out: `Cause`s, not yet judged: two messages
that say the same identity though they differ in all else; two that differ in one value and are the same in all else.
Which of the two says it wrongly nobody can tell, so both are named.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations, islice

from verifier.binding import BoundFlow
from verifier.diagnosis import Cause, Edit
from verifier.engine.diagnose.edits import UNSEEN
from verifier.spans import Observation, Record, Value, message_ids
from verifier.values import canonical
from verifier.verdict import Finding, Misordered, Missing, Unexpected

MOST_PAIRS = 24


def alike(bound: BoundFlow, found: Sequence[Finding]) -> list[Cause]:
    """What may have made occurrences count once or twice that should not."""
    few = {f.step for f in found if isinstance(f, Missing) and f.seen is not None}
    few |= {f.first.split()[-1] for f in found if isinstance(f, Misordered) and f.wanted > 1}
    many = {f.step for f in found if isinstance(f, Unexpected) and f.seen is not None}
    out: list[Cause] = []
    for step, occurrences in bound.occurrences.items():
        if not bound.shape.steps[step].identity:
            continue
        if step in few:
            pairs = (pair for x in occurrences for pair in combinations(x.all, 2))
            out += [c for a, b in islice(pairs, MOST_PAIRS) for c in _one_too_few(bound, step, a, b)]
        if step in many:
            others = combinations([x.of for x in occurrences], 2)
            out += [c for a, b in islice(others, MOST_PAIRS) for c in _one_too_many(bound, step, a, b)]
    return out


def _one_too_few(bound: BoundFlow, step: str, a: Observation, b: Observation) -> Iterator[Cause]:
    """Two of different messages, which say different things, are one by their identity."""
    one, other = _told(bound, step, a), _told(bound, step, b)
    if one is None or other is None or set(message_ids(one)) & set(message_ids(other)):
        return
    names = bound.shape.steps[step].identity
    differ = [path for path in _differing(one, other) if not any(path == n or path.startswith(f"{n}.") for n in names)]
    if not differ:  # the same message published again
        return
    for name in names:
        value = bound.value(b, name).value
        if not isinstance(value, Mapping):
            yield _cause(step, name, b, other, one, value, f"{UNSEEN}-{canonical(value)}", as_one=True)


def _one_too_many(bound: BoundFlow, step: str, a: Observation, b: Observation) -> Iterator[Cause]:
    """Two that say the same but for one value are two by their identity."""
    one, other = _told(bound, step, a), _told(bound, step, b)
    if one is None or other is None or one.id == other.id:
        return
    differ = _differing(one, other)
    if len(differ) == 1:
        at = [_leaves(row.value.get("data")).get(differ[0].removeprefix("data.")) for row in (one, other)]
        if at[0] is None:  # the one that lacks it is the odd one
            yield _cause(step, differ[0], a, one, other, None, at[1], as_one=False)
        else:
            yield _cause(step, differ[0], b, other, one, at[1], at[0], as_one=False)


def _cause(
    step: str, name: str, o: Observation, row: Record, other: Record, seen: Value, value: Value, *, as_one: bool
) -> Cause:
    edit = Edit(
        sort="changed",
        of=Observation(row=row),
        other=Observation(row=other),
        step=step,
        other_step=step,
        service=o.row.service or row.service,
        attribute=name,
        seen=seen,
        value=value,
    )
    of, when_ns = edit.of, o.first_ns
    return Cause(sort="changed", edits=(edit,), step=step, service=edit.service, of=of, since_ns=when_ns, as_one=as_one)


def _told(bound: BoundFlow, step: str, o: Observation) -> Record | None:
    """The record that says which one an occurrence is."""
    if isinstance(o.row, Record):
        return o.row
    seen = [bound.value(o, name).rows for name in bound.shape.steps[step].identity]
    return next((r for rows in seen for r in rows if isinstance(r, Record)), None)


def _differing(one: Record, other: Record) -> list[str]:
    """Where the data of two records differ."""
    a, b = _leaves(one.value.get("data")), _leaves(other.value.get("data"))
    return [f"data.{path}" for path in sorted({*a, *b}) if canonical(a.get(path)) != canonical(b.get(path))]


def _leaves(value: Value, front: str = "") -> dict[str, Value]:
    """Every value in an envelope's data by its path; a list is one value."""
    if not isinstance(value, Mapping):
        return {}
    out: dict[str, Value] = {}
    for name, below in value.items():
        out |= _leaves(below, f"{front}{name}.") if isinstance(below, Mapping) else {f"{front}{name}": below}
    return out
