"""The names that a shape reads: attributes, record fields, conditions, states, and what ties messages together.

In: a shape. Out: names. A value under any other name can change without any rule having a chance to see it.
"""

from verifier.shape import Shape
from verifier.spans import DESTINATION, MESSAGE, OFFSET, OPERATION, PARTITION, PATH


def names_asked(shape: Shape) -> frozenset[str]:
    """Every attribute and field that the shape can read, of steps, facts and machines, whatever its rules are."""
    asked: set[str] = {shape.flow.key, *shape.flow.aliases, *shape.attributes}
    for step in shape.steps.values():
        asked |= {*step.where, *step.identity, *step.carries}
        asked |= set(step.except_.where) if step.except_ is not None else set()
    for machine in shape.machines.values():
        asked |= {machine.moves_by.from_, machine.moves_by.to}
    for places in shape.facts.values():
        asked |= {str(place.attribute or place.field) for place in places}
    return frozenset(name for a in asked for name in shape.attributes.get(a, (a,)))


def names_tied() -> frozenset[str]:
    """The attributes that say of which message, topic and operation a span is."""
    return frozenset({*DESTINATION, *MESSAGE, *OFFSET, *OPERATION, *PARTITION, *PATH})
