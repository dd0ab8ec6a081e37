"""Which observation is an occurrence of which step. Decided once, before any assertion.

In: a `BoundFlow` whose steps are not bound yet. Out: the same with `occurrences`, which are sure, and `maybes`: those
of which a condition can't be answered. What is equal in a step's identity is one occurrence.
"""

from collections import defaultdict
from typing import Literal

from verifier.binding import BoundFlow, Maybe, Occurrence
from verifier.shape import Step
from verifier.spans import Observation, Span
from verifier.steps import candidates, event_holds, matcher, observations
from verifier.values import canonical, holds


def bind(flow: BoundFlow) -> BoundFlow:
    """Finds every occurrence of every step."""
    sure: dict[str, tuple[Occurrence, ...]] = {}
    maybe: dict[str, tuple[Maybe, ...]] = {}
    by_name: dict[tuple[str, bool], dict[str, list[Observation]]] = defaultdict(lambda: defaultdict(list))
    for o in observations(m.row for m in flow.flow.members):
        by_name[o.sort, False][o.name].append(o)
    for o in observations(m.row for m in flow.flow.shared):
        by_name[o.sort, True][o.name].append(o)
    for name, step in flow.shape.steps.items():
        matches = matcher(step)
        yes: list[Observation] = []
        unsure: list[Maybe] = []
        named = candidates(step, by_name[step.sort, False])
        for o in [*named, *candidates(step, by_name[step.sort, True])] if step.shared else named:
            if not matches(o):
                continue
            doubt = _conditions(flow, name, step, o)
            if doubt is None:
                yes.append(o)
            elif isinstance(doubt, Maybe):
                unsure.append(doubt)
        sure[name] = _once(flow, name, step, sorted(yes, key=lambda o: (o.first_ns, o.id)))
        maybe[name] = tuple(sorted(unsure, key=lambda m: (m.of.first_ns, m.of.id)))
    flow.occurrences, flow.maybes = sure, maybe
    return flow


def _conditions(flow: BoundFlow, name: str, step: Step, o: Observation) -> Maybe | Literal[False] | None:
    """None: it matches. False: it doesn't. A `Maybe`: a condition can't be answered."""
    doubt: Maybe | None = None
    for attribute, condition in step.where.items():
        seen = flow.value(o, attribute)
        truth = None if seen.state == "unreadable" else holds(seen.value, condition)
        if truth is False:
            return False
        if truth is None and doubt is None:
            why = seen.why or "it can't be read as the type that the shape compares it with"
            doubt = Maybe(step=name, of=o, attribute=attribute, raw=seen.value, why=why, settled_by=seen.settled_by)
    if step.except_ is not None and isinstance(o.row, Span):
        for event in o.row.events:
            if event.name != step.except_.event:
                continue
            truth = event_holds(event.attributes, step.except_.where)
            if truth:
                return False
            if truth is None:
                doubt = Maybe(step=name, of=o, attribute=event.name, why="the event's attributes can't be read")
        if o.row.dropped_events and doubt is None:
            doubt = Maybe(step=name, of=o, attribute=step.except_.event, why="events of the span were dropped")
    return doubt


def _once(flow: BoundFlow, name: str, step: Step, found: list[Observation]) -> tuple[Occurrence, ...]:
    """Folds what is equal in identity into one occurrence."""
    if not step.identity:
        return tuple(Occurrence(step=name, of=o) for o in found)
    groups: dict[str, list[Observation]] = {}
    doubts: list[Occurrence] = []
    for o in found:
        values = [flow.value(o, attribute) for attribute in step.identity]
        blind = next((a for a, v in zip(step.identity, values, strict=True) if v.state != "known"), None)
        if blind is None:
            groups.setdefault("\0".join(canonical(v.value) for v in values), []).append(o)
        else:
            doubts.append(Occurrence(step=name, of=o, doubt=f"its {blind} can't be read, so it may be a repetition"))
    each = (group if len(group) == 1 else _caused(flow, group) for group in groups.values())
    kept = [Occurrence(step=name, of=o, again=tuple(again)) for o, *again in each]
    return tuple(sorted(kept + doubts, key=lambda x: (x.of.first_ns, x.of.id)))


def _caused(flow: BoundFlow, group: list[Observation]) -> list[Observation]:
    """The group, with one first that descends from no other of it."""
    first = next((o for o in group if not any(flow.clocks.causes(x.row, o.row) for x in group)), group[0])
    return [first, *(o for o in group if o is not first)]
