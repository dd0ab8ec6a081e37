"""What each rule puts into the picture: arrows between steps, notes at steps, or a sentence below it.

In: a rule and its shape. Out: `Drawn`. Kinds are known by their name and their parameters, not by their class (rooms
of this ring don't know each other): a kind that is not known here is said in words, and its steps are marked.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from itertools import pairwise
from typing import Any

from verifier.shape import FactRef, Rule, Shape, points_of, split_point, times_range
from verifier.shapeview.words import bound, parameters, plain, scope


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrow:
    """From one place to another; `words` stand at its target.

    `style`: chain (of a sequence), follows (must come), order (may come only then). `by`: the rule's id.
    """

    source: str
    target: str
    words: str
    style: str
    by: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """Something said of one step; `never`: that it must not happen at all."""

    step: str
    words: str
    by: str
    never: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """What one rule puts into the picture; `words`: what its arrows and notes don't say, None if they say all."""

    arrows: tuple[Arrow, ...] = ()
    notes: tuple[Note, ...] = ()
    words: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Said:
    """A rule with its parameters by name."""

    rule: Rule
    shape: Shape
    id: str

    def __getitem__(self, name: str) -> Any:  # the parameters of a kind that may be anybody's
        return getattr(self.rule, name)

    def step(self, name: str) -> str:
        return split_point(self[name])[1]

    def edge(self, name: str) -> str:
        return split_point(self[name])[0]

    def bound(self, name: str) -> str:
        return bound(self[name], self.shape)

    @property
    def clock(self) -> str:
        return ", business clock" if self["clock"] == "business" else ""


def drawn(rule: Rule, id_: str, shape: Shape) -> Drawn:
    """What one rule puts into the picture."""
    said = _Said(rule=rule, shape=shape, id=id_)
    known = _KINDS.get(rule.kind)
    return known(said) if known is not None else _unknown(said)


def _sequence(said: _Said) -> Drawn:
    hops = [(item, None) if isinstance(item, str) else next(iter(item.items())) for item in said["steps"]]
    arrows = []
    for (before, _), (step, hop) in pairwise(hops):
        words = "next"
        if hop is not None:
            words += f", within {bound(hop.within, said.shape)}"
            words += ", business clock" if hop.clock == "business" else ""
        arrows.append(Arrow(source=before, target=step, words=words + scope(said.rule), style="chain", by=said.id))
    if arrows:
        return Drawn(arrows=tuple(arrows))
    return Drawn(notes=tuple(Note(step=s, words=f"must happen{scope(said.rule)}", by=said.id) for s, _ in hops))


def _leads_to(said: _Said) -> Drawn:
    words = "must end" if said.edge("then") == "end" else "must follow"
    words += " after its end" if said.edge("step") == "end" else ""
    words += f", not before {said.bound('not_before')}" if said["not_before"] is not None else ""
    words += f", within {said.bound('within')}" if said["within"] is not None else ""
    words += f", same {plain(said['same'])}" if said["same"] else ""
    words += said.clock + scope(said.rule)
    return Drawn(
        arrows=(Arrow(source=said.step("step"), target=said.step("then"), words=words, style="follows", by=said.id),)
    )


def _precedes(said: _Said) -> Drawn:
    words = "may end only after" if said.edge("then") == "end" else "only after"
    if said["count"] != 1:
        words += f" {plain(said['count'])} of them"
        words += " have ended" if said.edge("first") == "end" else ""
    else:
        words += " its end" if said.edge("first") == "end" else " it"
    arrow = Arrow(
        source=said.step("first"),
        target=said.step("then"),
        words=words + scope(said.rule),
        style="order",
        by=said.id,
    )
    return Drawn(arrows=(arrow,))


def _timeout(said: _Said) -> Drawn:
    start, then, cancel = said.step("step"), said.step("then"), said.step("cancelled_by")
    grace = "" if said["grace"] == "0s" else f" + {said.bound('grace')}"
    due = f"{said.bound('due_after')}{grace}" + (" after its end" if said.edge("step") == "end" else "")
    due += f", cancelled by {plain(cancel)}{said.clock}{scope(said.rule)}"
    return Drawn(
        arrows=(
            Arrow(source=start, target=cancel, words=f"or this: cancels {plain(then)}", style="order", by=said.id),
            Arrow(source=start, target=then, words=due, style="follows", by=said.id),
        )
    )


def _never(said: _Said) -> Drawn:
    everywhere = not scope(said.rule)
    words = f"never{scope(said.rule)}" if not everywhere else "must not happen"
    return Drawn(notes=(Note(step=said["step"], words=words, by=said.id, never=everywhere),))


def _occurs(said: _Said) -> Drawn:
    words = _times(said["times"])
    words += f" for each {plain(said['for_each'])}" if said["for_each"] else ""
    return Drawn(notes=(Note(step=said["step"], words=words + scope(said.rule), by=said.id),))


def _times(times: object) -> str:
    """How often: `once`, `at least 2 times`, `0 to 1 times`, `expected_lines times`."""
    if isinstance(times, FactRef):
        return f"{plain(times)} times"
    least, most = times_range(str(times)) or (None, None)
    if least is None or (least == most == 1):
        return "once" if least is not None else plain(times)
    if most is None:
        return "at least once" if least == 1 else f"at least {least} times"
    if least == 0:
        return "at most once" if most == 1 else f"at most {most} times"
    return f"{least} times" if least == most else f"{least} to {most} times"


def _propagates(said: _Said) -> Drawn:
    words = f"carries {plain(said['attribute'])}{scope(said.rule)}"
    return Drawn(
        notes=tuple(Note(step=step, words=words, by=said.id) for step in said["through"]),
        words=parameters(said.rule, said.shape),
    )


def _conforms(said: _Said) -> Drawn:
    return Drawn(words=parameters(said.rule, said.shape))


def _unknown(said: _Said) -> Drawn:
    """A kind that is not known here: an arrow where it speaks of one step and what comes then, else marks."""
    named = dict.fromkeys(points_of(said.rule))
    own = [(name, step) for name, step in named if name not in _SCOPE]
    arrows: tuple[Arrow, ...] = ()
    first = [step for name, step in own if name in ("step", "first")]
    then = [step for name, step in own if name == "then"]
    if len(first) == 1 and len(then) == 1:
        arrows = (Arrow(source=first[0], target=then[0], words=said.rule.kind, style="order", by=said.id),)
        own = [(name, step) for name, step in own if name not in ("step", "first", "then")]
    notes = tuple(
        Note(step=step, words=said.rule.kind if name == "step" else f"{said.rule.kind}: {name.rstrip('_')}", by=said.id)
        for name, step in own
    )
    return Drawn(arrows=arrows, notes=notes, words=parameters(said.rule, said.shape))


_SCOPE = frozenset(f.name for f in fields(Rule))
_KINDS: Mapping[str, Callable[[_Said], Drawn]] = {
    "conforms": _conforms,
    "leads_to": _leads_to,
    "never": _never,
    "occurs": _occurs,
    "precedes": _precedes,
    "propagates": _propagates,
    "sequence": _sequence,
    "timeout": _timeout,
}
