"""Single-valued truths about a flow: what its places say, and whether they agree.

In: a fact's name, the shape that says where it is told, a flow. Out: `Known`: known, unknown or contradictory, with
every place and what it says. A fact is never derived from the absence of a span.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from verifier.flows import Flow
from verifier.shape import Fact, Scalar, Shape
from verifier.spans import Observation, Value, dig, first, own
from verifier.steps import observations
from verifier.values import canonical, plain


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What the flow says of a fact: `state` known, unknown or contradictory; every place with its answer."""

    state: Literal["known", "unknown", "contradictory"]
    value: Scalar | None = None
    places: tuple[tuple[str, Value, Observation | None], ...] = ()
    asked: tuple[str, ...] = ()

    def sentence(self) -> str:
        """Its state in words, with every place and what it says."""
        if self.state == "unknown":
            return "no place answers: " + ", ".join(self.asked) if self.asked else "nothing says it"
        said = "; ".join(f"{place} says {canonical(value)}" for place, value, _ in self.places)
        return f"its places disagree: {said}" if self.state == "contradictory" else said


def find_fact(name: str, shape: Shape, flow: Flow, given: Mapping[str, Scalar]) -> Known:
    """What a flow says of a fact, from all its places; `given` are answers told from outside."""
    places: list[tuple[str, Value, Observation | None]] = []
    if name in given:
        places.append(("given from outside", given[name], None))
    facts = shape.facts.get(name, ())
    for place in facts:
        for o, value in _answers(place, shape, flow):
            if not any(p == str(place) and canonical(v) == canonical(value) for p, v, _ in places):
                places.append((str(place), value, o))
    asked = tuple(str(place) for place in facts)
    values = {canonical(v): v for _, v, _ in places}
    if not values:
        return Known(state="unknown", asked=asked)
    if len(values) > 1:
        return Known(state="contradictory", places=tuple(places), asked=asked)
    value = next(iter(values.values()))
    scalar = value if isinstance(value, bool | int | float | str) else canonical(value)
    return Known(state="known", value=scalar, places=tuple(places), asked=asked)


def _answers(place: Fact, shape: Shape, flow: Flow) -> Iterable[tuple[Observation, Value]]:
    if place.attribute is not None:
        names = shape.attributes.get(place.attribute, (place.attribute,))
        for o in observations(m.row for m in flow.members):
            value = first(o.event.attributes, names) if o.event else own(o.row, names)
            if value is not None and value != "" and not isinstance(value, Mapping | tuple):
                yield o, value
        return
    for record in flow.records:
        if record.topic != place.record or not record.value:
            continue
        value = dig(record.value, place.field or "")
        if place.map is not None:
            missing = value is None or value == ""
            word = "null" if missing else plain(value)
            value = place.map.get(word, None if missing else place.map.get("else", value))
        if value is not None and value != "":
            yield Observation(row=record), value
