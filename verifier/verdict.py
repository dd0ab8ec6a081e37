"""What is found and what follows from it, as data.

In: nothing. Out: findings and the absences that they rest on (made by assertions), and the report of a run (made by
the engine). Sentences about findings are made in `wording`, nowhere else.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from verifier.diagnosis import Diagnosis, Repair, Witness
from verifier.findings import (
    Absence,
    Broken,
    Detached,
    Early,
    Evidence,
    Finding,
    Illegal,
    Late,
    Mismatch,
    Misordered,
    Missing,
    Result,
    Unexpected,
    Unproven,
    Unreadable,
)
from verifier.flows import Stray
from verifier.shape import Scalar
from verifier.spans import Loss

if TYPE_CHECKING:
    import pandas


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


# ---- what the engine makes of it


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """A finding with what follows from it: the verdict, the premises that it took, why it isn't final.

    `witness` is there where the flow was diagnosed.
    """

    finding: Finding
    verdict: Verdict
    premises: tuple[str, ...] = ()
    reason: str | None = None
    settled_by: str | None = None
    due_ns: int | None = None
    witness: Witness | None = None


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
    repair: Repair | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowVerdict:
    """One flow under one shape; `shape` and `verdict` None: no shape applies to it. `diagnosis` where it was made."""

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
    diagnosis: Diagnosis | None = None

    def explain(self) -> str:
        """What was found, in words; plain text at 80 columns."""
        from verifier.wording import story  # wording needs these classes; only this method needs wording

        return story(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunVerdict:
    """A rule of `shape` on the whole run: what it says of the `flows` flows that the shape applies to, or may."""

    shape: str
    flows: int
    rule: AssertionVerdict

    def explain(self) -> str:
        """What was found across the flows, in words; plain text at 80 columns."""
        from verifier.wording import story_across  # wording needs these classes; only this method needs wording

        return story_across(self)


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
    run_assertions: tuple[RunVerdict, ...] = ()
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

    def to_frame(self) -> "pandas.DataFrame":
        """A table of pandas (the extra `pandas`; UsageError without it): one row per flow and assertion.

        string: shape, key, flow_verdict, reason, assertion, kind, at (file:line), verdict, and of the worst finding
        finding (its word), anomaly, title, step, service. datetime64[ns, UTC]: opened, last_seen, due. Int64: spans,
        records (of the flow), findings (how many). object: `fact.NAME` for each fact that some flow tells.
        What is not said is missing (NA, NaT, None). A flow to which no shape applies is one row without an assertion, a
        rule of the whole run one row without a key, at the end. An empty report gives the same columns but facts, and
        no row.
        """
        from verifier.frames import of_report  # it needs these classes

        return of_report(self)


__all__ = [
    "WORST_FIRST",
    "Absence",
    "AssertionVerdict",
    "Broken",
    "Detached",
    "Early",
    "Evidence",
    "Finding",
    "FlowVerdict",
    "Illegal",
    "Judged",
    "Late",
    "Mismatch",
    "Misordered",
    "Missing",
    "Report",
    "Result",
    "RunVerdict",
    "SourceReport",
    "Unexpected",
    "Unproven",
    "Unreadable",
    "Verdict",
    "merge",
]
