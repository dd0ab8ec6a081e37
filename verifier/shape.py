"""What a flow should look like, as data.

In: nothing. Out: `Shape` and the parts that it is made of, one to one with the YAML spelling: a field here is a key
there, under the same name (`except_` and `in_` lose their underscore, `from_` too).
A duration is text ("5m", "1.5s", "250ms") or the name of a param; a point is a step's name, `start of STEP` or
`end of STEP`.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any, ClassVar, Literal, NewType

if TYPE_CHECKING:
    from verifier.binding import BoundFlow
    from verifier.shares import Entry, Share
    from verifier.verdict import Absence, Result

Scalar = bool | int | float | str
StepName = NewType("StepName", str)
"""The name of a step of the shape."""
Point = NewType("Point", str)
"""A step's name, `start of STEP` or `end of STEP`; a bare name means its start."""
FactName = NewType("FactName", str)
MachineName = NewType("MachineName", str)
AttributeName = NewType("AttributeName", str)
Pattern = NewType("Pattern", str)
"""A regular expression, searched for in the value's text."""
Duration = NewType("Duration", str)
"""A duration ("90s", "5m", "26h") or the name of a param that holds one."""
ClockName = Literal["plain", "business"]

UNITS_NS = {"ns": 1, "us": 10**3, "ms": 10**6, "s": 10**9, "m": 60 * 10**9, "h": 3600 * 10**9, "d": 86400 * 10**9}
_DURATION = re.compile(r"(\d+)(?:\.(\d+))?(ns|us|ms|s|m|h|d)")


def duration_ns(text: str) -> int | None:
    """Nanoseconds of "5m" or "1h30m", None if the text is no duration."""
    at = total = 0
    while part := _DURATION.match(text, at):
        unit = UNITS_NS[part[3]]
        total += int(part[1]) * unit
        if part[2]:
            total += int(part[2]) * unit // 10 ** len(part[2])
        at = part.end()
    return total if at and at == len(text) else None


def split_point(point: str) -> tuple[str, str]:
    """`("start" | "end", step)` of a point."""
    for edge in ("start", "end"):
        if point.startswith(f"{edge} of "):
            return edge, point[len(edge) + 4 :].strip()
    return "start", point


