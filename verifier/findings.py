"""What assertions find, as data: findings, the evidence they carry, the absences they rest on.

In: nothing. Out: frozen data, made by assertions and read by the engine. Sentences about findings are made in
`wording`, nowhere else. `verifier.verdict` has these names too.
"""

from dataclasses import dataclass
from typing import ClassVar

from verifier.clock import Interval, Order
from verifier.spans import Observation, Value


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """An observation that a finding carries, under the name of the step (or the role) that it plays.

    `start` and `end` are when it was, as intervals. `flow` is its flow's key, where a finding is about several.
    """

    role: str
    of: Observation
    start: Interval
    end: Interval
    flow: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Absence:
    """No further occurrence of these steps in this flow before `until_ns` (None: before the flow ends).

    Without steps it speaks of rows: `spans` and `records` say of which. `since_ns`: nothing before that counts.
    `but_maybes`: what may be an occurrence is already counted in. `run`: in no flow of the run, not in this one alone.
    """

    steps: tuple[str, ...] = ()
    until_ns: int | None = None
    since_ns: int | None = None
    but_maybes: bool = False
    spans: bool = False
    records: bool = False
    run: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One place where a rule is broken, unproven or not yet due.

    `certain` False: what was seen fits a kept rule as well as a broken one; `doubt` says why. It is true only if the
    `absences` are. `anomaly` is its name in the literature of failures, one of `verifier.anomalies`.
    """

    word: ClassVar[str] = "finding"
    step: str | None = None
    service: str | None = None
    evidence: tuple[Evidence, ...] = ()
    absences: tuple[Absence, ...] = ()
    certain: bool = True
    doubt: str | None = None
    anomaly: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Missing(Finding):
    """Something that should be there isn't: `step`, or one of `instead`.

    `since` is what it should have followed, `due_ns` until when, `limit_ns` how long after; `before` what it should
    have come ahead of. `seen` of `wanted` are counts. `attempts` are the messages of attempts at it that failed.
    """

    word: ClassVar[str] = "missing"
    since: str | None = None
    before: str | None = None
    due_ns: int | None = None
    limit_ns: int | None = None
    instead: tuple[str, ...] = ()
    seen: tuple[int, int] | None = None
    wanted: str | None = None
    machine: str | None = None
    state: str | None = None
    final: tuple[str, ...] = ()
    group: str | None = None
    attempts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Unexpected(Finding):
    """Something that may not be there is: `after` or `before` another step, too often, or at all.

    `wrote`: not the step itself, but that it wrote this table.
    """

    word: ClassVar[str] = "unexpected"
    after: str | None = None
    before: str | None = None
    seen: tuple[int, int] | None = None
    wanted: str | None = None
    wrote: str | None = None
    message: str | None = None
    group: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Mismatch(Finding):
    """A value is wrong: `seen` instead of `expected`; `how` is changed, lost, not_allowed or condition.

    `between`: from which point to which it should have stayed the same.
    Across `flows` (their keys): constant (the only value), shared (one entity in all), crossed (`edge` leads over).
    """

    word: ClassVar[str] = "mismatch"
    attribute: str
    how: str
    seen: Value = None
    expected: Value = None
    topic: str | None = None
    between: tuple[str, str] | None = None
    flows: tuple[str, ...] = ()
    edge: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Misordered(Finding):
    """`then` came before `first`, or it can't be told; points as written in the rule.

    `scope`: it is about whether `then` lies in this scope ("after ready"), not about two points of the rule.
    """

    word: ClassVar[str] = "misordered"
    scope: str | None = None
    first: str
    then: str
    order: Order | None = None
    apart: Interval | None = None
    wanted: int = 1
    seen: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Late(Finding):
    """`then` took longer after `first` than `limit_ns`, or it can't be told.

    `stopped`: how long the clock stood still in between, in declared outages; `took` is without that.
    """

    word: ClassVar[str] = "late"
    first: str
    then: str
    took: Interval
    limit_ns: int
    stopped: Interval | None = None
    jumped: Interval | None = None
    order: Order | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Early(Finding):
    """`then` came sooner after `first` than `limit_ns`, or it can't be told."""

    word: ClassVar[str] = "early"
    first: str
    then: str
    took: Interval
    limit_ns: int
    jumped: Interval | None = None
    order: Order | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Illegal(Finding):
    """A machine's move that is not allowed (`allowed` are), or doesn't continue from `state`, where it last was."""

    word: ClassVar[str] = "illegal"
    machine: str
    source: str
    target: str
    state: str | None = None
    allowed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Detached(Finding):
    """`then` doesn't descend from `first` by way of every step of `through`, or it can't be told.

    `lacks` is the first of these that no path passes; `hop` the name of the observation at which the context was lost,
    and `how`: root (it begins a trace of its own), orphan (what it names as its cause was not seen), foreign (that is
    of another flow), forwarded (it took the context of a message of another topic, `sent_to`), message (what it handled
    was not seen), unclear (several may be its cause), skipped (nothing was lost: the path just passes no `lacks`).
    """

    word: ClassVar[str] = "detached"
    first: str
    then: str
    through: tuple[str, ...] = ()
    lacks: str
    how: str
    hop: str | None = None
    topic: str | None = None
    sent_to: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Unreadable(Finding):
    """The evidence can't be read as the rule needs it: an attribute, a fact, an identity.

    `why` is where it was looked for; `settled_by` what would answer.
    """

    word: ClassVar[str] = "unreadable"
    what: str
    raw: Value = None
    why: str = ""
    settled_by: str | None = None
    certain: bool = False
    anomaly: str | None = "unproven"


@dataclass(frozen=True, slots=True, kw_only=True)
class Unproven(Finding):
    """Nothing was seen against the rule, but that proves nothing here."""

    word: ClassVar[str] = "unproven"
    activated: bool = True
    anomaly: str | None = "unproven"


@dataclass(frozen=True, slots=True, kw_only=True)
class Broken(Finding):
    """The rule itself failed."""

    word: ClassVar[str] = "broken"
    rule: str
    exception: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What one rule found in one flow; never a verdict.

    `activated`: its trigger was seen; `activators` are the steps whose absence means that it never was.
    Without findings the claim "nothing is wrong" rests on `absences`; `evidence` is what was seen for it.
    """

    findings: tuple[Finding, ...] = ()
    activated: bool = True
    activators: tuple[Absence, ...] = ()
    absences: tuple[Absence, ...] = ()
    evidence: tuple[Evidence, ...] = ()
    excused: tuple[Evidence, ...] = ()
