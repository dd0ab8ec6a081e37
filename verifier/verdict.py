"""What is found and what follows from it, as data.

In: nothing. Out: findings and the absences that they rest on (made by assertions), and the report of a run (made by
the engine). Sentences about findings are made in `wording`, nowhere else.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import ClassVar

from verifier.clock import Interval, Order
from verifier.flows import Stray
from verifier.shape import Scalar
from verifier.spans import Loss, Observation, Value


class Verdict(StrEnum):
    """What is said of a flow; of a rule also `vacuous`: never activated."""

    VIOLATED = "violated"
    ERROR = "error"
    INCONCLUSIVE = "inconclusive"
    PENDING = "pending"
    VACUOUS = "vacuous"
    SATISFIED = "satisfied"


WORST_FIRST = tuple(Verdict)


def merge(verdicts: Iterable[Verdict]) -> Verdict:
    """The worst of them; rules that were vacuous don't count, and nothing at all is inconclusive: never a pass."""
    judged = [v for v in verdicts if v is not Verdict.VACUOUS]
    return min(judged, key=WORST_FIRST.index) if judged else Verdict.INCONCLUSIVE


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """An observation that a finding carries, under the name of the step (or the role) that it plays.

    `start` and `end` are when it was, as intervals.
    """

    role: str
    of: Observation
    start: Interval
    end: Interval


@dataclass(frozen=True, slots=True, kw_only=True)
class Absence:
    """No further occurrence of these steps in this flow before `until_ns` (None: before the flow ends).

    Without steps it speaks of rows: `spans` and `records` say of which. `since_ns`: nothing before that counts.
    `but_maybes`: what may be an occurrence is already counted in.
    """

    steps: tuple[str, ...] = ()
    until_ns: int | None = None
    since_ns: int | None = None
    but_maybes: bool = False
    spans: bool = False
    records: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One place where a rule is broken, unproven or not yet due.

    `certain` False: what was seen fits a kept rule as well as a broken one; `doubt` says why. It is true only if the
    `absences` are. `anomaly` is its name in the literature of failures.
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
    """Something that may not be there is: `after` or `before` another step, too often, or at all."""

    word: ClassVar[str] = "unexpected"
    after: str | None = None
    before: str | None = None
    seen: tuple[int, int] | None = None
    wanted: str | None = None
    message: str | None = None
    group: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Mismatch(Finding):
    """A value is wrong: `seen` instead of `expected`; `how` is changed, lost, not_allowed or condition."""

    word: ClassVar[str] = "mismatch"
    attribute: str
    how: str
    seen: Value = None
    expected: Value = None
    topic: str | None = None


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
    """`then` took longer after `first` than `limit_ns`, or it can't be told."""

    word: ClassVar[str] = "late"
    first: str
    then: str
    took: Interval
    limit_ns: int
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Unproven(Finding):
    """Nothing was seen against the rule, but that proves nothing here."""

    word: ClassVar[str] = "unproven"
    activated: bool = True


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


# ---- what the engine makes of it


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """A finding with what follows from it: the verdict, the premises that it took, why it isn't final."""

    finding: Finding
    verdict: Verdict
    premises: tuple[str, ...] = ()
    reason: str | None = None
    settled_by: str | None = None
    due_ns: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AssertionVerdict:
    """One rule on one flow. `due_ns`: when a pending rule can be decided."""

    id: str
    kind: str
    at: str | None
    verdict: Verdict
    findings: tuple[Judged, ...] = ()
    premises: tuple[str, ...] = ()
    excused: tuple[Evidence, ...] = ()
    due_ns: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowVerdict:
    """One flow under one shape; `shape` and `verdict` None: no shape applies to it."""

    shape: str | None
    name: str
    key: str
    verdict: Verdict | None
    reason: str | None = None
    aliases: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    traces: tuple[str, ...] = ()
    facts: Mapping[str, Scalar] = field(default_factory=dict)
    opened_ns: int | None = None
    last_seen_ns: int | None = None
    spans: int = 0
    records: int = 0
    revision: int = 0
    due_ns: int | None = None
    assertions: tuple[AssertionVerdict, ...] = ()
    losses: tuple[Loss, ...] = ()

    def explain(self) -> str:
        """What was found, in words; plain text at 80 columns."""
        from verifier.wording import story  # wording needs these classes; only this method needs wording

        return story(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceReport:
    """What one source gave."""

    url: str
    spans: int
    records: int
    losses: tuple[Loss, ...] = ()
    failed: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """All verdicts of a run. `at_ns` is the moment it was judged as of; order of everything is fixed."""

    verdict: Verdict
    at_ns: int
    version: str
    assume: str
    sources: tuple[SourceReport, ...] = ()
    flows: tuple[FlowVerdict, ...] = ()
    strays: tuple[Stray, ...] = ()
    unfired: tuple[str, ...] = ()
    unmatched_steps: tuple[str, ...] = ()
    reason: str | None = None
    notes: tuple[str, ...] = ()
    strict: bool = False
    again: str | None = None
    shapes: tuple[str, ...] = ()

    @property
    def violated(self) -> tuple[FlowVerdict, ...]:
        """The flows that went wrong."""
        return tuple(f for f in self.flows if f.verdict is Verdict.VIOLATED)

    @property
    def totals(self) -> dict[str, int]:
        """How many flows of each verdict; strays are counted in rows."""
        judged = [f.verdict for f in self.flows if f.verdict is not None]
        words = (Verdict.SATISFIED, Verdict.VIOLATED, Verdict.PENDING, Verdict.INCONCLUSIVE, Verdict.ERROR)
        return {
            "flows": len({(f.name, f.key) for f in self.flows}),
            **{word.value: judged.count(word) for word in words},
            "not_applicable": sum(f.verdict is None for f in self.flows),
            "strays": len(self.strays),
        }

    @property
    def exit_code(self) -> int:
        """0 satisfied, 1 violated, 3 inconclusive, pending or error; `strict` makes unfired and unmatched 3."""
        if self.verdict is Verdict.VIOLATED:
            return 1
        passed = self.verdict is Verdict.SATISFIED and not (self.strict and (self.unfired or self.unmatched_steps))
        return 0 if passed else 3

    def flow(self, key: str) -> FlowVerdict:
        """The verdict of the flow with this key (the worst one, if several shapes judged it); KeyError if none."""
        found = [f for f in self.flows if f.key == key]
        if not found:
            raise KeyError(key)
        return min(found, key=lambda f: WORST_FIRST.index(f.verdict) if f.verdict else len(WORST_FIRST))
