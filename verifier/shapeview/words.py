"""The parts of a shape in few words: conditions, durations with their params, scopes, a rule's parameters.

In: parts of a `Shape`. Out: text in which nothing can break a line or a terminal.
"""

from collections.abc import Mapping, Sequence
from dataclasses import MISSING, fields, is_dataclass

from verifier.shape import Condition, Duration, Fact, FactName, FactRef, Rule, Scalar, Shape, Step
from verifier.wording import clean

_SIGNS = {"ne": "not ", "lt": "< ", "le": "<= ", "gt": "> ", "ge": ">= ", "matches": "matching "}
_OF_EVERY_RULE = frozenset(f.name for f in fields(Rule))


def plain(value: object) -> str:
    """Any value of a shape as text."""
    if isinstance(value, Condition):
        return condition(value)
    if isinstance(value, FactRef):
        return clean(value.fact, most=None)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return clean(value, most=None) or "''"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))  # a limit of 300 is read as 300.0
    if value is None:
        return "nothing"
    if isinstance(value, Mapping):
        return ", ".join(f"{plain(k)}: {plain(v)}" for k, v in value.items())
    if isinstance(value, Sequence | frozenset | set):
        items = sorted(value, key=str) if isinstance(value, frozenset | set) else value
        return ", ".join(f"({plain(v)})" if isinstance(v, Mapping) and len(v) > 1 else plain(v) for v in items)
    if is_dataclass(value):
        said = {f.name.rstrip("_"): getattr(value, f.name) for f in fields(value) if not _usual(value, f.name)}
        return f"({', '.join(f'{name} {plain(v)}' for name, v in said.items())})"
    return clean(str(value), most=None)


def condition(wanted: Condition | Scalar) -> str:
    """What a value must be: `REGULAR`, `< 300`, `one of a, b`."""
    if not isinstance(wanted, Condition):
        return plain(wanted)
    out = [] if wanted.eq is None else [plain(wanted.eq)]
    out += [f"{sign}{plain(found)}" for name, sign in _SIGNS.items() if (found := getattr(wanted, name)) is not None]
    out += [f"one of {plain(wanted.in_)}"] if wanted.in_ is not None else []
    out += [f"none of {plain(wanted.not_in)}"] if wanted.not_in is not None else []
    out += ["there" if wanted.exists else "not there"] if wanted.exists is not None else []
    return " and ".join(out) or "anything"


def conditions(wanted: Mapping[str, Condition | Scalar] | Mapping[FactName, Condition | Scalar]) -> str:
    """Several at once: `applied is true and http.status_code is < 300`."""
    return " and ".join(f"{plain(name)} is {condition(c)}" for name, c in wanted.items())


def bound(duration: str, shape: Shape) -> str:
    """A duration; the value of the param that it names."""
    return plain(shape.params.get(duration, duration))


def matched(step: Step) -> str:
    """What a step matches, but for its service: `span POST /orders or PUT /orders where …`."""
    out = f"{step.sort} {' or '.join(plain(name) for name in step.names)}"
    out += f" of kind {step.kind}" if step.kind is not None else ""
    out += {"ok": "", "error": " that failed", "any": " that failed or not"}[step.status]
    out += f" where {conditions(step.where)}" if step.where else ""
    if step.except_ is not None:
        with_what = f" where {conditions(step.except_.where)}" if step.except_.where else ""
        out += f", but not with event {plain(step.except_.event)}{with_what}"
    return out


def place(fact: Fact) -> str:
    """Where a fact is read."""
    out = (
        f"attribute {plain(fact.attribute)}"
        if fact.attribute
        else f"{plain(fact.field)} of record {plain(fact.record)}"
    )
    turned = ", ".join(f"{plain(k)} means {plain(v)}" for k, v in (fact.map or {}).items())
    return f"{out} ({turned})" if turned else out


def scope(rule: Rule) -> str:
    """Where and when a rule applies, to be put behind it; empty if everywhere."""
    out = f", after {plain(rule.after)}" if rule.after is not None else ""
    out += f", before {plain(rule.before)}" if rule.before is not None else ""
    out += f", between {plain(rule.between[0])} and {plain(rule.between[1])}" if rule.between is not None else ""
    return f"{out}, if {conditions(rule.when)}" if rule.when else out


def parameters(rule: Rule, shape: Shape) -> str:
    """A rule's own parameters that were given, by name, then its scope: `step paid, times >=1, after placed`."""
    out = []
    for f in fields(rule):
        value = getattr(rule, f.name)
        if f.name in _OF_EVERY_RULE or _usual(rule, f.name):
            continue
        said = bound(value, shape) if isinstance(value, str) and _is_duration(f.type) else plain(value)
        out.append(f"{f.name.rstrip('_')} {said}")
    return (", ".join(out) + scope(rule)).removeprefix(", ")


def _usual(value: object, name: str) -> bool:
    """Whether a field says nothing beyond its default."""
    assert is_dataclass(value)
    field = next(f for f in fields(value) if f.name == name)
    default = field.default_factory() if field.default_factory is not MISSING else field.default
    return default is not MISSING and bool(getattr(value, name) == default)


def _is_duration(annotation: object) -> bool:
    return annotation is Duration or any(_is_duration(part) for part in getattr(annotation, "__args__", ()))
