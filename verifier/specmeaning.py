"""What the values of a shape mean: names that must lead somewhere, durations, patterns, counts, what goes with what.

In: each `Part` of a shape's data, whether or not the parts around it are right. Out: problems, added to `Problems`.
What is checked follows from the annotation: `StepName` and `Point` name steps wherever they stand.
"""

import re
import warnings
from collections.abc import Callable, Mapping
from dataclasses import is_dataclass
from typing import Any

from verifier.shape import (
    Begins,
    Condition,
    Correlation,
    Duration,
    Ends,
    Fact,
    FactName,
    FactRef,
    Machine,
    MachineName,
    Pattern,
    Point,
    Step,
    StepName,
    duration_ns,
    split_point,
    times_range,
)
from verifier.specschema import Head, Part, names
from verifier.specwords import Problems, found, listed, nearest, of
from verifier.specyaml import Path, show

NAME = re.compile(r"[A-Za-z0-9_.-]+")
LONGEST_PATTERN = 1_000
A_DURATION = "a duration such as 5m, 1.5s or 250ms"
HOW_OFTEN = "1, '>=1', '0..1' or {fact: NAME}"


def check_part(to: Problems, part: Part) -> None:
    """Checks one value for what its place takes."""
    for key in unknown_keys(part):
        noun = "parameter" if part.path[:1] == ("assertions",) and len(part.path) == 3 else "key"
        known = [*names(part.chosen), *(["assertions"] if part.chosen is Head else [])]
        hint = to.hint(key, known, have="it has", path=part.path)
        to.add((*part.path, key), f"{of(part.path)} has no {noun} {show(key)}{hint}", key=True)
    if isinstance(part.value, dict) and part.chosen in _WHOLES:
        _WHOLES[part.chosen](to, part.path, part.value)
    elif FactRef in part.takes and int in part.takes and not isinstance(part.value, bool):
        _times(to, part)
    elif isinstance(part.value, str):
        for t in part.takes:
            if t in _TEXTS:
                _TEXTS[t](to, part)


def _times(to: Problems, part: Part) -> None:
    value = part.value
    if (isinstance(value, str) and times_range(value) is None) or (isinstance(value, int) and value < 0):
        to.add(part.path, f"{of(part.path)} is {found(value)}; expected {HOW_OFTEN}")


def _step_name(to: Problems, part: Part) -> None:
    _known(to, part, "step", part.value)


def _point(to: Problems, part: Part) -> None:
    edge, sep, name = part.value.partition(" of ")
    near = nearest(edge, ["start", "end"]) if sep and split_point(part.value)[1] == part.value else None
    if near is None:
        _known(to, part, "step", split_point(part.value)[1])
        return
    there = to.declared("steps")
    meant = f"{near} of {name if name in there else nearest(name, there) or name}"
    to.add(part.path, f"{of(part.path)} is {show(part.value)}; did you mean {show(meant)}?", key=part.is_key)


def _fact_name(to: Problems, part: Part) -> None:
    _known(to, part, "fact", part.value)


def _machine_name(to: Problems, part: Part) -> None:
    _known(to, part, "machine", part.value)


def _known(to: Problems, part: Part, noun: str, name: str) -> None:
    there = to.declared(f"{noun}s")
    if name not in there and not (not there and f"{noun}s" in to.written):
        hint = to.hint(name, there, have="the shape has") or f"; the shape has no {noun}s" * (not there)
        subject = of(part.path[:-1] if part.is_key else part.path)
        to.add(part.path, f"{subject}: there is no {noun} {show(name)}{hint}", key=part.is_key)


def _duration(to: Problems, part: Part) -> None:
    there = to.declared("params")
    if duration_ns(part.value) is None and part.value not in there:
        hint = to.hint(part.value, there, have="the shape has the params")
        text = f"{of(part.path)} is {show(part.value)}; expected {A_DURATION}, or the name of a param{hint}"
        to.add(part.path, text)


def _pattern(to: Problems, part: Part) -> None:
    if why := bad_pattern(part.value):
        to.add(part.path, f"{of(part.path)} is {show(part.value)}: {why}")


def check_params(to: Problems) -> None:
    """Params are durations, and no param is named like one."""
    for name in to.declared("params"):
        value = to.section("params")[name]
        if duration_ns(name) is not None:
            to.add(("params", name), f"param {show(name)} is named like a duration; expected a word", key=True)
        if isinstance(value, str) and duration_ns(value) is None:
            to.add(("params", name), f"param {show(name)} is {show(value)}; expected {A_DURATION}")


def _head(to: Problems, _: Path, head: Mapping[str, Any]) -> None:
    name = head.get("shape")
    if isinstance(name, str) and not NAME.fullmatch(name):
        text = f"the shape's name is {show(name)}; expected letters, digits, '_', '.' and '-' only"
        to.add(("shape",), text)
    for fact in to.declared("facts"):
        if to.section("facts")[fact] == ():
            to.add(("facts", fact), f"fact {show(fact)} has no place to read it from; expected at least one")


def _flow(to: Problems, path: Path, flow: Mapping[str, Any]) -> None:
    key, routes = flow.get("key"), flow.get("routes")
    for i, route in enumerate(routes if isinstance(routes, tuple) and isinstance(key, str) else ()):
        if isinstance(route, str) and f"{{{key}}}" not in route:
            here = (*path, "routes", i)
            to.add(here, f"{of(here)} is {show(route)}; expected the key in braces: '{{{key}}}'")