# How pydantic reads these dataclasses from YAML; a plain mapping, so that this module need not import pydantic.
PYDANTIC: dict[str, Any] = {
    "extra": "forbid",
    "alias_generator": lambda name: name.rstrip("_"),
    "populate_by_name": True,
    "strict": True,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """What a value must be; several are all required. Compared by the type that is written here, as attribute
    values may all be strings: `lt: 3` reads "2" as a number, and says so when it can't."""

    __pydantic_config__: ClassVar[dict[str, Any]] = PYDANTIC
    eq: Scalar | None = None
    ne: Scalar | None = None
    lt: float | None = None
    le: float | None = None
    gt: float | None = None
    ge: float | None = None
    in_: tuple[Scalar, ...] | None = None
    not_in: tuple[Scalar, ...] | None = None
    matches: Pattern | None = None
    exists: bool | None = None


Conditions = Mapping[str, Condition | Scalar]


@dataclass(frozen=True, slots=True, kw_only=True)
class Begins:
    """What every flow begins with: one whose steps here were not all seen may have begun before what was read."""

    __pydantic_config__: ClassVar[dict[str, Any]] = PYDANTIC
    steps: tuple[StepName, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ends:
    """When a flow is over: all these steps have been seen."""

    __pydantic_config__: ClassVar[dict[str, Any]] = PYDANTIC
    steps: tuple[StepName, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Correlation:
    """Which observations belong to one flow: they lead to one value of `key`.

    `routes` are URL paths with the key in braces; `aliases` are attributes that stand for the key while they lead to
    only one; without `ends` a flow is over when the input is; at `gives_up` after its opening it is judged as it is.
    Without `begins` a flow is taken to begin with its first observation.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = PYDANTIC
    key: AttributeName
    routes: tuple[str, ...] = ()
    aliases: tuple[AttributeName, ...] = ()
    begins: Begins | None = None
    ends: Ends | None = None
    gives_up: Duration | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """One place that answers for a fact: an attribute of any observation, or a field of a record.

    `map` turns the field's value into the fact's; its `null` stands for missing or null, `else` for anything else.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = PYDANTIC
    attribute: AttributeName | None = None
    record: str | None = None
    field: str | None = None
    map: Mapping[str, Scalar] | None = None

    def __str__(self) -> str:
        return f"attribute {self.attribute}" if self.attribute else f"{self.field} of record {self.record}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Except:
    """Takes occurrences out of a step: those with such a span event."""

    __pydantic_config__: ClassVar[dict[str, Any]] = PYDANTIC
    event: str
    where: Conditions = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One expected place in a flow: exactly one of `span`, `event` or `record` (a name or several; `*` globs).

    A span with status ERROR is an attempt, not an occurrence, unless `status` is "any" (or "error": only those).
    Occurrences that are equal in `identity` count once. `shared`: also rows that serve several flows. `optional`: may
    never match. `carries`: attributes that the span itself must have.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = PYDANTIC
    service: str | None = None
    span: str | tuple[str, ...] | None = None
    event: str | tuple[str, ...] | None = None
    record: str | tuple[str, ...] | None = None
    kind: Literal["unspecified", "internal", "server", "client", "producer", "consumer"] | None = None
    status: Literal["ok", "error", "any"] = "ok"
    where: Conditions = field(default_factory=dict)
    except_: Except | None = None
    identity: tuple[AttributeName, ...] = ()
    carries: tuple[AttributeName, ...] = ()
    shared: bool = False
    optional: bool = False

    @property
    def sort(self) -> Literal["span", "event", "record"]:
        """What kind of observation it matches."""
        return "span" if self.span is not None else "event" if self.event is not None else "record"

    @property
    def names(self) -> tuple[str, ...]:
        """The names that it matches."""
        given = self.span if self.span is not None else self.event if self.event is not None else self.record
        return (given,) if isinstance(given, str) else tuple(given or ())


@dataclass(frozen=True, slots=True, kw_only=True)
class MovesBy:
    """Where a machine's moves are seen: occurrences of `step`, with the attributes that name the two states."""

    __pydantic_config__: ClassVar[dict[str, Any]] = PYDANTIC
    step: StepName
    from_: AttributeName
    to: AttributeName


@dataclass(frozen=True, slots=True, kw_only=True)
class Stay:
    """How long a state may last."""

    __pydantic_config__: ClassVar[dict[str, Any]] = PYDANTIC
    at_most: Duration
    clock: ClockName = "plain"


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """A state machine: state -> states it may move to; `"*"` holds what every state may move to."""

    __pydantic_config__: ClassVar[dict[str, Any]] = PYDANTIC
    moves_by: MovesBy
    initial: str
    final: tuple[str, ...] = ()
    moves: Mapping[str, tuple[str, ...]]
    stays: Mapping[str, Stay] = field(default_factory=dict)

    @property
    def states(self) -> frozenset[str]:
        """Every state that it knows."""
        return frozenset({self.initial, *self.final, *self.moves, *(t for ts in self.moves.values() for t in ts)}) - {
            "*"
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class FactRef:
    """A number that a fact of the flow gives."""

    __pydantic_config__: ClassVar[dict[str, Any]] = PYDANTIC
    fact: FactName


Times = int | str | FactRef
"""How often: `1`, `">=1"`, `"0..1"`, `{fact: expected_lines}`."""


def times_range(text: str) -> tuple[int, int | None] | None:
    """(least, most) of "1", ">=1" or "0..1"; `most` None if unbounded; None if the text is none of these."""
    match = re.fullmatch(r"(>=)?\s*(\d+)(?:\.\.(\d+))?", text.strip())
    if not match or (match[1] and match[3]):
        return None
    least, most = int(match[2]), None if match[1] else int(match[3] or match[2])
    return None if most is not None and most < least else (least, most)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """What every kind of assertion takes beside its own parameters; the kinds are in `verifier.assertions`.

    `id` names it in reports; `when` are facts on which it applies; `after` (from any such point on), `before` (until
    the first such point) and `between` (from one point to the next other one; a second opening while it is open opens
    nothing) are its scope. A kind's `may_lack` are its fields whose steps need not match anywhere.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = PYDANTIC
    kind: ClassVar[str] = ""
    may_lack: ClassVar[frozenset[str]] = frozenset()
    id: str | None = None
    when: Mapping[FactName, Condition | Scalar] = field(default_factory=dict)
    after: Point | None = None
    before: Point | None = None
    between: tuple[Point, Point] | None = None

    def check(self, flow: "BoundFlow") -> "Result":
        """What this rule finds in one flow; pure, and never a verdict."""
        raise NotImplementedError

    def problems(self, _: "Shape") -> list[tuple[str, str]]:
        """What is wrong with the parameters together: (field, sentence). A kind that has its own adds these."""
        scopes = [name for name in ("after", "before", "between") if getattr(self, name) is not None]
        if len(scopes) > 1:
            return [(scopes[1], f"one scope at a time: {' and '.join(scopes)} are given; expected one of them")]
        return []


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRule(Rule):
    """A kind that judges the whole run: it collects a little from each flow that its shape applies to, then decides.

    It has no scope: a run has no points.
    """

    def collect(self, flow: "BoundFlow") -> "tuple[Entry, ...]":
        """What one flow adds: keyed aggregates, not traces; pure."""
        raise NotImplementedError

    def rests_on(self) -> "tuple[Absence, ...]":
        """The absences that anything it says may rest on; each is asked about in every flow, and in the run."""
        raise NotImplementedError

    def check_run(self, shares: "Sequence[Share]") -> "Result":
        """What this rule finds in the run, from what each flow added; pure, and never a verdict."""
        raise NotImplementedError

    def problems(self, shape: "Shape") -> list[tuple[str, str]]:
        """What is wrong with the parameters together; a scope always is."""
        named = [name for name in ("after", "before", "between") if getattr(self, name) is not None]
        text = f"{self.kind} judges the whole run, which has no points; expected no scope, or 'when' with facts"
        return [(name, text) for name in named[:1]] or Rule.problems(self, shape)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where something is written in a file; `line` and `column` count from 1."""

    file: str
    line: int
    column: int = 1

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """What a flow should look like: how it is gathered, its steps, facts, state machines and assertions.

    `places` says where each assertion is written, None for a shape made in Python.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = PYDANTIC
    shape: str
    about: str = ""
    params: Mapping[str, str] = field(default_factory=dict)
    attributes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    flow: Correlation
    facts: Mapping[str, tuple[Fact, ...]] = field(default_factory=dict)
    when: Mapping[FactName, Condition | Scalar] = field(default_factory=dict)
    steps: Mapping[str, Step] = field(default_factory=dict)
    machines: Mapping[str, Machine] = field(default_factory=dict)
    assertions: tuple[Rule, ...]
    places: tuple[Place, ...] | None = None

    def ids(self) -> tuple[str, ...]:
        """The name of each assertion: its own, else its kind and how many of that kind came before it."""
        seen: dict[str, int] = {}
        out = []
        for rule in self.assertions:
            seen[rule.kind] = seen.get(rule.kind, 0) + 1
            out.append(rule.id or f"{rule.kind}-{seen[rule.kind]}")
        return tuple(out)


def points_of(rule: Rule) -> tuple[tuple[str, str], ...]:
    """(field, step) for every step that a rule names, its scope included; sorted by field, in the order written.

    A kind whose steps hide in parts of its own (`sequence`) says so with a `step_names` method.
    """
    out: list[tuple[str, str]] = []
    for f in fields(rule):
        value = getattr(rule, f.name)
        if _is_point(f.type):
            items = value if isinstance(value, tuple) else (value,)
            out.extend((f.name, split_point(item)[1]) for item in items if isinstance(item, str))
    named = getattr(rule, "step_names", None)
    return (*out, *(("steps", step) for step in named())) if named else tuple(out)


def _is_point(annotation: object) -> bool:
    """Whether a field's annotation speaks of steps: `StepName`, `Point`, alone, optional or in a tuple."""
    if annotation in (StepName, Point):
        return True
    return any(_is_point(part) for part in getattr(annotation, "__args__", ()))
