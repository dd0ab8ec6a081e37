"""The flow most like a broken one that passed under the same shape, and what is different there.

In: cases of one shape. Out: a `Nearest`: steps that lack or are too many here, pairs of steps in another order, facts
with another value. Distance counts steps, then order, then facts; ties go to the smaller key.
"""

from collections import Counter
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

from verifier.binding import Occurrence
from verifier.diagnosis import Nearest
from verifier.engine.diagnose.case import Case
from verifier.flows import Row
from verifier.shape import Scalar, points_of
from verifier.spans import Observation, Span, Value, own
from verifier.values import canonical
from verifier.verdict import Mismatch, Verdict

MOST_COMPARED = 40
"""With how many flows that passed a broken one is compared."""
MOST_ORDERS = 5


@dataclass(frozen=True)
class Profile:
    """A flow by its steps: how often each occurred, and in which order they first did."""

    case: Case

    @cached_property
    def times(self) -> dict[str, int]:
        """When each step first occurred, by time."""
        firsts = {step: seen[0].of.first_ns for step, seen in self._occurrences.items() if seen}
        return dict(sorted(firsts.items(), key=lambda item: (item[1], item[0])))

    @cached_property
    def counts(self) -> Counter[str]:
        """How often each step occurred."""
        return Counter({step: len(seen) for step, seen in self._occurrences.items() if seen})

    @property
    def order(self) -> list[str]:
        """Every occurrence's step, by time."""
        seen = [(x.of.first_ns, step) for step, found in self._occurrences.items() for x in found]
        return [step for _, step in sorted(seen)]

    @property
    def facts(self) -> dict[str, Scalar]:
        """What is known of it."""
        return dict(self.case.verdict.facts)

    @cached_property
    def _occurrences(self) -> Mapping[str, tuple[Occurrence, ...]]:
        return self.case.bound(self.case.with_rows(self.case.rows)).occurrences


def passed(cases: Sequence[Case]) -> list[Profile]:
    """The flows to compare with: the first that were satisfied."""
    good = [Profile(c) for c in cases if c.verdict.verdict is Verdict.SATISFIED]
    return sorted(good, key=lambda p: p.case.flow.key)[:MOST_COMPARED]


def most_like(case: Case, good: Sequence[Profile]) -> Profile | None:
    """The flow that passed and is most like this one; None if none passed."""
    mine = Profile(case)
    return min(good, key=lambda p: (*_distance(mine, p), p.case.flow.key), default=None)


def difference(case: Case, best: Profile) -> Nearest:
    """What is different in a flow that passed."""
    mine = Profile(case)
    steps = list(dict.fromkeys((*best.times, *mine.times)))
    counts = [(s, mine.counts[s], best.counts[s]) for s in steps]
    return Nearest(
        key=best.case.flow.key,
        missing=tuple(c for c in counts if c[1] < c[2]),
        extra=tuple(c for c in counts if c[1] > c[2]),
        order=tuple(_turned(mine, best, _asked(case)))[:MOST_ORDERS],
        values=(*_carried(case, best), *_facts(mine, best)),
    )


def _facts(mine: Profile, best: Profile) -> tuple[tuple[str, Value, Value], ...]:
    return tuple(
        (name, mine.facts.get(name), best.facts.get(name))
        for name in sorted({*mine.facts, *best.facts})
        if canonical(mine.facts.get(name)) != canonical(best.facts.get(name))
    )


def _carried(case: Case, best: Profile) -> tuple[tuple[str, Value, Value], ...]:
    """The values of attributes that a finding says are wrong, by time."""
    names = {
        j.finding.attribute: None
        for rule in case.verdict.assertions
        for j in rule.findings
        if isinstance(j.finding, Mismatch) and j.verdict is Verdict.VIOLATED
    }
    both = ((name, _values(case, name), _values(best.case, name)) for name in names)
    return tuple((name, here, there) for name, here, there in both if here != there)


def _values(case: Case, attribute: str) -> Value:
    names = case.plan.shape.attributes.get(attribute, (attribute,))
    rows = sorted(case.rows, key=lambda r: Observation(row=r).first_ns)
    said = [v for row in rows for v in (own(row, names), *_of_events(row, names)) if v is not None]
    found = {canonical(v): v for v in said}
    return next(iter(found.values())) if len(found) == 1 else tuple(found.values()) or None


def _of_events(row: Row, names: tuple[str, ...]) -> Iterator[Value]:
    """What the events of a span say of it."""
    for event in row.events if isinstance(row, Span) else ():
        yield next((event.attributes[name] for name in names if event.attributes.get(name) not in (None, "")), None)


def _asked(case: Case) -> set[str]:
    """The steps of rules that are broken: only their order is worth telling."""
    rules = zip(case.plan.shape.assertions, case.verdict.assertions, strict=True)
    return {step for rule, told in rules if told.verdict is Verdict.VIOLATED for _, step in points_of(rule)}


def _distance(a: Profile, b: Profile) -> tuple[int, int, int]:
    steps = sum(abs(a.counts[s] - b.counts[s]) for s in {*a.counts, *b.counts})
    facts = sum(canonical(a.facts.get(n)) != canonical(b.facts.get(n)) for n in {*a.facts, *b.facts})
    return steps, len(_turned(a, b, {*a.times})), facts


def _turned(a: Profile, b: Profile, asked: Container[str]) -> list[tuple[str, str]]:
    """Those of these steps that are neighbours in a and come the other way round in b, far enough apart in both."""
    slack = a.case.setting.uncertainty_ns
    out: list[tuple[str, str]] = []
    steps = [s for s in a.times if s in b.times and s in asked]
    for x, y in pairwise(steps):
        if a.times[y] - a.times[x] > slack and b.times[x] - b.times[y] > slack:
            out.append((x, y))
    return out
