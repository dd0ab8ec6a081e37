"""What there is to draw of a shape, before anybody says with which signs.

In: a `Shape`. Out: a `Picture`: labelled rows about the whole, steps in order with their lanes, arrows and notes,
state machines as graphs of the same make, and the rules that are said in words.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from verifier.shape import Machine, Shape
from verifier.shapeview.order import in_order
from verifier.shapeview.rules import Arrow, Note, drawn
from verifier.shapeview.words import bound, conditions, matched, place, plain

ANYBODY = "any service"
EVERY_STATE = "*"
_STRONGEST_FIRST = ("chain", "order", "follows")


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """A step or a state: its name, in which lane, what it is, and what is said of it.

    `sort`: span, event, record or state. `mark`: never, initial, final, both, every; else empty. `placed`: some rule
    says where it comes.
    """

    key: str
    title: str
    sort: str
    lane: int = 0
    about: str = ""
    notes: tuple[Note, ...] = ()
    mark: str = ""
    placed: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Graph:
    """Nodes from top to bottom, those that nothing places last; lanes side by side; arrows between nodes."""

    lanes: tuple[str, ...]
    nodes: tuple[Node, ...]
    arrows: tuple[Arrow, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineView:
    """A state machine: its name, how its moves are seen, its states."""

    name: str
    about: str
    graph: Graph


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """A shape, ready to be drawn. `rules`: (id, words, where) of what is not all said by arrows and notes."""

    name: str
    about: str
    head: tuple[tuple[str, str], ...]
    steps: Graph
    machines: tuple[MachineView, ...]
    rules: tuple[tuple[str, str, str], ...]


def picture(shape: Shape) -> Picture:
    """What there is to draw of a shape."""
    parts = [drawn(rule, id_, shape) for rule, id_ in zip(shape.assertions, shape.ids(), strict=True)]
    places = shape.places or (None,) * len(parts)
    return Picture(
        name=plain(shape.shape),
        about=plain(" ".join(shape.about.split())) if shape.about.strip() else "",
        head=tuple(_head(shape)),
        steps=_steps(shape, [a for p in parts for a in p.arrows], [n for p in parts for n in p.notes]),
        machines=tuple(
            MachineView(name=plain(name), about=_moves_by(machine), graph=_states(machine, shape))
            for name, machine in shape.machines.items()
        ),
        rules=tuple(
            (plain(id_), (part.words or "everywhere"), str(at) if at else "")
            for id_, part, at in zip(shape.ids(), parts, places, strict=True)
            if part.words is not None
        ),
    )


def _head(shape: Shape) -> list[tuple[str, str]]:
    """Everything that is said of the whole flow, as labelled rows."""
    out = [("When", conditions(shape.when))] if shape.when else []
    key, flow = plain(shape.flow.key), shape.flow
    others = [plain(n) for n in shape.attributes.get(flow.key, ()) if n != flow.key]
    out.append(("Gathered", f"by {key}" + (f", also written {', '.join(others)}" if others else "")))
    out += [("Gathered", f"by route {plain(route)}") for route in flow.routes]
    out += [("Gathered", f"by {plain(a)}, while it leads to one {key} only") for a in flow.aliases]
    ends = f"with {' and '.join(plain(s) for s in flow.ends.steps)}" if flow.ends else "when the input does"
    out.append(("Ends", ends))
    out += [("Gives up", f"{bound(flow.gives_up, shape)} after it opened")] if flow.gives_up is not None else []
    out += [
        ("Fact", f"{plain(name)}: {'; else '.join(place(p) for p in where)}") for name, where in shape.facts.items()
    ]
    names = [(n, a) for n, a in shape.attributes.items() if n != flow.key and tuple(a) != (n,)]
    out += [("Attribute", f"{plain(n)}: {plain(tuple(a))}") for n, a in names]
    out += [("Param", f"{plain(name)} = {plain(value)}") for name, value in shape.params.items()]
    return out


def _steps(shape: Shape, arrows: Sequence[Arrow], notes: Sequence[Note]) -> Graph:
    """The steps in the order that rules give them; those of which no rule says where they come, last."""
    arrows = [a for a in arrows if a.source in shape.steps and a.target in shape.steps]
    pairs = [(a.source, a.target) for style in _STRONGEST_FIRST for a in arrows if a.style == style]
    placed = {name for pair in pairs for name in pair}
    order = in_order(list(shape.steps), pairs)
    lanes: dict[str, int] = {}
    for name in order:
        if (service := shape.steps[name].service) is not None:
            lanes.setdefault(plain(service), len(lanes))
    if any(step.service is None for step in shape.steps.values()):
        lanes[ANYBODY] = lanes.get(ANYBODY, len(lanes))
    nodes = []
    for name in sorted(order, key=lambda n: n not in placed):
        step = shape.steps[name]
        own = [n for n in notes if n.step == name]
        more = [
            *(["need not happen"] if step.optional else []),
            *(["may serve several flows"] if step.shared else []),
            *([f"the same {plain(step.identity)} counts once"] if step.identity else []),
            *([f"the span itself has {plain(step.carries)}"] if step.carries else []),
        ]
        nodes.append(
            Node(
                key=name,
                title=plain(name),
                sort=step.sort,
                lane=lanes[ANYBODY if step.service is None else plain(step.service)],
                about=matched(step),
                notes=(*own, *(Note(step=name, words=words, by="") for words in more)),
                mark="never" if any(n.never for n in own) else "",
                placed=name in placed,
            )
        )
    return Graph(lanes=tuple(lanes), nodes=tuple(nodes), arrows=tuple(arrows))


def _moves_by(machine: Machine) -> str:
    by = machine.moves_by
    return f"moves are seen at {plain(by.step)} (attributes {plain(by.from_)} and {plain(by.to)})"


def _states(machine: Machine, shape: Shape) -> Graph:
    """A machine's states, as far from the initial one as its moves are; what every state may do, last."""
    written = [machine.initial, *machine.moves, *(t for ts in machine.moves.values() for t in ts), *machine.final]
    names = [*(n for n in dict.fromkeys([*written, *sorted(machine.stays)]) if n != EVERY_STATE)]
    from_every = machine.moves.get(EVERY_STATE, ())
    pairs = [(s, t) for s, ts in machine.moves.items() if s != EVERY_STATE for t in ts]
    reached = {machine.initial, *machine.moves, *(t for _, t in pairs)}
    order = [n for n in in_order(names, pairs) if n in reached or n not in from_every]
    order += [*([EVERY_STATE] if from_every else []), *(n for n in names if n not in order)]
    arrows = tuple(Arrow(source=s, target=t, words="", style="follows") for s, ts in machine.moves.items() for t in ts)
    nodes = []
    for name in order:
        stay = machine.stays.get(name)
        words = "" if stay is None else f"at most {bound(stay.at_most, shape)}"
        words += ", business clock" if stay is not None and stay.clock == "business" else ""
        mark = "initial" if name == machine.initial else "final" if name in machine.final else ""
        if name == machine.initial and name in machine.final:
            mark = "both"
        nodes.append(
            Node(
                key=name,
                title="every state" if name == EVERY_STATE else plain(name),
                sort="state",
                notes=(Note(step=name, words=words, by=""),) if words else (),
                mark="every" if name == EVERY_STATE else mark,
            )
        )
    return Graph(lanes=("",), nodes=tuple(nodes), arrows=arrows)
