"""What the oracle is asked: a small flow, a rule, and what may be missing.

In: nothing. Out: frozen data (`Row`, `Happened`, `Step`, `Lossy`, `Case`) in words of its own; times are whole
nanoseconds from any origin.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

NEVER = 10**18


# ---- what is given


@dataclass(frozen=True, slots=True, kw_only=True)
class Happened:
    """An event of a row."""

    name: str
    at: int
    attributes: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A span or a record that was observed. `end` None: not known. A record's `start` (made) may be None; `end` is when
    it was seen. `parent` "lost": it was not observed.
    """

    id: str
    sort: str
    name: str
    service: str = ""
    clock: str = ""
    start: int | None
    end: int | None
    error: bool = False
    kind: str = ""
    attributes: Mapping[str, Any] = field(default_factory=dict)
    parent: str | None = None
    links: tuple[str, ...] = ()
    events: tuple[Happened, ...] = ()
    place: tuple[int, int] = (0, 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What is an occurrence: of which sort, by name, status, service and conditions (attribute, operator, value)."""

    sort: str
    names: tuple[str, ...]
    status: str = "ok"
    service: str | None = None
    where: tuple[tuple[str, str, Any], ...] = ()
    identity: tuple[str, ...] = ()
    carries: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Lossy:
    """What may be lost: rows of this sort, of this service (None: any), begun from `since` until `until`.

    `ungiven`: no source shows any.
    """

    sort: str
    service: str | None = None
    since: int = -NEVER
    until: int = NEVER
    ungiven: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A flow, a rule and the premises. `open`: the flow isn't over, anything may yet come.

    Else only what a bound still waits for may. `over`: its end was seen.
    """

    rows: tuple[Row, ...]
    kind: str
    rule: Mapping[str, Any]
    steps: Mapping[str, Step]
    lossy: tuple[Lossy, ...] = ()
    at: int
    open: bool = False
    over: bool = False
    uncertainty: int = 5_000_000
    machine: Mapping[str, Any] = field(default_factory=dict)
    facts: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def told_fact(case: Case, name: str) -> Any:
    """What all places of a fact say, if it is one thing of the right type; else None."""
    attribute, *some = case.facts[name]
    said = {canonical(r.attributes.get(attribute)) for r in case.rows} - {None}
    return said.pop() if len(said) == 1 and {type(v) for v in said} == {type(some[0])} else None


def canonical(value: Any) -> Any:
    """A number and its text are one value; an empty text is none."""
    if value == "" or isinstance(value, bool):
        return None if value == "" else value
    if isinstance(value, str) and (value == "0" or (value.isdigit() and value[0] != "0")):
        return int(value)
    return value
