"""Which observations a step speaks of, by name, service, kind and status: before any value is looked at.

In: a `Step`. Out: a function that answers for one observation, and what a row holds to be asked about.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from fnmatch import translate
from functools import cache

from verifier.flows import Row
from verifier.shape import Conditions, Step
from verifier.spans import Observation, Span, Value
from verifier.values import Truth, holds


def observations(rows: Iterable[Row]) -> Iterable[Observation]:
    """Every observation that these rows hold: spans, their events, records."""
    for row in rows:
        yield Observation(row=row)
        if isinstance(row, Span):
            for n, event in enumerate(row.events):
                yield Observation(row=row, event=event, index=n)


def matcher(step: Step) -> Callable[[Observation], bool]:
    """Whether an observation is of the step, as far as its name, service, kind and status tell."""
    exact, globs = _names(step.names)

    def matches(o: Observation) -> bool:
        if o.name not in exact and not any(g.match(o.name) for g in globs):
            return False
        if step.service is not None and o.row.service != step.service:
            return False
        if not isinstance(o.row, Span):
            return True
        if step.kind is not None and o.row.kind != step.kind:
            return False
        if step.sort == "event":
            return step.status != "error" or o.row.status == "error"
        return step.status == "any" or (o.row.status == "error") == (step.status == "error")

    return matches


def candidates(step: Step, by_name: Mapping[str, Sequence[Observation]]) -> list[Observation]:
    """The observations whose name the step could match, out of all of its sort by their names."""
    exact, globs = _names(step.names)
    names = by_name if globs else [n for n in by_name if n in exact]
    return [o for n in names for o in by_name[n]]


@cache
def _names(names: tuple[str, ...]) -> tuple[frozenset[str], tuple[re.Pattern[str], ...]]:
    """Names as they are, and names with `*`, `?` or `[` as patterns."""
    exact = frozenset(n for n in names if not any(c in n for c in "*?["))
    return exact, tuple(re.compile(translate(n)) for n in names if n not in exact)


def event_holds(attributes: Mapping[str, Value], where: Conditions) -> Truth:
    """Whether a span event's own attributes fulfil all conditions."""
    answers = [holds(attributes.get(name), condition) for name, condition in where.items()]
    return False if False in answers else None if None in answers else True
