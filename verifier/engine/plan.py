"""A shape compiled for judging: decided once, before any flow.

In: shapes. Out: a `Plan` for each, and shapes grouped by how they gather flows, so that each gathering is made once.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from verifier.shape import Correlation, Rule, RunRule, Shape, points_of, split_point


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A shape with the name of each rule, and the steps that must match somewhere.

    `expected` leaves out steps that are optional, or used only where nothing need match: where a kind says so (`never`,
    a timeout's alternatives), in machines, or nowhere.
    """

    shape: Shape
    ids: tuple[str, ...]
    expected: tuple[str, ...]


def plan(shape: Shape) -> Plan:
    """Compiles one shape."""
    used: set[str] = set()
    for rule in shape.assertions:
        used |= _needed(rule)
    if shape.flow.begins is not None:
        used |= {split_point(p)[1] for p in shape.flow.begins.steps}
    if shape.flow.ends is not None:
        used |= {split_point(p)[1] for p in shape.flow.ends.steps}
    expected = tuple(name for name, step in shape.steps.items() if name in used and not step.optional)
    return Plan(shape=shape, ids=shape.ids(), expected=expected)


def alone(plan: Plan) -> Plan:
    """The plan with only the rules that judge one flow: those that a flow's verdict has, in its order."""
    kept = [n for n, rule in enumerate(plan.shape.assertions) if not isinstance(rule, RunRule)]
    shape = replace(plan.shape, assertions=tuple(plan.shape.assertions[n] for n in kept), places=None)
    return replace(plan, shape=shape, ids=tuple(plan.ids[n] for n in kept))


def groups(shapes: Sequence[Shape]) -> tuple[tuple[Shape, ...], ...]:
    """Shapes that gather flows in the same way, in the order given."""
    found: dict[tuple[object, ...], list[Shape]] = {}
    for shape in shapes:
        found.setdefault(_gathering(shape), []).append(shape)
    return tuple(tuple(group) for group in found.values())


def names_of(shape: Shape) -> dict[str, tuple[str, ...]]:
    """The names under which services write the attributes that gather flows."""
    wanted = (shape.flow.key, *shape.flow.aliases)
    return {name: tuple(shape.attributes[name]) for name in wanted if name in shape.attributes}


def _gathering(shape: Shape) -> tuple[object, ...]:
    flow: Correlation = shape.flow
    return (flow.key, tuple(flow.routes), tuple(flow.aliases), tuple(sorted(names_of(shape).items())))


def _needed(rule: Rule) -> set[str]:
    """The steps of a rule that must match somewhere, or the rule says nothing."""
    return {step for name, step in points_of(rule) if name not in rule.may_lack}