def _ends(to: Problems, path: Path, ends: Mapping[str, Any]) -> None:
    if ends.get("steps") == ():
        to.add((*path, "steps"), f"{of((*path, 'steps'))} is an empty list; expected at least one step")


def _step(to: Problems, path: Path, step: Mapping[str, Any]) -> None:
    given = [sort for sort in ("span", "event", "record") if step.get(sort) is not None]
    if len(given) != 1 and not any((*path, sort) in to.meant for sort in ("span", "event", "record")):
        has = f"it has {listed([show(s) for s in given])}" if given else "it has none"
        to.add(path, f"{of(path)} needs exactly one of 'span', 'event' or 'record'; {has}")
    for sort in given:
        if step[sort] in ("", ()):
            to.add((*path, sort), f"{of((*path, sort))} names nothing; expected a name or several")
    for key in ("kind", "status", "carries"):
        if key in step and given and "span" not in given:
            to.add((*path, key), f"{of(path)} has {show(key)}, which only goes with 'span'", key=True)


def _fact(to: Problems, path: Path, fact: Mapping[str, Any]) -> None:
    given = [key for key in ("attribute", "record") if fact.get(key) is not None]
    if to.meant & {(*path, key) for key in ("attribute", "record", "field")}:
        return
    if len(given) != 1:
        has = "it has both" if given else "it has neither"
        to.add(path, f"{of(path)} needs exactly one of 'attribute' or 'record' (with 'field'); {has}")
    elif given == ["record"] and fact.get("field") is None:
        to.add(path, f"{of(path)} needs 'field': where the value is in the record")
    for key in ("field", "map"):
        if given == ["attribute"] and key in fact:
            to.add((*path, key), f"{of(path)} has {show(key)}, which only goes with 'record'", key=True)


def _machine(to: Problems, path: Path, machine: Mapping[str, Any]) -> None:
    """`moves` names every state; the other keys may only speak of those."""
    moves, final, stays = machine.get("moves"), machine.get("final"), machine.get("stays")
    if not isinstance(moves, dict):
        return
    targets = [
        ((*path, "moves", s, i), t) for s, ts in moves.items() if isinstance(ts, tuple) for i, t in enumerate(ts)
    ]
    states = sorted({*moves, *(t for _, t in targets if isinstance(t, str))} - {"*"})
    named = [((*path, "initial"), machine.get("initial"), False)]
    named += [((*path, "final", i), s, False) for i, s in enumerate(final if isinstance(final, tuple) else ())]
    named += [((*path, "stays", s), s, True) for s in (stays if isinstance(stays, dict) else ())]
    named += [(here, state, False) for here, state in targets if state == "*"]
    for here, state, key in named:
        if not isinstance(state, str) or state in states:
            continue
        subject = of(here[:-1] if key else here)
        if state == "*":
            to.add(here, f"{subject} is '*', which is no state; it may only be a key of 'moves'", key=key)
        else:
            hint = to.hint(state, states, have="'moves' has")
            to.add(here, f"{subject} is {show(state)}, a state that 'moves' doesn't name{hint}", key=key)


def _condition(to: Problems, path: Path, condition: Mapping[str, Any]) -> None:
    if not any(value is not None for value in condition.values()):
        one = listed(list(names(Condition)), last="or")
        to.add(path, f"{of(path)} is a condition that says nothing; expected a value or {one}")


def unknown_keys(part: Part) -> list[str]:
    """The keys of a mapping that its dataclass doesn't have, in the order written."""
    known = names(part.chosen) if isinstance(part.value, dict) and is_dataclass(part.chosen) else None
    return [key for key in part.value if key not in known] if known is not None else []


_WHOLES: dict[Any, Callable[[Problems, Path, Mapping[str, Any]], None]] = {
    Head: _head,
    Correlation: _flow,
    Begins: _ends,
    Ends: _ends,
    Step: _step,
    Fact: _fact,
    Machine: _machine,
    Condition: _condition,
}
_TEXTS: dict[Any, Callable[[Problems, Part], None]] = {
    StepName: _step_name,
    Point: _point,
    FactName: _fact_name,
    MachineName: _machine_name,
    Duration: _duration,
    Pattern: _pattern,
}


def bad_pattern(text: str) -> str | None:
    """Why a regular expression is refused, None if it isn't."""
    if len(text) > LONGEST_PATTERN:
        return f"it has {len(text):,} characters; expected at most {LONGEST_PATTERN:,}"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            re.compile(text)
    except (re.error, OverflowError, RecursionError, Warning) as error:
        return f"it is no regular expression: {error}"
    if _repeats_repeats(text):
        return (
            "a repeat inside a repeat, like (a+)+, can take for ever; write it as one repeat, like [ab]+ for (a+|b+)+"
        )
    return None


_PIECE = re.compile(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|[*+]|\{\d*,\d*\}|\(|\)|.", re.DOTALL)


def _repeats_repeats(pattern: str) -> bool:
    """Whether a group with a repeat of open length inside is itself repeated so."""
    groups = [False]  # whether the group has a repeat in it, for each open one
    closed = False  # the same of the group that the last piece closed
    for piece in _PIECE.findall(pattern):
        if piece == "(":
            groups.append(False)
        repeats = piece in ("*", "+") or (piece[0] == "{" and len(piece) > 2)
        if repeats and closed:
            return True
        groups[-1] = groups[-1] or repeats
        closed = piece == ")" and len(groups) > 1 and groups.pop()
        groups[-1] = groups[-1] or closed
    return False
