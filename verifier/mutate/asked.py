"""The names that a shape reads: attributes, record fields, conditions, states, and what ties messages together.

In: a shape. Out: names. A value under any other name can change without any rule having a chance to see it.
"""

from collections.abc import Mapping
from dataclasses import fields

from verifier.shape import AttributeName, Shape
from verifier.spans import DESTINATION, MESSAGE, OFFSET, OPERATION, PARTITION, PATH


def names_asked(shape: Shape) -> frozenset[str]:
    """Every attribute and field that the shape can read."""
    asked: set[str] = {shape.flow.key, *shape.flow.aliases, *shape.attributes, *attributes_of_rules(shape)}
    for step in shape.steps.values():
        asked |= {*step.where, *step.identity, *step.carries}
        asked |= set(step.except_.where) if step.except_ is not None else set()
    for machine in shape.machines.values():
        asked |= {machine.moves_by.from_, machine.moves_by.to}
    for places in shape.facts.values():
        asked |= {str(place.attribute or place.field) for place in places}
    return frozenset(name for a in asked for name in shape.attributes.get(a, (a,)))


def attributes_of_rules(shape: Shape) -> frozenset[str]:
    """The attributes that rules name: in a parameter of their own, or as a condition's."""
    out: set[str] = set()
    for rule in shape.assertions:
        for f in fields(rule):
            value = getattr(rule, f.name)
            if _speaks_of(f.type, AttributeName):
                out.update((value,) if isinstance(value, str) else value or ())
            elif isinstance(value, Mapping) and f.name != "when":
                out.update(map(str, value))
    return frozenset(out)


def _speaks_of(annotation: object, wanted: object) -> bool:
    return annotation == wanted or any(_speaks_of(part, wanted) for part in getattr(annotation, "__args__", ()))


def names_tied() -> frozenset[str]:
    """The attributes that say of which message, topic and operation a span is."""
    return frozenset({*DESTINATION, *MESSAGE, *OFFSET, *OPERATION, *PARTITION, *PATH})
